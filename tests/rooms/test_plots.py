"""Plots: each draws the frame its twin returns, on the axes it is given, with nothing global."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from rooms.example_scorecard import BGNBD, CUSTOMERS, PARETO, RATE, example_forecast, example_scorecard

from clvmodels import plots
from clvmodels.backtesting import Scorecard
from clvmodels.errors import ArgumentError
from clvmodels.metrics import capture_of_value, gain_band
from clvmodels.plots.palette import MUTED, legend_above


@pytest.fixture(scope="module")
def scorecard() -> Scorecard:
    return example_scorecard(cuts=(31, 39))


DRAWN: list[tuple[str, Callable[..., Axes]]] = [
    ("cumulative", lambda card, ax: plots.plot_tracking(card, ax=ax)),
    ("weekly", lambda card, ax: plots.plot_tracking(card, cumulative=False, ax=ax)),
    ("frequency", lambda card, ax: plots.plot_holdout_by_frequency(card, ax=ax)),
    ("spend", lambda card, ax: plots.plot_holdout_by_frequency(card, "spend", currency="USD", ax=ax)),
    ("pit", lambda card, ax: plots.plot_calibration(card, ax=ax)),
    ("reliability", lambda card, ax: plots.plot_reliability(card, ax=ax)),
    ("gain", lambda card, ax: plots.plot_gain(card, ax=ax)),
    ("total", lambda _, ax: plots.plot_total(example_forecast(), actual=4000.0, ax=ax)),
    ("formula", lambda _, ax: plots.plot_total(example_forecast(is_distribution=False), ax=ax)),
    ("periods", lambda _, ax: plots.plot_periods(example_forecast(), currency="€", ax=ax)),
    ("points", lambda _, ax: plots.plot_periods(example_forecast(is_distribution=False), ax=ax)),
]


@pytest.mark.parametrize("draw", [draw for _, draw in DRAWN], ids=[name for name, _ in DRAWN])
def test_plot_draws_on_own_or_given_axes_and_labels_both(
    scorecard: Scorecard, draw: Callable[..., Axes]
) -> None:
    given = Figure().subplots()
    assert draw(scorecard, given) is given
    own = draw(scorecard, None)
    for axes in (given, own):
        assert axes.get_xlabel()
        assert axes.get_ylabel()
        assert axes.get_legend() is not None
        axes.figure.draw_without_rendering()


def test_plots_leave_pyplot_alone() -> None:
    program = "import sys, clvmodels.plots; print('matplotlib.pyplot' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


def test_frames_show_the_latest_origin_unless_told(scorecard: Scorecard) -> None:
    assert plots.latest_origin(scorecard) == "1997-09-30"
    late = plots.tracking_frame(scorecard)
    early = plots.tracking_frame(scorecard, origin="1997-08-05")
    assert (~late["is_holdout"]).sum() > (~early["is_holdout"]).sum()


@pytest.mark.parametrize(
    "arguments", [{"origin": "2001-01-01"}, {"model": "Oracle"}, {"model": [PARETO, "Oracle"]}]
)
def test_unknown_origin_or_forecaster_is_refused_with_what_there_is(
    scorecard: Scorecard, arguments: dict[str, object]
) -> None:
    with pytest.raises(ArgumentError, match="it has"):
        plots.tracking_frame(scorecard, **arguments)


def test_cumulative_forecast_starts_from_what_had_happened(scorecard: Scorecard) -> None:
    weekly = plots.tracking_frame(scorecard, RATE, cumulative=False)
    added_up = plots.tracking_frame(scorecard, RATE)
    known = weekly.loc[~weekly["is_holdout"], "actual"].sum()
    expected = known + weekly.loc[weekly["is_holdout"], "mean"].sum()
    assert added_up["mean"].iloc[-1] == pytest.approx(expected)
    assert added_up["actual"].iloc[-1] == weekly["actual"].sum()


def test_frequency_frame_counts_everybody_once_and_opens_the_last_group(scorecard: Scorecard) -> None:
    frame = plots.holdout_by_frequency_frame(scorecard, top=4)
    for _, part in frame.groupby("model"):
        assert part["customers"].sum() == CUSTOMERS
    assert list(dict.fromkeys(frame["frequency"])) == ["0", "1", "2", "3", "4+"]
    assert list(dict.fromkeys(frame["model"])) == [PARETO, BGNBD, RATE]


def test_calibration_frame_is_a_density_and_leaves_formulas_out(scorecard: Scorecard) -> None:
    frame = plots.calibration_frame(scorecard)
    assert set(frame["model"]) == {PARETO, BGNBD}
    for _, part in frame.groupby("model"):
        assert (part["density"] * (part["to"] - part["from"])).sum() == pytest.approx(1)
    with pytest.raises(ArgumentError, match="no PIT"):
        plots.calibration_frame(scorecard, RATE)


def test_uniform_band_holds_nine_bars_in_ten(scorecard: Scorecard, rng: np.random.Generator) -> None:
    rows, inside, rounds = scorecard.predictions, [], 200
    one = rows[(rows["model"] == PARETO) & (rows["quantity"] == "purchases")]
    for _ in range(rounds):
        even = replace(scorecard, predictions=one.assign(pit=rng.uniform(size=len(one))))
        frame = plots.calibration_frame(even, PARETO)
        inside.append(
            ((frame["density"] >= frame["band_low"]) & (frame["density"] <= frame["band_high"])).mean()
        )
    # 2,000 bars, 0.9 ± 0.007; counts of 30 customers a bar are lumpy, hence three points on top
    assert np.mean(inside) == pytest.approx(0.9, abs=0.05)


def test_reliability_frame_holds_probabilities_of_those_who_state_them(scorecard: Scorecard) -> None:
    frame = plots.reliability_frame(scorecard)
    assert set(frame["model"]) == {PARETO, BGNBD}
    assert frame["predicted"].between(0, 1).all()
    assert frame["observed"].between(0, 1).all()
    assert plots.reliability_frame(scorecard, RATE).empty
    inside = frame[frame["observed"].between(0.3, 0.7)]
    np.testing.assert_allclose(inside["high"] - inside["low"], 2 * 1.645 * inside["standard_error"])
    assert frame[["low", "high"]].stack().between(0, 1).all()


def test_gain_frame_agrees_with_the_metric_and_ignores_row_order(
    scorecard: Scorecard, rng: np.random.Generator
) -> None:
    frame = plots.gain_frame(scorecard, "spend")
    mixed = replace(scorecard, predictions=scorecard.predictions.sample(frac=1, random_state=rng))
    again = plots.gain_frame(mixed, "spend", model=PARETO)
    part = frame[frame["model"] == PARETO]
    np.testing.assert_allclose(again["captured"], part["captured"])
    rows = scorecard.predictions.query("origin == '1997-09-30' and quantity == 'spend' and model == @PARETO")
    tenth = part.loc[np.isclose(part["customers"], 0.1), "captured"].item()
    assert tenth == pytest.approx(capture_of_value(rows["actual"], rows["mean"], 0.1))
    assert (part["captured"] <= part["perfect"] + 1e-12).all()
    band = gain_band(rows["actual"], rows["mean"])
    np.testing.assert_array_equal(part["low"], band["low"])
    np.testing.assert_array_equal(part["high"], band["high"])
    legend = plots.plot_gain(scorecard, level=0.5).get_legend()
    assert legend is not None
    assert "50 % interval over resampled customers" in [text.get_text() for text in legend.get_texts()]


def test_equal_forecasts_gain_nothing_over_chance(scorecard: Scorecard) -> None:
    level = replace(scorecard, predictions=scorecard.predictions.assign(mean=1.0))
    frame = plots.gain_frame(level, model=PARETO)
    np.testing.assert_allclose(frame["captured"], frame["customers"])


def test_total_frame_holds_every_draw() -> None:
    forecast = example_forecast()
    for quantity in ("purchases", "value"):
        frame = plots.total_frame(forecast, quantity)
        assert frame["share"].sum() == pytest.approx(1)
    widths = plots.total_frame(forecast, "purchases").eval("to - `from`")
    np.testing.assert_array_equal(widths, np.round(widths))
    with pytest.raises(ArgumentError, match="not one of 'purchases', 'value'"):
        plots.total_frame(forecast, "spend")


def test_periods_frame_names_periods_by_their_first_day() -> None:
    frame = plots.periods_frame(example_forecast())
    assert frame["label"].iloc[0] == "1998-07-01"
    assert (frame["low"] <= frame["mean"]).all()
    assert "low" not in plots.periods_frame(example_forecast(is_distribution=False))


def test_no_two_forecasters_of_a_crowd_look_alike() -> None:
    """Killed: the seventh with the colour, the marker and the dash of the first."""
    styles = plots.series_styles([f"model {number}" for number in range(20)])
    assert len({(style.colour, style.marker) for style in styles.values()}) == 20
    assert len({(style.colour, style.dash) for style in styles.values()}) == 20


def test_a_forecaster_looks_the_same_in_every_figure(scorecard: Scorecard) -> None:
    colours = set()
    for axes in (plots.plot_gain(scorecard, model=BGNBD), plots.plot_tracking(scorecard, model=BGNBD)):
        lines = {str(line.get_label()): line for line in axes.get_lines()}
        colours.add(lines[BGNBD].get_color())
    assert colours == {plots.SERIES[1]}


@pytest.mark.parametrize("draw", [plots.plot_totals, plots.plot_holdout_by_frequency, plots.plot_gain])
def test_an_interval_of_several_has_the_colour_of_none(
    scorecard: Scorecard, draw: Callable[..., Axes]
) -> None:
    """Killed: the legend's interval in the colour of the last series."""
    legend = draw(scorecard).get_legend()
    assert legend is not None
    named = {
        text.get_text(): handle
        for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True)
    }
    (interval,) = (handle for label, handle in named.items() if label.startswith("90 %"))
    colour = interval.get_facecolor() if isinstance(interval, Patch) else interval.get_color()
    assert to_rgba(np.ravel(colour)[:3] if not isinstance(colour, str) else colour)[:3] == to_rgba(MUTED)[:3]


def test_legends_are_whole_in_half_of_a_page(scorecard: Scorecard) -> None:
    """Killed: "90 % confidence interval of its me…" where there is room; a name cut by the edge of the picture."""
    axes = plots.new_axes(4.6, 2.9)
    plots.plot_deciles(scorecard, ax=axes)
    legend = axes.get_legend()
    assert legend is not None
    assert "Actual, 90 % confidence interval of its mean" in [text.get_text() for text in legend.get_texts()]
    long = axes.plot([1], [1], label="A forecaster with a long name, " * 6)
    legend_above(axes)
    axes.figure.draw_without_rendering()
    legend = axes.get_legend()
    assert legend is not None
    assert long[0].get_label() not in [text.get_text() for text in legend.get_texts()]
