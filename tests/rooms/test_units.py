"""Units, horizons and discounting: what the calendar does, and what is refused."""

from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clvmodels.errors import ArgumentError
from clvmodels.units import (
    MAX_PERIODS,
    add_months,
    as_datetime,
    discount_per_unit,
    end_of_observation,
    plan_horizon,
    unit_days,
)

START = datetime(1997, 10, 1)


@pytest.mark.parametrize(
    ("moment", "until"),
    [
        ("1997-09-30", datetime(1997, 10, 1)),
        (date(1997, 9, 30), datetime(1997, 10, 1)),
        (datetime(1997, 9, 30), datetime(1997, 10, 1)),
        ("1997-09-30T08:30", datetime(1997, 9, 30, 8, 30, 0, 1)),
        ("1996-02-28", datetime(1996, 2, 29)),
        (np.datetime64("1997-09-30"), datetime(1997, 10, 1)),
        (np.datetime64("1997-09-30", "ns"), datetime(1997, 10, 1)),
        (np.datetime64("1997-09-30T08:30"), datetime(1997, 9, 30, 8, 30, 0, 1)),
        (pd.Timestamp("1997-09-30"), datetime(1997, 10, 1)),
    ],
)
def test_a_date_means_the_whole_day_and_a_clock_time_itself(moment: object, until: datetime) -> None:
    assert end_of_observation(moment) == until


def test_weeks_are_weeks() -> None:
    plan = plan_horizon("39W", START, "W")
    np.testing.assert_array_equal(plan.edges, np.arange(40))
    assert plan.ends[-1] == datetime(1998, 7, 1)


def test_the_same_window_in_another_unit_has_the_same_dates() -> None:
    weeks, hours = plan_horizon("12M", START, "W"), plan_horizon("12M", START, "h")
    assert weeks.ends == hours.ends
    np.testing.assert_allclose(weeks.edges * 168, hours.edges, rtol=1e-14)


def test_months_end_on_calendar_months_and_the_ends_may_be_short() -> None:
    plan = plan_horizon("3M", datetime(2024, 1, 16), "D")
    assert [end.date().isoformat() for end in plan.ends] == [
        "2024-02-01",
        "2024-03-01",
        "2024-04-01",
        "2024-04-16",
    ]
    np.testing.assert_array_equal(np.diff(plan.edges), [16, 29, 31, 15])


def test_quarters_end_on_calendar_quarters() -> None:
    plan = plan_horizon("1Y", datetime(2024, 2, 1), "D", period="Q")
    assert [end.month for end in plan.ends] == [4, 7, 10, 1, 2]


def test_a_date_as_horizon_means_its_whole_day() -> None:
    assert plan_horizon("1998-06-30", START, "D").length == 273
    assert plan_horizon(date(1997, 10, 1), START, "D").length == 1


def test_a_short_last_step_ends_with_the_horizon() -> None:
    np.testing.assert_allclose(plan_horizon("10D", START, "D", period="W").edges, [0, 7, 10])
    np.testing.assert_allclose(plan_horizon("10D", None, "D", period="W").edges, [0, 7, 10])


def test_without_a_calendar_fixed_units_still_work() -> None:
    plan = plan_horizon("26W", None, "D")
    assert plan.length == 182
    assert plan.starts is None


@pytest.mark.parametrize(
    ("horizon", "until", "text"),
    [
        ("12M", None, "needs a calendar"),
        ("1998-06-30", None, "set observation_end"),
        ("1997-09-30", START, "ends on or before"),
        ("0W", START, "not a duration"),
        ("a year", START, "neither a duration .* nor a date"),
        ("9999Y", START, "beyond the calendar"),
        ("52X", START, "not a duration"),
        (12, START, "neither a duration .* nor a date"),
        (datetime.fromisoformat("1998-06-30T00:00+00:00"), START, "time zone"),
        ("9999-12-31", START, "end of the calendar"),
        (datetime.max, START, "end of the calendar"),
        (pd.NaT, START, "missing date"),
        (np.datetime64("NaT", "D"), START, "missing date"),
        (np.datetime64("1998-06"), START, "not a single day"),
        (np.datetime64("12000-01-01"), START, "beyond the calendar"),
        (np.datetime64(2**61, "D"), START, "beyond the calendar"),
        (None, START, "neither a duration .* nor a date"),
    ],
)
def test_horizons_that_mean_nothing_are_refused(horizon: object, until: datetime | None, text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        plan_horizon(horizon, until, "W")


def test_the_last_days_of_the_calendar_can_be_planned() -> None:
    plan = plan_horizon("9999-12-30", datetime(9999, 10, 16), "D")
    assert [end.isoformat()[:10] for end in plan.ends] == ["9999-11-01", "9999-12-01", "9999-12-31"]
    for period in ("h", "D", "W", "Q", "Y"):
        assert plan_horizon("9999-12-30", datetime(9999, 10, 16), "D", period).ends[-1] == plan.ends[-1]


@pytest.mark.parametrize("missing", [pd.NaT, np.datetime64("NaT", "D")])
def test_a_missing_date_is_no_moment(missing: object) -> None:
    for read in (as_datetime, end_of_observation):
        with pytest.raises(ArgumentError, match="missing date; give a date"):
            read(missing)


@pytest.mark.parametrize(
    ("horizon", "until", "period", "text"),
    [
        ("12M", START, "min", "525,600 periods of minutes, more than 5,000: choose period='D'"),
        ("52W", None, "h", "8,736 periods of hours, more than 5,000: choose period='D'"),
        ("525600min", START, None, "525,600 periods of minutes, more than 5,000: choose period='D'"),
        ("9000Y", datetime(900, 1, 1), None, "108,000 periods of months, more than 5,000: shorten"),
        ("20Y", START, "D", "7,305 periods of days, more than 5,000: choose period='W'"),
        ("9999999999999999W", None, None, "shorten the horizon"),
        ("12M", START, "X", "period='X' is not one of"),
        ("12W", None, "X", "period='X' is not one of"),
    ],
)
def test_steps_too_fine_for_the_horizon_are_refused(
    horizon: str, until: datetime | None, period: str | None, text: str
) -> None:
    with pytest.raises(ArgumentError, match=text):
        plan_horizon(horizon, until, "D", period)


def test_as_many_periods_as_there_may_be() -> None:
    assert len(plan_horizon(f"{MAX_PERIODS}h", START, "D").ends) == MAX_PERIODS
    assert len(plan_horizon(f"{MAX_PERIODS}h", None, "D").edges) == MAX_PERIODS + 1


MONTHS = {"M": range(1, 13), "Q": (1, 4, 7, 10), "Y": (1,)}


@given(
    st.dates(date(1999, 1, 1), date(2003, 1, 1)).map(as_datetime),
    st.integers(1, 900),
    st.sampled_from(["D", "W", "M", "Q", "Y"]),
)
def test_bounds_are_those_of_a_walk_day_by_day(start: datetime, days: int, period: str) -> None:
    plan = plan_horizon(f"{days}D", start, "D", period)
    inner = [start + timedelta(days=day) for day in range(1, days)]
    if period in MONTHS:
        wanted = [day for day in inner if day.day == 1 and day.month in MONTHS[period]]
    else:
        wanted = [day for day in inner if (day - start).days % unit_days(period) == 0]
    assert [*plan.starts, plan.ends[-1]] == [start, *wanted, start + timedelta(days=days)]
    assert plan.starts[1:] == plan.ends[:-1]


def test_ten_per_cent_a_year_is_ten_per_cent_a_year_in_every_unit() -> None:
    for unit in ("min", "h", "D", "W"):
        per_year = discount_per_unit(0.10, unit) * 365.25 / unit_days(unit)
        assert np.exp(-per_year) == pytest.approx(1 / 1.10, rel=1e-14)


@pytest.mark.parametrize("rate", [-0.01, 1.0, 10, float("nan")])
def test_a_rate_given_as_a_percentage_is_refused(rate: float) -> None:
    with pytest.raises(ArgumentError, match=r"ten per cent is 0\.10"):
        discount_per_unit(rate, "W")


@pytest.mark.parametrize("unit", ["M", "Y", "week", ""])
def test_a_clock_cannot_tick_in_months(unit: str) -> None:
    with pytest.raises(ArgumentError, match="time unit"):
        unit_days(unit)


def test_a_month_later_is_clipped_to_the_month() -> None:
    assert add_months(datetime(2024, 1, 31), 1) == datetime(2024, 2, 29)
    assert add_months(datetime(2023, 12, 31), 2) == datetime(2024, 2, 29)
