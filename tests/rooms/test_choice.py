"""The automatic choice: what it sees, what it decides, and what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.forecast import choice
from clvmodels.forecast.choice import choose_purchase, choose_spend
from clvmodels.models import PURCHASE_MODELS, REGULAR_MODELS


@pytest.fixture(scope="module")
def rfm(cdnow: pd.DataFrame) -> clv.RFM:
    return clv.rfm_summary(cdnow, spend="spend", observation_end="1997-09-30")


def test_without_arguments_every_choice_is_told_in_a_line(rfm: clv.RFM) -> None:
    fitted = clv.CLVModel().fit(rfm, draws=100, seed=1)
    purchases, season, spend, *_ = fitted.summary.splitlines()
    assert season == "season: none; 8 full months, and 24 are needed to know one"
    assert purchases.startswith("purchases: ")
    assert purchases.endswith("2,357 customers as of 1997-07-02, watched until 1997-09-30")
    assert all(
        (model.title in purchases) is (model not in REGULAR_MODELS.values())
        for model in PURCHASE_MODELS.values()
    )
    assert spend == "spend: Gamma-Gamma on transactions, since the summary remembers single transactions"
    assert fitted.spend.model.name == "gamma_gamma_transactions"
    assert fitted.name == f"{fitted.purchase.model.title} × Gamma-Gamma on transactions (laplace)"


def test_the_choice_is_that_of_the_best_forecast_of_the_last_third(cdnow: pd.DataFrame, rfm: clv.RFM) -> None:
    """The same walk by hand. Killed: scores of the fit itself; a likelihood; the usual model whatever the scores."""
    titles = {PURCHASE_MODELS[name].title: name for name in ("bg_nbd", "mbg_nbd", "pareto_nbd")}
    models = [clv.CLVModel(name, None, method="map", label=title) for title, name in titles.items()]
    inside = cdnow[cdnow["date"] <= "1997-09-30"]
    found = clv.backtest(inside, models, origins="1997-07-02", horizon="90D", draws=400)
    crps = found.table("purchases")["crps"].droplevel("origin")
    chosen = choose_purchase(rfm, 1)
    best = titles[crps.idxmin()]
    close = abs(crps / crps.min() - 1) < 0.004
    assert chosen.name == best or close[PURCHASE_MODELS[chosen.name].title]
    said = dict(
        part.rsplit(" ", 1) for part in chosen.reason.split("(")[1].split(")")[0].split("; ")[0].split(", ")
    )
    assert {title: float(said[title]) for title in titles} == pytest.approx(crps.to_dict(), rel=0.02)


@pytest.mark.parametrize(("model", "tried"), [("mbg_cnbd_3", {2, 3}), ("mbg_nbd", set())])
def test_regular_buyers_get_their_model_and_others_do_not_pay_for_it(model: str, tried: set[int]) -> None:
    """Dates to the day. Killed: stages taken from the likelihood; all models tried on every log."""
    life = {"r": 1.2, "alpha": 5.0, "a": 0.8, "b": 3.0}
    log = clv.simulate(
        model, life, customers=1500, weeks=104, acquisition_weeks=26, seed=2, resolution="D", spend=None
    )
    then = log[log["date"] <= "2025-06-25"]
    rfm = clv.rfm_summary(then, observation_end="2025-06-25")
    chosen = choose_purchase(rfm, 1)
    assert {k for k, model in REGULAR_MODELS.items() if model.title in chosen.reason} == tried
    assert ("customers buy at regular times (k = 2." in chosen.reason) is bool(tried)
    if not tried:
        assert chosen.name in ("bg_nbd", "mbg_nbd", "pareto_nbd")
        return
    assert chosen.name == "mbg_cnbd_3"
    models = [
        clv.CLVModel(name, None, method="map", label=name) for name in (chosen.name, "mbg_nbd", "pareto_nbd")
    ]
    found = clv.backtest(log, models, origins="2025-06-25", horizon="26W", draws=300, spend=None)
    crps = found.table("purchases")["crps"].droplevel("origin")
    assert crps["mbg_cnbd_3"] < 0.97 * min(crps["mbg_nbd"], crps["pareto_nbd"])


def test_nothing_after_the_observation_is_seen(cdnow: pd.DataFrame, rfm: clv.RFM) -> None:
    """Killed: a window cut from the whole log."""
    changed = cdnow.assign(spend=np.where(cdnow["date"] > "1997-09-30", 1e6, cdnow["spend"]))
    changed = pd.concat([changed, changed[changed["date"] > "1997-09-30"].assign(customer_id=1)])
    later = clv.rfm_summary(changed, spend="spend", observation_end="1997-09-30")
    assert choose_purchase(later, 1) == choose_purchase(rfm, 1)


def test_row_order_and_ids_leave_no_trace(cdnow: pd.DataFrame, rfm: clv.RFM) -> None:
    shuffled = clv.rfm_summary(
        cdnow.sample(frac=1, random_state=3), spend="spend", observation_end="1997-09-30"
    )
    assert choose_purchase(shuffled, 1).name == choose_purchase(rfm, 1).name


def test_the_usual_model_stays_where_the_lead_may_be_chance(
    rfm: clv.RFM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed: the smallest mean wins whatever its error; a lead that is measured the wrong way round."""
    rng = np.random.default_rng(1)
    base = rng.random(4000)

    def scores(lead: float) -> str:
        noise = rng.normal(0, 0.1, 4000)  # standard error of the difference: 0.0016
        table = {"pareto_nbd": base, "bg_nbd": base - lead + noise - noise.mean()}
        monkeypatch.setattr(
            choice,
            "_scores",
            lambda model, window, seed: table.get(model.name, base + 1),  # noqa: ARG005
        )
        return choose_purchase(rfm, 1).name

    assert scores(0.001) == "pareto_nbd"
    assert scores(0.003) == "bg_nbd"
    assert scores(-0.003) == "pareto_nbd"


def test_where_nothing_can_be_tried_the_usual_model_is_taken_and_the_reason_told(rfm: clv.RFM) -> None:
    without = replace(rfm, history=None)
    for target, words in (
        (without, "does not remember its log"),
        (clv.rfm_summary(few(), spend="spend"), "too few to tell models apart"),
    ):
        chosen = choose_purchase(target, 1)
        assert chosen.name == "pareto_nbd"
        assert words in chosen.reason


def few() -> pd.DataFrame:
    days = pd.date_range("2024-01-01", periods=60)
    return pd.DataFrame({"customer_id": np.arange(60) % 20, "date": days, "spend": 5.0})


def test_means_alone_get_the_model_of_means(rfm: clv.RFM) -> None:
    means = clv.RFM.from_arrays(
        frequency=rfm.frequency,
        recency=rfm.recency,
        T=rfm.T,
        monetary_value=rfm.monetary_value,
        time_unit="W",
    )
    chosen = choose_spend(means)
    assert chosen.name == "gamma_gamma"
    assert "no single transactions" in chosen.reason
    fitted = clv.CLVModel("bg_nbd", method="mle").fit(means)
    assert fitted.spend.model.name == "gamma_gamma"
    assert fitted.name == "BG/NBD × Gamma-Gamma (mle)"


def test_the_classical_forms_are_an_argument_away(rfm: clv.RFM) -> None:
    fitted = clv.CLVModel("pareto_nbd", "gamma_gamma").fit(rfm, draws=50)
    assert fitted.choices == ()
    assert fitted.summary.startswith("Pareto/NBD")


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({}, "Automatic choice (laplace)"),
        ({"spend": None}, "Automatic choice × no spend (laplace)"),
        ({"spend": "gamma_gamma"}, "Automatic choice × Gamma-Gamma (laplace)"),
        ({"purchase": "bg_nbd", "method": "mle"}, "BG/NBD × automatic spend (mle)"),
        ({"purchase": "bg_nbd", "spend": None}, "BG/NBD (laplace)"),
    ],
)
def test_a_name_does_not_depend_on_the_data(arguments: dict, name: str) -> None:
    assert clv.CLVModel(**arguments).name == name


def test_priors_of_a_model_still_to_be_chosen_are_refused() -> None:
    priors = {"r": clv.LogNormal(1.0, 1.0)}
    with pytest.raises(clv.ArgumentError, match="purchase_priors belong to one model"):
        clv.CLVModel(purchase_priors=priors)
    assert clv.CLVModel("bg_nbd", purchase_priors=priors).purchase == "bg_nbd"


def test_choices_survive_saving(rfm: clv.RFM, tmp_path: object) -> None:
    fitted = clv.CLVModel(method="map").fit(rfm.take(slice(0, 300)))
    again = clv.load_fit(clv.save_fit(fitted, tmp_path / "fit"))
    assert again.choices == fitted.choices
    assert again.choices[0] in again.summary


def test_a_log_of_one_day_is_refused_in_words() -> None:
    log = pd.DataFrame({"customer_id": ["ann", "bob"], "date": ["2026-01-01"] * 2, "spend": [5.0, 6.0]})
    with pytest.raises(clv.DataError, match="every customer was first seen at the very end of observation"):
        clv.CLVModel(spend=None).fit(clv.rfm_summary(log, spend="spend"))
