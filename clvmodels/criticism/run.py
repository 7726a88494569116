"""All checks that the data allow, one after the other."""

from __future__ import annotations

from clvmodels.backtesting import Scorecard
from clvmodels.contracts import FittedForecaster
from clvmodels.criticism.drift import ORIGINS, cohort_drift, origin_drift
from clvmodels.criticism.regularity import purchase_regularity
from clvmodels.criticism.season import seasonality
from clvmodels.criticism.spend import spend_and_frequency
from clvmodels.criticism.spread import spend_shape, spend_spread
from clvmodels.criticism.suspicion import Sampling, Suspicion, check_events, not_run
from clvmodels.rfm import RFM
from clvmodels.transactions import PurchaseEvents


def criticise(
    rfm: RFM,
    events: PurchaseEvents,
    *,
    fitted: FittedForecaster | None = None,
    scorecard: Scorecard | None = None,
    level: float = 0.9,
    resamples: int = 1000,
    seed: int = 0,
) -> tuple[Suspicion, ...]:
    """Check what the models take for granted, one assumption at a time.

    Where a forecast fails, this says what to suspect; where an assumption holds, it says so with its interval.
    A check without the data it needs is in the list with the verdict ``not run`` and the reason. At a level of 90 %
    one check in ten calls attention to nothing: read ``suspect``, which asks for a harmful size beyond the interval,
    before ``worth a look``.

    Whether a customer is alive is never observed, so no check looks at P(alive) itself: it follows from the
    assumptions checked here, and what can be seen of it is who buys again.

    Parameters
    ----------
    rfm, events
        The customers and their purchases up to the end of observation, from
        ``rfm, holdout = calibration_holdout(...)`` and ``holdout.before``.
    fitted
        Whose expectation the calendar is held against; by default Pareto/NBD is fitted for that.
    scorecard
        A backtest, for the drift of each model's totals from origin to origin.
    level, resamples, seed
        Of the intervals.

    Returns
    -------
    tuple of Suspicion
        Purchase regularity, seasonality, drift between cohorts, spend and frequency, over-dispersed spend,
        spend shape, and drift between origins for each forecaster that gives a distribution.

    Raises
    ------
    DataError
        If the events do not belong to the summary.
    ArgumentError
        If level, resamples or seed is not legal.

    Examples
    --------
    >>> import clvmodels as clv
    >>> rfm, holdout = clv.calibration_holdout(clv.load_cdnow(), cutoff="1997-09-30", spend="spend")
    >>> for suspicion in criticise(rfm, holdout.before, resamples=200):
    ...     print(f"{suspicion.name}: {suspicion.verdict}")
    purchase regularity: clear
    seasonality: not run
    drift between cohorts: clear
    spend and frequency: worth a look
    over-dispersed spend: clear
    spend shape: worth a look
    drift between origins: not run
    """
    sampling = Sampling(level, seed, resamples)
    check_events(rfm, events)
    found = [
        purchase_regularity(rfm, events, sampling),
        seasonality(rfm, events, fitted, sampling),
        cohort_drift(rfm, events, sampling),
        spend_and_frequency(rfm, events, sampling),
        spend_spread(rfm, sampling),
        spend_shape(rfm, sampling),
    ]
    if scorecard is None:
        return *found, not_run(ORIGINS, "no backtest was given", sampling, 1.0)
    totals = scorecard.at().totals
    models = dict.fromkeys(totals.loc[totals["is_distribution"].astype(bool), "model"])
    if not models:
        return *found, not_run(ORIGINS, "no forecaster of the backtest gives a distribution", sampling, 1.0)
    return *found, *(origin_drift(scorecard, str(model)) for model in models)
