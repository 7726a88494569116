"""Time and agreement of fits and forecasts on the CDNOW sample, lifetimes beside clvmodels in one run.

Prints seconds (best of several runs, after a first one that is not counted), their ratio, and how far the
log-likelihoods and the 39-week totals of the two are apart. lifetimes gives no standard errors of
Pareto/NBD and no distribution; clvmodels' times include the first.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

import clvmodels as clv


def best_of(runs: int, job: Callable[[], Any]) -> tuple[float, Any]:
    """Shortest time of `runs` runs after a first one, and what the job returned."""
    result, times = job(), []
    for _ in range(runs):
        began = perf_counter()
        result = job()
        times.append(perf_counter() - began)
    return min(times), result


def lifetimes_fit(name: str, rfm: clv.RFM) -> Any:
    """A fitted lifetimes model."""
    import lifetimes

    if name == "gamma_gamma":
        spent = rfm.monetary_value > 0
        return lifetimes.GammaGammaFitter().fit(rfm.frequency[spent], rfm.monetary_value[spent])
    fitter = {"bg_nbd": lifetimes.BetaGeoFitter, "pareto_nbd": lifetimes.ParetoNBDFitter}[name]()
    return fitter.fit(rfm.frequency, rfm.recency, rfm.T)


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")  # lifetimes was written for older pandas and NumPy
    rfm = clv.rfm_summary(clv.load_cdnow("sample"), spend="spend", observation_end="1997-09-30")
    out = sys.stdout.write
    out(
        f"{'maximum likelihood, CDNOW sample':34}{'lifetimes s':>12}{'clvmodels s':>12}{'ratio':>8}{'39 weeks':>24}\n"
    )
    for name in ("bg_nbd", "pareto_nbd", "gamma_gamma"):
        theirs, fitter = best_of(3, lambda name=name: lifetimes_fit(name, rfm))
        ours, posterior = best_of(10, lambda name=name: clv.fit(name, rfm, method="mle"))
        totals = ""
        if name != "gamma_gamma":
            bought = fitter.conditional_expected_number_of_purchases_up_to_time(
                39, rfm.frequency, rfm.recency, rfm.T
            )
            expected = posterior.model.expected_purchases(posterior.mode, rfm, 39.0)
            totals = f"{np.sum(bought):,.1f} / {expected.sum():,.1f}"
        out(f"{posterior.model.title:34}{theirs:12.4f}{ours:12.4f}{theirs / ours:8.1f}{totals:>24}\n")
    for name in ("bg_nbd", "pareto_nbd", "gamma_gamma"):
        seconds, posterior = best_of(3, lambda name=name: clv.fit(name, rfm, method="laplace"))
        size = posterior.diagnostics["effective_size"]
        out(f"posterior of {posterior.model.title}: {seconds:.2f} s, effective size {size:,.0f}\n")
    fitted = clv.CLVModel().fit(rfm, seed=1)
    seconds, forecast = best_of(1, lambda: fitted.forecast("52W", seed=1))
    cells = forecast.total.draws.size * len(rfm)
    out(
        f"forecast of {len(rfm):,} customers x {forecast.total.draws.size:,} draws x 52 weeks: {seconds:.2f} s, "
    )
    out(f"{1e9 * seconds / cells:.0f} ns per customer and draw\n")


if __name__ == "__main__":
    main()
