"""What to pay for a new customer: LTV:CAC, chances, ceilings and payback, by channel."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.cards import shown
from clvmodels.errors import ArgumentError, DataError, check_kind, check_real, percent_hint
from clvmodels.prediction import labelled, tail_levels
from clvmodels.units import Horizon
from clvmodels.value.cashflow_tables import period_columns
from clvmodels.value.newcomers import NewCustomerValue

if TYPE_CHECKING:
    import pandas as pd


@shown("table")
@dataclass(frozen=True)
class Payback:
    """When the profit of a new customer has paid for the acquisition.

    Attributes
    ----------
    label
        Channel or cohort.
    cac
        Money per new customer.
    p_customer
        (K,) probability that one new customer has paid back by the end of each period.
    p_average
        (K,) probability that the average of a cohort has.
    so_far
        (S, K) mean profit per new customer so far, per draw.
    horizon
        The periods, counted from the first order.
    is_distribution
        Whether the probabilities are more than the yes or no of a formula.
    provenance
        Enough to repeat it.
    """

    label: str
    cac: float
    p_customer: np.ndarray
    p_average: np.ndarray
    so_far: np.ndarray
    horizon: Horizon
    is_distribution: bool
    provenance: Mapping[str, Any]

    @property
    def expected_period(self) -> int | None:
        """First period (from 1) in which the expected profit so far reaches the CAC; None if none does."""
        return _first(self.so_far.mean(axis=0) >= self.cac)

    @property
    def median_period(self) -> int | None:
        """First period by which one new customer has paid back with probability a half; None if none."""
        return _first(self.p_customer >= 0.5)

    def table(self, level: float = 0.9) -> pd.DataFrame:
        """The payback curve: expected profit so far with its interval, and probabilities by period.

        Of a formula there is neither interval nor probability, but whether it says so.
        """
        import pandas as pd

        table = {
            name: column
            for name, column in period_columns(self.horizon).items()
            if name not in ("start", "end_exclusive")  # nobody is acquired on the day the forecast starts
        }
        table["profit_so_far_mean"] = self.so_far.mean(axis=0)
        if self.is_distribution:
            low, high = np.quantile(self.so_far, tail_levels(level), axis=0)
            table |= {"profit_so_far_low": low, "profit_so_far_high": high}
            table |= {"p_customer_paid_back": self.p_customer, "p_average_paid_back": self.p_average}
        else:
            table["formula_paid_back"] = self.p_average == 1
        interval = f"central {level:.0%} predictive interval" if self.is_distribution else "none: a formula"
        return labelled(pd.DataFrame(table), {**self.provenance, "cac": self.cac, "interval": interval})


@shown("table")
@dataclass(frozen=True)
class Acquisition:
    """New customers of each channel against what they cost.

    Attributes
    ----------
    values
        What a new customer of each channel brings.
    cac
        Money per new customer of each channel.
    target
        LTV:CAC to be reached.
    level
        Probability asked of the CAC ceilings.
    """

    values: Mapping[str, NewCustomerValue]
    cac: Mapping[str, float]
    target: float
    level: float

    @property
    def currency(self) -> str:
        """Label of the money, the same for all channels."""
        return next(iter(self.values.values())).currency

    @property
    def table(self) -> pd.DataFrame:
        """One row per channel, with 90 % intervals."""
        return self.channel_table(0.9)

    def channel_table(self, interval: float) -> pd.DataFrame:
        """One row per channel. Columns of *customer* are about one new customer, of *average* about the mean of many.

        - ``ltv_cac_mean`` with the central interval of the average, ``expected_return`` = LTV:CAC - 1;
        - ``p_customer_clv_above_cac``, ``p_average_clv_above_cac``, and the same for target times the CAC;
        - ``cac_ceiling_customer`` and ``cac_ceiling_average``, the highest CAC that the value exceeds with
          probability `level`; ``cac_ceiling_target``, the highest whose expected LTV:CAC reaches `target`. 0 means
          that no CAC does;
        - ``payback_period`` of the expected profit, and the probabilities of payback within the horizon; 0 means
          not within the horizon.
        """
        import pandas as pd

        rows = [self._row(channel, interval) for channel in self.values]
        facts = {
            "currency": self.currency,
            "interval": f"central {interval:.0%} predictive interval of the average",
            "target": self.target,
            "level": self.level,
            "horizon": self.horizon.text,
            "channels": {channel: dict(value.provenance) for channel, value in self.values.items()},
        }
        return labelled(pd.DataFrame(rows, index=pd.Index(list(self.values), name="channel")), facts)

    @property
    def horizon(self) -> Horizon:
        """The window from the first order, the same for all channels."""
        return next(iter(self.values.values())).horizon

    @property
    def is_distribution(self) -> bool:
        """Whether the values are draws, and no formula's."""
        return next(iter(self.values.values())).is_distribution

    @property
    def payback_table(self) -> pd.DataFrame:
        """The payback curves of all channels below each other."""
        return _stacked({channel: self.payback(channel).table() for channel in self.values})

    @property
    def value_table(self) -> pd.DataFrame:
        """What a new customer of each channel brings: revenue and profit, of one and on average."""
        return _stacked({channel: value.table().reset_index() for channel, value in self.values.items()})

    def payback(self, channel: str) -> Payback:
        """The payback curve of a channel.

        Raises
        ------
        ArgumentError
            If there is no such channel.
        """
        if channel not in self.values:
            raise ArgumentError(f"channel {channel!r} is not one of {', '.join(self.values)}")
        return payback(self.values[channel], self.cac[channel])

    def _row(self, channel: str, interval: float) -> dict[str, Any]:
        value, cac = self.values[channel], self.cac[channel]
        row: dict[str, Any] = {"cac": cac, "clv_mean": value.mean, "ltv_cac_mean": value.mean / cac}
        row["expected_return"] = value.mean / cac - 1
        if value.is_distribution:
            low, high = value.interval(interval)
            row |= {"ltv_cac_low": low / cac, "ltv_cac_high": high / cac}
            for of, profits in (("customer", value.lives), ("average", value.averages)):
                row[f"p_{of}_clv_above_cac"] = float(np.mean(profits > cac))
                row[f"p_{of}_ltv_cac_above_target"] = float(np.mean(profits > self.target * cac))
                row[f"cac_ceiling_{of}"] = cac_ceiling(profits, self.level)
        row["cac_ceiling_target"] = max(value.mean / self.target, 0.0)
        curve = payback(value, cac)
        row["payback_period"] = curve.expected_period or 0
        if value.is_distribution:
            row["p_customer_paid_back"] = float(curve.p_customer[-1])
            row["p_average_paid_back"] = float(curve.p_average[-1])
        return row


def acquisition(
    values: Mapping[str, NewCustomerValue],
    cac: Mapping[str, float] | float,
    *,
    target: float = 3.0,
    level: float = 0.9,
) -> Acquisition:
    """Set what new customers bring against what they cost.

    Parameters
    ----------
    values
        What a new customer of each channel brings, as `new_customer_value` says.
    cac
        Acquisition cost per new customer, above 0: by channel, or one for all.
    target
        LTV:CAC to be reached, above 0.
    level
        Probability asked of the CAC ceilings, between 0 and 1.

    Raises
    ------
    ArgumentError
        If a number is outside its range, or channels differ in horizon or currency.
    DataError
        If a channel has no CAC, or a CAC no channel.

    Examples
    --------
    >>> from clvmodels import CLVModel, load_cdnow, rfm_summary
    >>> rfm = rfm_summary(
    ...     load_cdnow(), customer_id="customer_id", date="date", spend="spend", period="D", time_unit="W",
    ...     observation_end="1997-09-30",
    ... )
    >>> from clvmodels.value import Economics, new_customer_value
    >>> fitted = CLVModel(method="mle").fit(rfm)
    >>> new = new_customer_value(fitted, "12M", Economics(margin=0.4), customers=50, draws=50, label="shop")
    >>> table = acquisition({"shop": new}, {"shop": 10.0}).table
    >>> row = table.loc["shop"]
    >>> bool(row["cac_ceiling_customer"] < row["cac_ceiling_average"] < row["clv_mean"])
    True
    """
    _check_values(values)
    for name, number, top in (("target", target, math.inf), ("level", level, 1.0)):
        check_real(name, number)
        if not 0 < number < top:
            rule = "above 0 and finite; three to one is 3"
            if name == "level":
                rule = f"above 0 and below 1; ninety per cent is 0.9{percent_hint(number)}"
            raise ArgumentError(f"{name}={number!r} must be {rule}")
    return Acquisition(dict(values), _cac_by_channel(list(values), cac), target, level)


def payback(value: NewCustomerValue, cac: float) -> Payback:
    """When the discounted profit of a new customer first reaches what the acquisition cost.

    Paid back is who has reached the CAC in some period so far, even if costs take it back later.

    Parameters
    ----------
    value
        What a new customer brings.
    cac
        Acquisition cost per new customer, above 0.

    Raises
    ------
    ArgumentError
        If the CAC is not above 0.

    Examples
    --------
    >>> from clvmodels import CLVModel, load_cdnow, rfm_summary
    >>> rfm = rfm_summary(
    ...     load_cdnow(), customer_id="customer_id", date="date", spend="spend", period="D", time_unit="W",
    ...     observation_end="1997-09-30",
    ... )
    >>> from clvmodels.value import Economics, new_customer_value
    >>> fitted = CLVModel(method="mle").fit(rfm)
    >>> new = new_customer_value(fitted, "12M", Economics(margin=0.4), customers=50, draws=50)
    >>> curve = payback(new, 20.0)
    >>> bool((curve.p_customer[1:] >= curve.p_customer[:-1]).all())
    True
    """
    _check_value("value", value)
    _check_cac(value.label, cac)
    so_far = np.cumsum(value.flows, axis=2)
    average = so_far.mean(axis=1)
    return Payback(
        label=value.label,
        cac=float(cac),
        p_customer=(np.maximum.accumulate(so_far, axis=2) >= cac).mean(axis=(0, 1)),
        p_average=(np.maximum.accumulate(average, axis=1) >= cac).mean(axis=0),
        so_far=average,
        horizon=value.horizon,
        is_distribution=value.is_distribution,
        provenance=value.provenance,
    )


def cac_ceiling(profits: np.ndarray, level: float) -> float:
    """Highest CAC that a value exceeds with a probability of at least `level`; 0 if none does.

    Parameters
    ----------
    profits
        Draws of the value, in any shape.
    level
        Between 0 and 1.

    Examples
    --------
    Nine of ten draws lie above everything below 20, and only eight above 20 itself.

    >>> round(cac_ceiling(np.arange(10, 110, 10.0), 0.9), 9)
    20.0
    """
    ordered = np.sort(profits, axis=None)
    needed = math.ceil(level * len(ordered) - 1e-9)  # 0.9 · 10 is a little more than 9 in binary
    return max(float(np.nextafter(ordered[len(ordered) - needed], -np.inf)), 0.0)


def _stacked(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Tables of channels below each other, with the facts that all of them share."""
    import pandas as pd

    table = pd.concat([part.assign(channel=name) for name, part in tables.items()], ignore_index=True)
    first, *others = (part.attrs for part in tables.values())
    facts = {str(key): fact for key, fact in first.items() if all(one.get(key) == fact for one in others)}
    columns = ["channel", *(name for name in table.columns if name != "channel")]
    return labelled(table[columns], facts)


def _first(reached: np.ndarray) -> int | None:
    return int(np.argmax(reached)) + 1 if reached.any() else None


def _check_value(name: str, value: Any) -> None:
    check_kind(name, value, NewCustomerValue, "make one with new_customer_value(fitted, horizon)")


def _check_values(values: Mapping[str, NewCustomerValue]) -> None:
    if not isinstance(values, Mapping):
        raise ArgumentError(
            "values must map channels to what a new customer brings: {'shop': new_customer_value(...)}"
        )
    if not values:
        raise ArgumentError("there is no channel; give what a new customer of each channel brings")
    for channel, value in values.items():
        _check_value(f"the value of {channel!r}", value)
    said = {True: "draws", False: "a formula"}
    for name, kinds in (
        ("horizon", {value.horizon.text for value in values.values()}),
        ("currency", {value.currency for value in values.values()}),
        ("kind", {said[value.is_distribution] for value in values.values()}),
    ):
        if len(kinds) > 1:
            raise ArgumentError(
                f"channels differ in {name}: {', '.join(sorted(kinds))}; value them with the same"
            )


def _cac_by_channel(channels: list[str], cac: Mapping[str, float] | float) -> dict[str, float]:
    given = cac if isinstance(cac, Mapping) else getattr(cac, "to_dict", dict)()  # a dict or a pandas Series
    costs = dict(given) or dict.fromkeys(channels, cac)
    missing = [channel for channel in channels if channel not in costs]
    unknown = [channel for channel in costs if channel not in channels]
    for found, rule in ((missing, "channels without a CAC"), (unknown, "a CAC of unknown channels")):
        if found:
            raise DataError(
                rule,
                column="cac",
                rows=len(found),
                examples=found,
                fix=f"give one for each of {', '.join(channels)}",
            )
    return {channel: _check_cac(channel, costs[channel]) for channel in channels}


def _check_cac(channel: str, cac: Any) -> float:
    check_real(f"CAC of {channel!r}: cac", cac)
    if not 0 < cac < math.inf:
        why = "and a customer who costs nothing has no LTV:CAC"
        if -math.inf < cac < 0:
            why = f"so you may mean {-cac:g}"
        raise ArgumentError(
            f"CAC {cac!r} of {channel!r} must be an amount above 0: costs carry no minus sign, {why}"
        )
    return float(cac)
