"""The forecast as a function from batches of customers to batches of their forecasts, the same wherever they are.

It holds the parameters and nothing of the customers, and every customer brings random streams keyed by the own id.
So threads, DuckDB and Spark call the same function, and how they cut the customers leaves no trace in the result.
Totals are whole numbers, of purchases and of quanta of money: they add up exactly in any order and number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from clvmodels.contracts import PurchaseModel, SpendModel
from clvmodels.errors import DataError
from clvmodels.forecast.discrepancy import Discrepancy
from clvmodels.forecast.simulation import Simulation
from clvmodels.inference import Posterior
from clvmodels.prediction import Quantity, gather
from clvmodels.rfm import CLOCK_FIELDS, RFM, SPEND_FIELDS
from clvmodels.season import Clock
from clvmodels.units import Horizon

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK = 256
BATCH = 8192  # customers who share closed forms where they share a pattern


@dataclass(frozen=True)
class Scored:
    """Forecasts of a batch of customers.

    Attributes
    ----------
    batch
        Arrow record batch: customer_id and the columns of `Forecast`.
    totals
        (b, q, S, K) sums over the customers by draw and period, whole numbers: of purchases and, with spend, of
        quanta; with a discrepancy, and then of the model alone.
    without_mean
        Customers whose spend has no finite mean.
    """

    batch: pa.RecordBatch
    totals: np.ndarray
    without_mean: int


@dataclass(frozen=True)
class Scorer:
    """A forecast waiting for customers: call it with Arrow record batches of them. `FittedCLV.scorer` makes it.

    Attributes
    ----------
    name
        Forecaster.
    purchase, spend
        The fits.
    horizon
        Window and periods.
    discount
        Rate per time unit.
    margin, discrepancy, draws, seed, levels
        As in `FittedCLV.forecast`.
    clock
        Of the fit.

    Examples
    --------
    >>> import pyarrow as pa
    >>> import clvmodels as clv
    >>> rfm = clv.rfm_summary(clv.load_cdnow(), spend="spend", observation_end="1997-09-30").take(slice(0, 200))
    >>> scorer = clv.CLVModel("bg_nbd").fit(rfm, draws=50).scorer("52W", rfm=rfm, draws=50)
    >>> batches = pa.Table.from_pandas(rfm.to_pandas()).to_batches(max_chunksize=150)
    >>> [scored.num_rows for scored in scorer(iter(batches))]
    [150, 50]
    """

    name: str
    purchase: Posterior
    spend: Posterior | None
    horizon: Horizon
    discount: float
    margin: float
    discrepancy: Discrepancy | None
    draws: int
    seed: int
    levels: tuple[float, ...]
    clock: Clock | None

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Forecasts of each batch, rows in their order: what `mapInArrow` of Spark and its like take."""
        for batch in batches:
            if batch.num_rows:
                yield self.score(batch).batch

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns that a batch must have beside customer_id."""
        spend = () if self.spend is None else cast(SpendModel, self.spend.model).needs
        needs = [*CLOCK_FIELDS, *cast(PurchaseModel, self.purchase.model).needs]
        needs += [] if self.spend is None else [*SPEND_FIELDS, *spend]
        return tuple(dict.fromkeys(needs))

    @property
    def order(self) -> tuple[str, ...]:
        """Columns to sort customers by, so that those who share a closed form come in one batch."""
        model = cast(PurchaseModel, self.purchase.model)
        return tuple(dict.fromkeys([*model.needs_if_alive, *model.needs, "customer_id"]))

    def spark_schema(self, customer_id: str = "string") -> str:
        """Columns and types of the result as Spark writes them, ids being of the type named.

        ``table.native.mapInArrow(scorer, scorer.spark_schema("bigint"))`` is a table of Spark's, to write anywhere.
        """
        zeros = np.zeros(1)
        fields = [name for name in self.needs if name in (*CLOCK_FIELDS, *SPEND_FIELDS)]
        columns: dict[str, Any] = dict.fromkeys(fields, zeros)
        further = dict.fromkeys(set(self.needs) - set(fields), zeros)
        nobody = RFM.from_arrays(statistics=further, time_unit=self.horizon.unit, **columns)
        (batch,) = batches_of(nobody, self.needs, ())
        names = self.score(batch).batch.schema.names[1:]
        return ", ".join([f"customer_id {customer_id}", *(f"`{name}` double" for name in names)])

    def simulation(self, rfm: RFM) -> Simulation:
        """The sampler of some customers."""
        rates: dict[str, Any] = {
            "discount": self.discount,
            "margin": self.margin,
            "discrepancy": self.discrepancy,
            "clock": self.clock,
        }
        return Simulation.of(
            self.purchase, self.spend, rfm, self.horizon, draws=self.draws, seed=self.seed, **rates
        )

    def score(self, batch: pa.RecordBatch) -> Scored:
        """Forecast the customers of one batch."""
        import pyarrow as pa

        rfm = self._rfm(batch)
        simulation = self.simulation(rfm)
        forecast = gather(
            simulation.blocks(BLOCK, 1, None),
            rfm,
            self.horizon,
            name=self.name,
            is_distribution=True,
            provenance={},
            levels=self.levels,
        )
        units = {"purchases": 1.0, "value": simulation.quantum}
        priced = [forecast.purchases] if forecast.value is None else [forecast.purchases, forecast.value]
        bands = [priced, [quantity.alone for quantity in priced if quantity.alone is not None]]
        sums = [[each.period_draws / units[each.name] for each in band] for band in bands if band]
        columns = {name: column for name, column in forecast.columns.items() if name != "customer_id"}
        spend = columns.get("expected_spend", np.zeros(0))
        return Scored(
            pa.record_batch({"customer_id": batch.column("customer_id"), **columns}),
            np.array(sums).astype(np.int64),
            int(np.isinf(spend).sum()),
        )

    def totals(self, sums: np.ndarray) -> tuple[Quantity, Quantity | None]:
        """Joint draws of the totals of purchases and value, from the whole numbers of all batches (b, q, S, K)."""
        units = {"purchases": 1.0, "value": Simulation.quantum_of(self.purchase, self.margin)}
        first, *rest = (
            Quantity.by_period(name, *(band * unit for band in bands))
            for (name, unit), bands in zip(units.items(), sums.swapaxes(0, 1), strict=False)
        )
        return first, rest[0] if rest else None

    def _rfm(self, batch: pa.RecordBatch) -> RFM:
        """The customers of a batch, checked as any others."""
        for name in ("customer_id", *self.needs):
            if name not in batch.schema.names:
                held = ", ".join(map(repr, batch.schema.names))
                raise DataError(
                    f"there is no such column among {held}", column=name, fix="summarise with rfm_table"
                )
        columns = {name: batch.column(name).to_numpy(zero_copy_only=False) for name in self.needs}
        fields = {name: columns.pop(name) for name in (*CLOCK_FIELDS, *SPEND_FIELDS) if name in columns}
        unit = self.purchase.provenance["time_unit"]
        ids = ids_of(batch.column("customer_id"))
        rfm = RFM.from_arrays(customer_id=ids, statistics=columns, time_unit=unit, **fields)
        return replace(rfm, observed_until=self.horizon.starts[0] if self.horizon.starts else None)


def ids_of(column: Any) -> np.ndarray:
    """Ids of an Arrow column: whole numbers keep their type, all else is objects."""
    import pyarrow as pa

    if pa.types.is_integer(column.type):
        return np.asarray(column.to_numpy(zero_copy_only=False))
    ids = np.empty(len(column), dtype=object)
    ids[:] = column.to_pylist()
    return ids


def batches_of(rfm: RFM, names: tuple[str, ...], order: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
    """Customers in memory as batches, sorted by the columns of `order` and then as they stand."""
    import pyarrow as pa

    keys = rfm.columns([name for name in order if name != "customer_id"])
    place = np.lexsort(keys[::-1]) if keys else np.arange(len(rfm))
    for start in range(0, len(place), BATCH):
        some = rfm.take(place[start : start + BATCH])
        yield pa.record_batch(
            {"customer_id": some.customer_id, **dict(zip(names, some.columns(names), strict=True))}
        )
