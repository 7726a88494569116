"""What a business may do with a forecast, gathered for a report or a folder of tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from clvmodels.errors import ArgumentError
from clvmodels.value.acquisition import Acquisition
from clvmodels.value.calculator import Calculator
from clvmodels.value.cashflow_economics import OWN_CURRENCY
from clvmodels.value.change import Change
from clvmodels.value.groups import GroupComparison
from clvmodels.value.plan import AcquisitionForecast
from clvmodels.value.pooling import ChannelFits
from clvmodels.value.profit import ProfitForecast
from clvmodels.value.referral import ReferralValue
from clvmodels.value.segments import Segmentation
from clvmodels.value.whatif import WhatIf

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Decisions:
    """Answers to the questions a business asks of a forecast; give those that were asked.

    Parameters
    ----------
    profit
        Revenue and profit of the present customers.
    segments
        Who to protect, grow, win back and let go.
    acquisition
        What to pay for new customers.
    channels
        The fits behind it, where channels lean on each other.
    plan, budget
        Present and new customers by month, and what the plan costs and brings.
    referrals
        What customers bring by bringing others.
    tornado, elasticities, what_if
        What total value hangs on: the tables of `tornado` and `elasticities`, and scenarios.
    change, realised
        What moved since an earlier forecast, and what came of it (`compare_with_realised`).
    groups
        Differences between two groups of customers, by what tells them apart.
    benchmark
        Own numbers beside those of other periods and of peers.
    calculator
        The historical formulas beside the model.

    Raises
    ------
    ArgumentError
        If nothing is given, or parts name different currencies.

    Examples
    --------
    >>> import clvmodels as clv
    >>> rfm = clv.rfm_summary(clv.load_cdnow(), spend="spend", observation_end="1997-09-30").take(slice(0, 100))
    >>> view = clv.profit(clv.CLVModel("bg_nbd", method="map").fit(rfm), "12M", clv.Economics(margin=0.4), draws=50)
    >>> list(Decisions(profit=view).tables)
    ['profit_summary', 'profit_periods', 'profit_customers']
    """

    profit: ProfitForecast | None = None
    segments: Segmentation | None = None
    acquisition: Acquisition | None = None
    channels: ChannelFits | None = None
    plan: AcquisitionForecast | None = None
    budget: pd.DataFrame | None = None
    referrals: ReferralValue | None = None
    tornado: pd.DataFrame | None = None
    elasticities: pd.DataFrame | None = None
    what_if: WhatIf | None = None
    change: Change | None = None
    realised: pd.DataFrame | None = None
    groups: Mapping[str, GroupComparison] = field(default_factory=dict)
    benchmark: pd.DataFrame | None = None
    calculator: Calculator | None = None

    def __post_init__(self) -> None:
        if not self.tables:
            raise ArgumentError("there is nothing to decide on; give at least one part, such as profit=")
        said = {str(table.attrs["currency"]) for table in self.tables.values() if "currency" in table.attrs}
        if len(said) > 1:
            raise ArgumentError(
                f"parts are in {' and '.join(sorted(said))}; convert them to one currency first"
            )

    @property
    def currency(self) -> str:
        """Label of the money in all parts."""
        tables = self.tables.values()
        return next(
            (str(table.attrs["currency"]) for table in tables if "currency" in table.attrs), OWN_CURRENCY
        )

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Every table there is by name, in reading order, each with units, interval and provenance in `attrs`."""
        found: dict[str, pd.DataFrame | None] = {}
        if self.profit is not None:
            found["profit_summary"] = self.profit.summary()
            found["profit_periods"] = self.profit.periods
            found["profit_customers"] = self.profit.customers
        if self.segments is not None:
            found["segments"] = self.segments.table
            found["segment_customers"] = self.segments.customers
            found["at_risk"] = self.segments.at_risk
            found["low_value"] = self.segments.low_value()
        found |= self._acquiring()
        found["tornado"], found["elasticities"] = self.tornado, self.elasticities
        found["what_if"] = None if self.what_if is None else self.what_if.table
        if self.change is not None:
            found["change"] = self.change.table
            found["change_groups"] = self.change.groups
            found["change_customers"] = self.change.customers
        found["realised"] = self.realised
        found |= {f"groups_{_word(name)}": comparison.table for name, comparison in self.groups.items()}
        found["benchmark"] = self.benchmark
        found["calculator"] = None if self.calculator is None else self.calculator.table
        return {name: table for name, table in found.items() if table is not None}

    def _acquiring(self) -> dict[str, pd.DataFrame | None]:
        found: dict[str, pd.DataFrame | None] = {}
        if self.acquisition is not None:
            found["acquisition"] = self.acquisition.table
            found["payback"] = self.acquisition.payback_table
            found["new_customers"] = self.acquisition.value_table
        found["channels"] = None if self.channels is None else self.channels.table
        found["plan"] = None if self.plan is None else self.plan.period_table()
        found["budget"] = self.budget
        found["referrals"] = None if self.referrals is None else self.referrals.customers
        return found


def _word(name: str) -> str:
    """A name that may be part of a file's.

    Examples
    --------
    >>> _word("survey 2026/Q1")
    'survey_2026_Q1'
    """
    return re.sub(r"\W+", "_", name).strip("_") or "unnamed"
