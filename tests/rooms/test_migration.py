"""What lifetimes made is taken over as it is, says where it comes from, and is refused where it cannot be right."""

from __future__ import annotations

import warnings
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.errors import ArgumentError, DataError, FitError, FitStatus
from clvmodels.rfm import RFM


@pytest.fixture(scope="module")
def lifetimes() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # written for older NumPy and pandas
        import lifetimes
        import lifetimes.utils
    return lifetimes


@pytest.fixture(scope="module")
def frame(lifetimes: ModuleType, cdnow: pd.DataFrame) -> pd.DataFrame:
    """The summary that lifetimes makes of the sample: days, ids in the index."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return lifetimes.utils.summary_data_from_transaction_data(
            cdnow, "customer_id", "date", "spend", observation_period_end="1997-09-30"
        )


@pytest.fixture(scope="module")
def fitters(lifetimes: ModuleType, frame: pd.DataFrame) -> dict[str, Any]:
    columns = (frame["frequency"], frame["recency"], frame["T"])
    spent = frame[frame["monetary_value"] > 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "bg_nbd": lifetimes.BetaGeoFitter().fit(*columns),
            "mbg_nbd": lifetimes.ModifiedBetaGeoFitter().fit(*columns),
            "pareto_nbd": lifetimes.ParetoNBDFitter().fit(*columns, initial_params=np.ones(4)),
            "gamma_gamma": lifetimes.GammaGammaFitter().fit(spent["frequency"], spent["monetary_value"]),
            "penalised": lifetimes.BetaGeoFitter(penalizer_coef=0.1).fit(*columns),
            "value": lifetimes.GammaGammaFitter(),
        }


# --- frames --------------------------------------------------------------------------------------------------


def test_frame_of_lifetimes_is_the_summary_of_the_log(frame: pd.DataFrame, cdnow: pd.DataFrame) -> None:
    ours = clv.rfm_summary(cdnow, spend="spend", period="D", time_unit="D", observation_end="1997-09-30")
    taken = clv.rfm_from_frame(frame, time_unit="D", observation_end="1997-09-30")
    assert taken.customer_id.tolist() == ours.customer_id.tolist()
    assert taken.observed_until == ours.observed_until
    for name in ("frequency", "recency", "T", "monetary_value", "spend_count"):
        np.testing.assert_allclose(getattr(taken, name), getattr(ours, name), rtol=1e-12)


def test_ids_come_from_the_column_if_there_is_one(frame: pd.DataFrame) -> None:
    """As in pymc-marketing, and with a name of one's own."""
    asked = {"time_unit": "D"}
    expected = frame.index.tolist()
    assert clv.rfm_from_frame(frame.reset_index(), **asked).customer_id.tolist() == expected
    own = frame.reset_index().rename(columns={"customer_id": "member"}).drop(columns="monetary_value")
    taken = clv.rfm_from_frame(own, customer_id="member", **asked)
    assert taken.customer_id.tolist() == expected
    assert not taken.has_spend


def test_frame_is_left_as_it_was(frame: pd.DataFrame) -> None:
    before = frame.copy()
    taken = clv.rfm_from_frame(frame, time_unit="D")
    pd.testing.assert_frame_equal(frame, before)
    assert not np.shares_memory(taken.T, frame["T"].to_numpy())


def test_first_purchases_that_were_counted_are_refused(lifetimes: ModuleType, cdnow: pd.DataFrame) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        counted = lifetimes.utils.summary_data_from_transaction_data(
            cdnow, "customer_id", "date", include_first_transaction=True
        )
    with pytest.raises(DataError, match=r"frequency.*first: 3, 4, 5.*without include_first_transaction"):
        clv.rfm_from_frame(counted, time_unit="D")


def test_frame_of_calibration_and_holdout_says_how_to_take_its_part(frame: pd.DataFrame) -> None:
    """lifetimes names those columns frequency_cal and so on, and adds two of the holdout."""
    both = frame.add_suffix("_cal").assign(frequency_holdout=0.0, duration_holdout=273.0)
    with pytest.raises(DataError, match="removesuffix"):
        clv.rfm_from_frame(both, time_unit="D")
    part = both.filter(like="_cal").rename(columns=lambda name: name.removesuffix("_cal"))
    assert len(clv.rfm_from_frame(part, time_unit="D")) == len(both)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda table: table.drop(columns="T"), "no T; it has frequency, recency"),
        (lambda table: table.assign(recency=table["T"] + 1), "recency must not exceed T"),
        (lambda table: table.assign(frequency=np.nan), "must be finite"),
        (lambda table: table.set_axis([None, *table.index[1:]]), "ids must not be missing"),
        (lambda table: table.set_axis([7] * len(table)), "ids must be unique"),
        (lambda table: table.iloc[:0], "there is no customer"),
    ],
)
def test_broken_frames_are_refused(frame: pd.DataFrame, change: Any, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        clv.rfm_from_frame(change(frame.head(50)), time_unit="D")


def test_what_is_no_frame_or_has_no_unit_is_refused(frame: pd.DataFrame) -> None:
    with pytest.raises(ArgumentError, match="dict, not a pandas frame"):
        clv.rfm_from_frame(frame.to_dict(), time_unit="D")
    with pytest.raises(TypeError, match="time_unit"):
        clv.rfm_from_frame(frame)
    with pytest.raises(ArgumentError, match="'M' is not one of"):
        clv.rfm_from_frame(frame, time_unit="M")


# --- fits ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bg_nbd", "mbg_nbd", "pareto_nbd", "gamma_gamma"])
def test_fit_is_taken_over_with_its_parameters_and_its_likelihood(name: str, fitters: dict[str, Any]) -> None:
    fitter = fitters[name]
    posterior = clv.from_lifetimes(fitter, time_unit="D")
    assert posterior.model.name == name
    assert posterior.draws.tolist() == [list(posterior.params.values())]
    renamed = {"v": "gamma"}
    assert posterior.params == {renamed.get(key, key): value for key, value in fitter.params_.items()}
    assert posterior.status is FitStatus.GIVEN
    assert posterior.provenance["source"] == f"lifetimes 0.11.3 ({type(fitter).__name__})"
    assert "no other parameters make its customers more likely" in posterior.reason
    assert not posterior.is_distribution


def test_purchases_are_those_of_lifetimes(fitters: dict[str, Any], frame: pd.DataFrame) -> None:
    posterior = clv.from_lifetimes(fitters["bg_nbd"], time_unit="D")
    rfm = clv.rfm_from_frame(frame, time_unit="D", observation_end="1997-09-30")
    fitted = clv.FittedCLV("taken over", rfm, posterior, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = fitters["bg_nbd"].conditional_expected_number_of_purchases_up_to_time(
            273, frame["frequency"], frame["recency"], frame["T"]
        )
    ours = fitted.forecast("39W", draws=2, discrepancy=None).columns["expected_purchases"]
    np.testing.assert_allclose(ours, theirs, rtol=1e-7)


def test_penalised_fit_says_what_the_penalty_cost(fitters: dict[str, Any], frame: pd.DataFrame) -> None:
    posterior = clv.from_lifetimes(fitters["penalised"], time_unit="D")
    best = clv.fit("bg_nbd", clv.rfm_from_frame(frame, time_unit="D"), method="mle")
    assert f"{best.loglik - posterior.loglik:,.3f} below the maximum" in posterior.reason
    assert best.loglik - posterior.loglik > 1
    assert "penalised by 0.1" in posterior.provenance["source"]
    with pytest.raises(FitError, match="taken over from"):
        _ = posterior.aic
    with pytest.raises(FitError, match="no standard errors"):
        _ = posterior.standard_errors


def test_customers_can_be_given_where_the_fitter_forgot_them(
    fitters: dict[str, Any], frame: pd.DataFrame
) -> None:
    rfm = clv.rfm_from_frame(frame, time_unit="D")
    saved = type(fitters["bg_nbd"])()
    saved.params_ = fitters["bg_nbd"].params_
    with pytest.raises(ArgumentError, match="saved without its data"):
        clv.from_lifetimes(saved, time_unit="D")
    assert clv.from_lifetimes(saved, rfm=rfm).loglik == pytest.approx(
        clv.from_lifetimes(fitters["bg_nbd"], time_unit="D").loglik
    )


def test_saved_and_loaded_it_is_the_same(fitters: dict[str, Any], tmp_path: Any) -> None:
    parts = [clv.from_lifetimes(fitters[name], time_unit="D") for name in ("bg_nbd", "gamma_gamma")]
    clv.save_fit(clv.FittedCLV("taken over", None, *parts), tmp_path / "fit")
    again = clv.load_fit(tmp_path / "fit")
    assert [part.reason for part in again.posteriors] == [part.reason for part in parts]
    assert again.purchase.status is FitStatus.GIVEN


def test_what_is_no_fit_is_refused(fitters: dict[str, Any], lifetimes: ModuleType) -> None:
    with pytest.raises(ArgumentError, match="has not been fitted"):
        clv.from_lifetimes(fitters["value"], time_unit="D")
    with pytest.raises(ArgumentError, match="BetaGeoBetaBinomFitter, not one of"):
        clv.from_lifetimes(lifetimes.BetaGeoBetaBinomFitter(), time_unit="D")
    with pytest.raises(ArgumentError, match="time_unit, or the customers"):
        clv.from_lifetimes(fitters["bg_nbd"])
    ran_away = type("BetaGeoFitter", (SimpleNamespace,), {})(
        params_={"r": 1.0, "alpha": np.nan, "a": 0.0, "b": 1.0}, data=fitters["bg_nbd"].data
    )
    with pytest.raises(ArgumentError, match="alpha, a are not"):
        clv.from_lifetimes(ran_away, time_unit="D")


# --- parameters from anywhere --------------------------------------------------------------------------------


def test_parameters_of_a_paper_are_judged_by_the_data(cdnow_rfm: RFM) -> None:
    table = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}  # Fader, Hardie & Lee (2005), table 2
    posterior = clv.given("bg_nbd", table, cdnow_rfm, source="table 2")
    assert posterior.loglik == pytest.approx(-9582.4, abs=0.05)  # as the table has it
    assert posterior.reason.startswith("taken over from table 2, not fitted here")
    worse = clv.given("bg_nbd", table | {"alpha": 44.14}, cdnow_rfm, source="a slip")
    assert "below the maximum" in worse.reason


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"r": 1.0}, "has the parameters r, alpha, a, b; given are r"),
        ({"r": 1.0, "alpha": 1.0, "a": -1.0, "b": 1.0}, "a is not"),
        ({"r": 1.0, "alpha": 1.0, "a": 1.0, "b": 1.0, "c": 1.0}, "given are r, alpha, a, b, c"),
    ],
)
def test_parameters_that_are_none_are_refused(
    parameters: dict[str, float], problem: str, cdnow_rfm: RFM
) -> None:
    with pytest.raises(ArgumentError, match=problem):
        clv.given("bg_nbd", parameters, cdnow_rfm, source="nowhere")
