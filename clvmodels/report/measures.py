"""What each metric is called, which way is better, how it is written and what it rewards."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """A metric as the report shows it.

    Attributes
    ----------
    name
        Its name in the scores.
    label
        Head of its column.
    aim
        ``down`` (lower is better), ``up``, ``zero`` (nearest to 0) or ``none`` (tests, does not rank).
    unit
        ``amount`` (the unit of the quantity), ``number``, ``share`` or ``signed`` (a share with its sign).
    hint
        The direction in words, below the label.
    rewards
        One line for the glossary.
    """

    name: str
    label: str
    aim: str
    unit: str
    hint: str
    rewards: str

    def rank(self, value: float) -> float:
        """A number that is smaller the better the value, infinite where there is none."""
        if math.isnan(value) or self.aim == "none":
            return math.inf
        return {"down": value, "up": -value, "zero": abs(value)}[self.aim]


_ALL = (
    Measure(
        "bias_total", "Bias", "zero", "signed", "nearest 0 is best",
        "Error of the total as a share of the actual total; it rewards the mean, "
        "and errors of single customers cancel.",
    ),
    Measure(
        "crps", "CRPS", "down", "amount", "lower is better",
        "Continuous ranked probability score: distance of the whole predictive distribution from what happened; "
        "it rewards the honest distribution. For a formula, which gives one number, it is the absolute error.",
    ),
    Measure(
        "rmse", "RMSE of the mean", "down", "amount", "lower is better",
        "Root mean squared error: it rewards the mean, and a few large customers decide it.",
    ),
    Measure(
        "mae", "MAE of the median", "down", "amount", "lower is better",
        "Mean absolute error of the median: it rewards the median, "
        "so where most customers buy nothing it rewards forecasting nothing.",
    ),
    Measure(
        "mae_of_mean", "MAE of the mean", "down", "amount", "lower is better",
        "Mean absolute error of the mean forecast: what a reader gets who takes the mean and is judged "
        "by absolute errors; it, too, rewards the median.",
    ),
    Measure(
        "gini", "Gini", "up", "number", "1 is perfect",
        "Normalised Gini: how well customers are put in order, 0 for chance; sizes do not count.",
    ),
    Measure(
        "capture_10", "Found in top 10 %", "up", "share", "higher is better",
        "Share of what the holdout brought that came from the tenth of customers with the highest forecasts.",
    ),
    Measure(
        "brier", "Brier score", "down", "number", "lower is better",
        "Mean squared error of the stated probability of buying at least once: it rewards the true probability.",
    ),
    Measure(
        "coverage_90", "Coverage of 90 %", "none", "share", "88 to 92 % is on target",
        "Share of customers inside their central 90 % predictive interval; it tests a distribution and ranks nothing.",
    ),
    Measure(
        "pit_ks", "PIT distance", "down", "number", "0 is perfect",
        "Kolmogorov-Smirnov distance of the randomised PIT from uniform: 0 for a calibrated distribution.",
    ),
    Measure(
        "log_score", "Log score", "down", "number", "lower is better",
        "−log of the probability that was given to the number of purchases that came: it rewards the true "
        "probability, and punishes surprises hard.",
    ),
    Measure(
        "spearman", "Spearman", "up", "number", "1 is perfect",
        "Correlation of ranks, ties averaged: whether customers are in the right order, large and small alike.",
    ),
    Measure("capture_05", "Found in top 5 %", "up", "share", "higher is better", "The same of the top twentieth."),
    Measure("capture_20", "Found in top 20 %", "up", "share", "higher is better", "The same of the top fifth."),
    Measure(
        "capture_customers_10", "Best customers found", "up", "share", "higher is better",
        "Share of the tenth of customers who turned out best that was in the predicted tenth: customers, not money.",
    ),
    Measure(
        "width_90", "Width of 90 %", "none", "amount", "narrower is sharper",
        "Mean width of the central 90 % predictive intervals of customers: of two that cover as they should the "
        "narrower is better.",
    ),
    *(
        Measure(
            f"pinball_{level}", f"Pinball at {int(level)} %", "down", "amount", "lower is better",
            f"Loss of each customer's {int(level)} % quantile: of the distance {int(level) / 100:g} where more came, "
            f"{1 - int(level) / 100:g} where less came. It rewards the true quantile.",
        )
        for level in ("05", "25", "50", "75", "95")
    ),
    Measure(
        "worst_10_share", "Ten largest errors", "none", "share", "of the squared error",
        "Share of the sum of squared errors that ten customers make: where it is large, they decide the RMSE.",
    ),
)  # fmt: skip

MEASURES: Mapping[str, Measure] = {measure.name: measure for measure in _ALL}
CUSTOMER_MEASURES = ("crps", "log_score", "rmse", "mae", "mae_of_mean", "worst_10_share")
PAIRED_MEASURES = ("crps", "rmse", "mae")
RANKING_MEASURES = ("gini", "spearman", "capture_05", "capture_10", "capture_20", "capture_customers_10")
CALIBRATION_MEASURES = ("coverage_90", "width_90", "pit_ks", "brier")
PINBALL_MEASURES = tuple(name for name in MEASURES if name.startswith("pinball_"))
CONTESTED = ("bias_total", "crps", "rmse", "mae", "mae_of_mean", "brier", "gini", "capture_10")

QUANTITY_NAMES = {"purchases": "Purchases", "spend": "Money", "value": "Value"}

TERMS = (
    ("Customer", "Whoever had made a first purchase by the origin; later ones are newcomers and are scored nowhere."),
    ("Origin", "Last observed date of a backtest: forecasters know nothing after it."),
    ("Holdout", "The time after an origin on which forecasts made there are judged."),
    ("Purchases", "Repeat purchases; the first purchase makes a customer and is not counted."),
    ("Money, spend", "What the purchases of the holdout brought, undiscounted and before margin."),
    ("Value, CLV", "Discounted margin of the purchases within the horizon."),
    ("Skill", "1 − score / score of the baseline: the share of the baseline's error that is gone."),
    ("Frequency", "Repeat purchases of a customer before the origin."),
    ("Historical formula", "A forecast by arithmetic on a customer's past; it gives one number and no interval."),
    (
        "Model",
        "A forecaster that gives every outcome a probability. BG/NBD, MBG/NBD, MBG/CNBD and Pareto/NBD say when "
        "customers buy and when they leave, Gamma-Gamma what a purchase is worth; in brackets stands how it was fitted "
        "(laplace and nuts: draws of the parameters; map and mle: their best values alone).",
    ),
    (
        "Market discrepancy",
        "A shock that all customers share (season, promotions, the economy), of the size found across real logs. "
        "Intervals of totals hold it unless they are called model only.",
    ),
    ("P(alive)", "A model's probability that a customer has not yet left for good; nobody can observe it."),
    ("P(buys)", "Probability of at least one purchase in the horizon; the holdout shows whether it was right."),
    (
        "Predictive interval",
        "Where the outcome itself lies with the stated probability: chance included, and uncertain parameters "
        "where the fit has draws. Central: equally much is cut off at both ends.",
    ),
    (
        "Interval over resampled customers",
        "Where a difference of scores would lie, with the stated probability, with other customers of the same kind in "
        "the same period. Customers are drawn with all their origins; origins are never drawn.",
    ),
    ("Posterior interval", "Where a parameter lies with the stated probability; it says nothing of single customers."),
    ("PIT", "Place of the actual within its predictive distribution, from 0 to 1; ties of counts break at random."),
)  # fmt: skip
