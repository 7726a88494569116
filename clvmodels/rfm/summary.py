"""The summary of customers: columns checked once, chosen, compressed, hashed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.cards import card, first_rows, table
from clvmodels.errors import DataError, check_kind, whole_number
from clvmodels.rfm.checks import (
    CLOCK_FIELDS,
    SPEND_FIELDS,
    as_column,
    as_columns,
    as_ids,
    check_alike,
    check_lengths,
    check_rules,
)
from clvmodels.rfm.customers import MAKE_RFM, Customers, fingerprint, hash_of
from clvmodels.rfm.history import History
from clvmodels.rfm.notes import DataReport
from clvmodels.units import UNIT_NAMES, Moment, end_of_observation, unit_days

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class RFM:
    """One row per customer (or per pattern of identical customers, see `compress`).

    Build it with `rfm_summary` from a log, or with `RFM.from_arrays`; both check the rules below once.

    Attributes
    ----------
    customer_id
        (n,) ids as they came.
    frequency, recency, T
        (n,) repeat purchases (whole numbers >= 0), and times with 0 <= recency <= T in `time_unit`;
        recency is 0 where frequency is 0.
    monetary_value
        (n,) mean spend >= 0 of `spend_count` purchases, in the currency of the log; 0 where
        `spend_count` is 0. None without spend.
    spend_count
        (n,) purchases behind `monetary_value`. None without spend.
    weights
        (n,) customers each row stands for, above 0.
    time_unit
        ``min``, ``h``, ``D`` or ``W``.
    observed_until
        First instant after the observation, or None without a calendar.
    statistics
        Further sufficient statistics by name, each (n,).
    report
        What happened to the rows of the log.
    history
        The log up to the end of observation, for summaries of earlier dates; None where the summary was not made
        from a log, or is a selection of one.
    """

    customer_id: np.ndarray
    frequency: np.ndarray
    recency: np.ndarray
    T: np.ndarray
    monetary_value: np.ndarray | None
    spend_count: np.ndarray | None
    weights: np.ndarray
    time_unit: str
    observed_until: datetime | None
    statistics: Mapping[str, np.ndarray] = field(default_factory=dict)
    report: DataReport | None = None
    history: History | None = None

    @classmethod
    def from_arrays(
        cls,
        *,
        frequency: Any,
        recency: Any,
        T: Any,
        time_unit: str,
        monetary_value: Any = None,
        spend_count: Any = None,
        customer_id: Any = None,
        weights: Any = None,
        observation_end: Moment | None = None,
        statistics: Mapping[str, Any] | None = None,
        report: DataReport | None = None,
    ) -> RFM:
        """Check arrays against the rules of `RFM` and freeze them.

        Parameters
        ----------
        frequency, recency, T, monetary_value, spend_count, customer_id, weights, statistics, report
            As the attributes. `monetary_value` may be NaN where there is no purchase behind it;
            `spend_count` defaults to `frequency`, `customer_id` to 0..n-1, `weights` to ones.
        time_unit
            Unit of `recency` and `T`. It has no default: days taken for weeks would go unnoticed and make
            every forecast seven times too small.
        observation_end
            Last observed date (the whole day) or instant; without it horizons must be durations in
            units of fixed length.

        Raises
        ------
        DataError
            If a rule is broken: the message names the column, the rows and the first ids.

        Examples
        --------
        >>> rfm = RFM.from_arrays(frequency=[2, 0], recency=[30.4, 0], T=[38.9, 38.9], time_unit="W")
        >>> len(rfm), rfm.T.tolist()
        (2, [38.9, 38.9])
        """
        unit_days(time_unit)
        check_alike(frequency, recency, T, weights, monetary_value, spend_count, customer_id)
        check_kind("statistics", {} if statistics is None else statistics, Mapping, "write {name: values}")
        arrays = as_columns(frequency, recency, T, weights, monetary_value, spend_count)
        extra = {name: as_column(name, values) for name, values in (statistics or {}).items()}
        ids = np.arange(len(arrays["T"])) if customer_id is None else as_ids(customer_id)
        check_lengths({"customer_id": ids, **arrays, **extra})
        if "monetary_value" in arrays:
            arrays["monetary_value"] = np.where(arrays["spend_count"] > 0, arrays["monetary_value"], 0.0)
        check_rules(ids, arrays, extra)
        for array in (ids, *arrays.values(), *extra.values()):
            array.setflags(write=False)
        return cls(
            customer_id=ids,
            frequency=arrays["frequency"],
            recency=arrays["recency"],
            T=arrays["T"],
            monetary_value=arrays.get("monetary_value"),
            spend_count=arrays.get("spend_count"),
            weights=arrays["weights"],
            time_unit=time_unit,
            observed_until=None if observation_end is None else end_of_observation(observation_end),
            statistics=extra,
            report=report,
        )

    def __len__(self) -> int:
        return len(self.T)

    @property
    def customers(self) -> float:
        """Number of customers, patterns counted by their weights."""
        return float(self.weights.sum())

    @property
    def has_spend(self) -> bool:
        """Whether the summary knows what customers spent."""
        return self.monetary_value is not None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns and statistics there are."""
        return (*CLOCK_FIELDS, *(SPEND_FIELDS if self.has_spend else ()), *self.statistics)

    def columns(self, names: Sequence[str]) -> list[np.ndarray]:
        """The named columns or statistics, in that order.

        Raises
        ------
        DataError
            If the summary does not hold one of them.
        """
        found = []
        for name in names:
            column = self.statistics.get(name, getattr(self, name, None))
            if column is None:
                raise DataError(
                    f"this summary holds no {name}",
                    fix="name the spend column in rfm_summary, or give it to RFM.from_arrays",
                )
            found.append(column)
        return found

    def take(self, index: Any) -> RFM:
        """The rows at `index` (positions, slice or mask), same clock."""
        chosen: dict[str, Any] = {
            "statistics": {name: values[index] for name, values in self.statistics.items()},
            "history": None,
        }
        for name in ("customer_id", "weights", *CLOCK_FIELDS, *SPEND_FIELDS):
            values = getattr(self, name)
            chosen[name] = None if values is None else values[index]
        return replace(self, **chosen)

    def select(self, customer_ids: Sequence[object]) -> RFM:
        """The rows of the given customers, in the order given.

        Raises
        ------
        DataError
            If a customer is not in the summary.

        Examples
        --------
        >>> rfm = RFM.from_arrays(
        ...     frequency=[2, 0], recency=[3, 0], T=[4, 5], customer_id=["ann", "bob"], time_unit="W"
        ... )
        >>> rfm.select(["bob"]).T.tolist()
        [5.0]
        """
        check_kind("customer_ids", customer_ids, Iterable, "write a list of ids")
        position = {identity: i for i, identity in enumerate(self.customer_id.tolist())}
        unknown = [identity for identity in customer_ids if identity not in position]
        if unknown:
            raise DataError(
                "customers are not in the summary",
                column="customer_id",
                rows=len(unknown),
                examples=unknown,
                fix="check their type (1 is not '1') and that they bought before observation_end",
            )
        return self.take(np.array([position[identity] for identity in customer_ids], dtype=int))

    def compress(self, names: Sequence[str] = CLOCK_FIELDS) -> tuple[RFM, np.ndarray]:
        """Unique rows of the named columns, weights added up.

        Returns
        -------
        patterns : RFM
            One row per pattern, sorted, so that the order of customers leaves no trace. Columns not
            named are zero; ids are 0..m-1.
        pattern_of : (n,) int array
            The pattern of each row of this summary.

        Examples
        --------
        >>> rfm = RFM.from_arrays(frequency=[1, 0, 0], recency=[2, 0, 0], T=[4, 4, 4], time_unit="W")
        >>> patterns, pattern_of = rfm.compress()
        >>> patterns.weights.tolist(), pattern_of.tolist()
        ([2.0, 1.0], [1, 0, 0])
        """
        columns = self.columns(names)
        order = np.lexsort(columns[::-1])
        new = np.ones(len(self), dtype=bool)
        new[1:] = np.any([column[order][1:] != column[order][:-1] for column in columns], axis=0)
        pattern_of = np.empty(len(self), dtype=int)
        pattern_of[order] = np.cumsum(new) - 1
        unique = {name: column[order][new] for name, column in zip(names, columns, strict=True)}
        weights = np.bincount(pattern_of[order], weights=self.weights[order], minlength=int(new.sum()))
        return self.of_patterns(unique, weights, self), pattern_of

    @classmethod
    def of_patterns(cls, columns: Mapping[str, np.ndarray], weights: np.ndarray, of: Customers) -> RFM:
        """Patterns of some columns, (m,) each, sorted and different, of the customers `of`; other columns are zero."""
        zeros = np.zeros(len(weights))
        clock = {name: columns.get(name, zeros) for name in CLOCK_FIELDS}
        spend = {name: columns.get(name, zeros) if of.has_spend else None for name in SPEND_FIELDS}
        held: dict[str, Any] = {**clock, **spend}
        return cls(
            customer_id=np.arange(len(weights)),
            weights=weights,
            time_unit=of.time_unit,
            observed_until=of.observed_until,
            statistics={name: values for name, values in columns.items() if name not in held},
            **held,
        )

    def patterns(self, names: Sequence[str]) -> RFM:
        """Unique rows of the named columns, weights added up: `compress` without the way back."""
        return self.compress(names)[0]

    def weighted(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """A column, and how many customers each of its values stands for."""
        return self.columns([name])[0], self.weights

    def newcomers(self, count: int = 1) -> RFM:
        """`count` customers who have just made their first purchase (no repeat purchase, age 0).

        Raises
        ------
        ArgumentError
            If `count` is no whole number of at least 1.

        Examples
        --------
        >>> rfm = RFM.from_arrays(frequency=[1], recency=[2], T=[4], time_unit="W")
        >>> rfm.newcomers(2).customer_id.tolist()
        ['new customer 1', 'new customer 2']
        """
        whole_number("count", count, least=1)
        zeros = np.zeros(count)
        return RFM.from_arrays(
            frequency=zeros,
            recency=zeros,
            T=zeros,
            monetary_value=zeros if self.has_spend else None,
            customer_id=[f"new customer {i + 1}" for i in range(count)],
            statistics=dict.fromkeys(self.statistics, zeros),
            time_unit=self.time_unit,
        )._with_clock_of(self)

    def _with_clock_of(self, other: RFM) -> RFM:
        return replace(self, observed_until=other.observed_until)

    def fingerprint(self) -> str:
        """Hash of the content, blind to ids and to row order (16 hexadecimal digits)."""
        content = hash_of(dict(zip(self.names, self.columns(self.names), strict=True)), self.weights)
        return fingerprint(self.time_unit, self.observed_until, self.names, content)

    def to_pandas(self) -> pd.DataFrame:
        """A table with one row per customer, times in `time_unit`."""
        import pandas as pd

        table = {"customer_id": self.customer_id, **{name: getattr(self, name) for name in CLOCK_FIELDS}}
        if self.has_spend:
            table |= {"monetary_value": self.monetary_value, "spend_count": self.spend_count}
        return pd.DataFrame(table | dict(self.statistics))

    def _size(self) -> str:
        customers = f"{self.customers:,.0f} customer{'s' if self.customers != 1 else ''}"
        return customers if len(self) == self.customers else f"{customers} in {len(self):,} rows"

    def __repr__(self) -> str:
        until = "" if self.observed_until is None else f", observed until {self.observed_until}"
        spend = "with" if self.has_spend else "without"
        return f"RFM({self._size()}, times in {UNIT_NAMES[self.time_unit]}{until}, {spend} spend)"

    def _repr_html_(self) -> str:
        unit = UNIT_NAMES[self.time_unit]
        headings = {
            "customer_id": "customer_id",
            "frequency": "frequency",
            "recency": f"recency ({unit})",
            "T": f"T ({unit})",
            "monetary_value": "monetary_value (per purchase)",
        }
        columns = {name: values for name in headings if (values := getattr(self, name)) is not None}
        until = (
            ""
            if self.observed_until is None
            else f", observed until before {self.observed_until:%Y-%m-%d %H:%M}"
        )
        spread = [
            [headings[name], values.mean(), *np.quantile(values, (0, 0.5, 1))]
            for name, values in columns.items()
            if name in (*CLOCK_FIELDS, *SPEND_FIELDS)
        ]
        return card(
            f"RFM: {self._size()}",
            [f"times in {unit}{until}", *(str(self.report).splitlines() if self.report else [])],
            [
                table(["column", "mean of rows", "least", "median", "most"], spread),
                first_rows(columns, headings),
            ],
            {"data hash": self.fingerprint()},
        )


def check_rfm(rfm: Any) -> None:
    """Refuse what is no `RFM`.

    Raises
    ------
    ArgumentError
        If it is none.
    """
    check_kind("rfm", rfm, RFM, MAKE_RFM)
