"""Posterior × RFM × horizon → Forecast: exact joint predictive draws, streamed over customers.

Draw d uses one parameter vector and one exposure for all customers, then for each of them its own life: alive or
dead, rate, death, purchase times, an amount per purchase, discounted at the time of the purchase. Lives are drawn as
far as the exposure or the horizon, whichever is longer: the same draws tell what the model alone says, and what it says
with the market's discrepancy (`clvmodels.forecast.discrepancy`).

Two devices make the bytes independent of how the work is cut. Every customer has a random stream of
their own, keyed by seed and id, so the same customer gets the same draws alone, in a block, in any
order. Every amount is rounded to a multiple of one power of two (2**-24 of the mean spend): sums of
such numbers are exact in double precision, so their order does not matter.
"""

from __future__ import annotations

import hashlib
import math
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clvmodels.contracts import PurchaseModel, SpendModel
from clvmodels.errors import ArgumentError
from clvmodels.forecast.discrepancy import Discrepancy
from clvmodels.inference import Posterior
from clvmodels.prediction import DrawBlock, as_numbers, check_seed, over_draws
from clvmodels.rfm import RFM, id_text
from clvmodels.season import Clock, stretched
from clvmodels.special.streams import Streams
from clvmodels.units import Horizon

RESOLUTION_BITS = 24
PACE = "pace"  # the statistic that carries each customer's pace
BATCH_ROWS = 1 << 15  # customers times draws simulated in one go
PATTERN_CELLS = 1 << 16  # patterns times draws whose closed forms are worked out in one go
ALIVE_CELLS = 1 << 24  # probabilities that are kept for the draws, 128 MB; where there are more, found twice
type Shocks = tuple[np.ndarray, np.ndarray]  # of exposure and money, (S,) each


@dataclass(frozen=True)
class _Part:
    """A model with the parameters it is simulated under: (P, S') distinct ones, (P, S) one per draw."""

    model: Any
    distinct: np.ndarray
    per_draw: np.ndarray

    @classmethod
    def of(cls, posterior: Posterior, draws: int) -> _Part:
        per_draw = posterior.draws[np.arange(draws) % len(posterior.draws)].T
        return cls(posterior.model, posterior.draws[:draws].T, np.ascontiguousarray(per_draw))


@dataclass(frozen=True)
class _Known:
    """What closed forms say: (n,) columns by name, and P(alive) (m, S') of the pattern of each customer, if kept."""

    columns: Mapping[str, np.ndarray]
    alive: np.ndarray | None
    pattern_of: np.ndarray


@dataclass(frozen=True)
class Simulation:
    """One run of the sampler: who, how far, at which rates, under which shocks, from which seed."""

    rfm: RFM
    plan: Horizon
    purchase: _Part
    spend: _Part | None
    discount: float
    margin: float
    draws: int
    seed: int
    discrepancy: Discrepancy | None
    clock: Clock | None
    quantum: float
    is_paced: bool = False

    @classmethod
    def of(
        cls,
        purchase: Posterior,
        spend: Posterior | None,
        rfm: RFM,
        plan: Horizon,
        *,
        discount: float,
        margin: float,
        draws: int,
        seed: int,
        discrepancy: Discrepancy | None,
        clock: Clock | None,
    ) -> Simulation:
        """Pair each draw with its parameters, and set the power of two that amounts are multiples of."""
        return cls(
            rfm=rfm,
            plan=plan,
            purchase=_Part.of(purchase, draws),
            spend=None if spend is None else _Part.of(spend, draws),
            discount=discount,
            margin=margin,
            draws=draws,
            seed=seed,
            discrepancy=discrepancy,
            clock=clock,
            quantum=cls.quantum_of(purchase, margin),
        )

    def paced(self, pace: np.ndarray | None) -> Simulation:
        """The same with customers who walk through the model's time `pace` (n,) times as fast.

        Raises
        ------
        ArgumentError
            If there is not one finite pace above 0 for each customer.
        """
        if pace is None:
            return self
        paces = as_numbers("pace", pace)
        if paces.shape != (len(self.rfm),) or not (np.isfinite(paces) & (paces > 0)).all():
            raise ArgumentError(f"pace must be {len(self.rfm):,} finite numbers above 0, one per customer")
        rfm = replace(self.rfm, statistics={**self.rfm.statistics, PACE: paces})
        return replace(self, rfm=rfm, is_paced=True)

    @staticmethod
    def quantum_of(purchase: Posterior, margin: float) -> float:
        """The power of two that amounts are multiples of; it knows the fit and nobody of the customers."""
        return float(2.0 ** (math.floor(math.log2(margin * purchase.scales.money)) - RESOLUTION_BITS))

    def blocks(
        self, block_size: int, workers: int, progress: Callable[[int, int], None] | None
    ) -> Iterator[DrawBlock]:
        """The draws of all customers, `block_size` of them at a time, `workers` blocks at once."""
        count = len(self.rfm)
        known = self._closed_forms(workers)
        shocks = None if self.discrepancy is None else self.discrepancy.shocks(self.seed, self.draws)
        parts = _parts(np.arange(count), block_size)
        for block in in_turn(lambda index: self._block(index, known, shocks), parts, workers):
            yield block
            if progress is not None:
                progress(int(block.index[-1]) + 1, count)

    def _block(self, index: np.ndarray, known: _Known, shocks: Shocks | None) -> DrawBlock:
        """Draws of the customers at `index`, simulated a few at a time: their arrays stay in the cache."""
        from clvmodels.forecast.tally import add_periods, add_up

        step = max(BATCH_ROWS // self.draws, 1)
        by_customer = np.zeros((2, len(index), self.draws))
        by_period, alone = np.zeros((2, 2, self.draws, len(self.plan.edges) - 1))
        for start in range(0, len(index), step):
            some = index[start : start + step]
            row, time, amount = future = self._future(some, known, shocks)
            if shocks is not None:
                add_periods(row, time, self._worth(amount, time), self.plan.edges, len(some), alone)
                row, time, amount = self._shocked(*future, len(some), shocks)
            mine = by_customer[:, start : start + step]
            add_up(row, time, self._worth(amount, time), self.plan.edges, mine, by_period)
        for sums in (by_customer, by_period, alone):
            sums[1] *= self.quantum
        purchases, value = by_customer.transpose(0, 2, 1)
        priced = self.spend is not None
        columns = {name: column[index] for name, column in known.columns.items()}
        return DrawBlock(
            index=index,
            purchases=purchases,
            value=value if priced else None,
            period_purchases=by_period[0],
            period_value=by_period[1] if priced else None,
            mean=columns.pop("mean"),
            columns=columns,
            alone=None if shocks is None else alone,
        )

    def _future(
        self, index: np.ndarray, known: _Known, shocks: Shocks | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(row, time, amount) of each purchase ahead; row d m + j is draw d of customer j of m."""
        some = self.rfm.take(index)
        streams = Streams.keyed(customer_keys(self.seed, some.customer_id), self.draws)
        model: PurchaseModel = self.purchase.model
        alive = self._alive(index, some, known)
        theta = self.purchase.per_draw[:, :, None]
        factor = self._pace(some)
        if shocks is not None:
            factor = np.maximum(shocks[0], 1.0)[:, None] * factor
        reach = stretched(self.clock, self.plan.length, factor, self.rfm)
        row, time = model.sample_purchase_times(theta, some, alive, reach, streams)
        if self.is_paced:
            time = stretched(self.clock, time, 1 / some.statistics[PACE][row % len(some)], self.rfm)
        if self.spend is None:
            return row, time, np.zeros(len(row))
        spend: SpendModel = self.spend.model
        return row, time, spend.sample_spend(self.spend.per_draw[:, :, None], some, row, streams)

    def _alive(self, index: np.ndarray, some: RFM, known: _Known) -> np.ndarray:
        """(S, m) P(alive) of the customers at `index`, under the parameters of each draw."""
        if known.alive is not None:
            alive = np.ascontiguousarray(known.alive[known.pattern_of[index]].T)
        else:
            patterns, pattern_of = some.compress(self.purchase.model.needs)
            alive = self.purchase.model.p_alive(self.purchase.distinct[:, :, None], patterns)[:, pattern_of]
        return alive if len(alive) == self.draws else alive[np.arange(self.draws) % len(alive)]

    def _shocked(
        self, row: np.ndarray, time: np.ndarray, amount: np.ndarray, customers: int, shocks: Shocks
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The purchases in calendar time and money when exposure and amounts are multiplied by a draw's shocks."""
        draw = row // customers
        exposure, money = shocks
        return row, stretched(self.clock, time, 1 / exposure[draw], self.rfm), amount * money[draw]

    def _worth(self, amount: np.ndarray, time: np.ndarray) -> np.ndarray:
        """Discounted margin of purchases, as a whole number of quanta."""
        worth = np.exp(-self.discount * time) if self.discount > 0 else np.ones(len(time))
        worth *= self.margin / self.quantum
        worth *= amount
        return np.rint(worth, out=worth)

    def _pace(self, some: RFM) -> np.ndarray:
        """How fast customers walk through the model's time: (m,) or one for all."""
        return some.statistics[PACE] if self.is_paced else np.ones(1)

    def _closed_forms(self, workers: int) -> _Known:
        """(n,) means over the draws: what the columns say, and the value (the purchases without spend)."""
        is_discounted = self.spend is not None and self.discount > 0
        rates = [0.0, self.discount] if is_discounted and not self.is_paced else [0.0]
        means, by_pattern, pattern_of = self._purchase_means(rates, workers)
        alive, expected, *present = means
        columns = {"p_alive": alive, "expected_purchases": expected, "mean": expected}
        if self.spend is not None:
            level = self._spend_means(self.spend, workers)
            worth = self.margin * (present or [expected])[0] * level  # the two posteriors are independent
            if is_discounted and self.is_paced:
                worth = np.full(
                    len(worth), np.nan
                )  # a rate for each customer is not known to the closed forms
            columns |= {"expected_spend": level, "mean": worth}
        return _Known(columns, by_pattern, pattern_of)

    def _purchase_means(
        self, rates: Sequence[float], workers: int
    ) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        """(1 + k, n) means of P(alive) and of the purchases discounted at k rates; P(alive) by pattern, and whose.

        Worked out once per pattern, in an order that brings together those with the same future if alive. Under a
        discrepancy the exposure takes two values with its mean and variance.
        """
        model: PurchaseModel = self.purchase.model
        theta = self.purchase.distinct[:, :, None]
        more = (PACE,) if self.is_paced else ()
        patterns, pattern_of = self.rfm.compress((*model.needs, *more))
        futures, future_of = patterns.compress((*model.needs_if_alive, *more))
        factors = (1.0,) if self.discrepancy is None else self.discrepancy.nodes()
        paces = np.multiply.outer(factors, self._pace(futures))
        reaches = stretched(self.clock, self.plan.length, paces, self.rfm)
        size = len(patterns), theta.shape[1]
        kept = np.empty(size) if math.prod(size) <= ALIVE_CELLS else None

        def means(part: np.ndarray) -> np.ndarray:
            first, last = future_of[part[[0, -1]]]
            some = slice(first, last + 1)
            ahead, place = futures.take(some), future_of[part] - first
            alive = np.ascontiguousarray(model.p_alive(theta, patterns.take(part)).T)
            if kept is not None:
                kept[part] = alive
            found = [alive.mean(axis=1)]
            for rate in rates:
                bought = [
                    model.purchases_if_alive(
                        theta, ahead, reach[some] if self.is_paced else reach, rate / factor
                    )
                    for factor, reach in zip(factors, reaches, strict=True)
                ]
                found.append((alive * np.ascontiguousarray(np.mean(bought, axis=0).T)[place]).mean(axis=1))
            return np.array(found)

        order = np.argsort(future_of, kind="stable")
        found = np.empty((1 + len(rates), len(patterns)))
        found[:, order] = np.concatenate(list(in_turn(means, self._parts(order), workers)), axis=1)
        return found[:, pattern_of], kept, pattern_of

    def _parts(self, patterns: np.ndarray) -> list[np.ndarray]:
        """Patterns, as many at a time as their draws make cells that stay in the cache."""
        return _parts(patterns, max(PATTERN_CELLS // self.draws, 1))

    def _spend_means(self, part: _Part, workers: int) -> np.ndarray:
        """(n,) mean spend per purchase, infinite where some draw has no mean."""
        model: SpendModel = part.model
        theta = part.distinct[:, :, None]
        patterns, pattern_of = self.rfm.compress(model.needs)

        def means(index: np.ndarray) -> np.ndarray:
            return over_draws(model.expected_spend(theta, patterns.take(index)))

        parts = self._parts(np.arange(len(patterns)))
        return np.concatenate(list(in_turn(means, parts, workers)))[pattern_of]


def _parts(index: np.ndarray, size: int) -> list[np.ndarray]:
    return [index[start : start + size] for start in range(0, len(index), size)]


def in_turn[Part, Result](
    work: Callable[[Part], Result], parts: Iterable[Part], workers: int
) -> Iterator[Result]:
    """What `work` makes of each part, in their order, a few parts ahead on `workers` threads.

    NumPy lets go of the interpreter while it works on an array, so threads share the cores.

    Examples
    --------
    >>> list(in_turn(lambda x: x * x, [1, 2, 3], 2))
    [1, 4, 9]
    """
    if workers == 1:
        yield from map(work, parts)
        return
    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[Future[Result]] = deque()
        try:
            for part in parts:
                ahead.append(pool.submit(work, part))
                if len(ahead) > workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def usable_cores() -> int:
    """How many cores this process may use.

    Examples
    --------
    >>> usable_cores() >= 1
    True
    """
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    else:
        return os.cpu_count() or 1


def customer_keys(seed: int, customer_ids: np.ndarray, purpose: str = "future") -> np.ndarray:
    """(n, 2) keys of the customers for one purpose, unsigned 64-bit: a hash of seed, purpose and id.

    The id counts as text (`id_text`), so 7, 7.0 and "7" have the same key.

    Raises
    ------
    ArgumentError
        If the seed is no whole number of at least 0.

    Examples
    --------
    >>> bool((customer_keys(1, np.array([7])) == customer_keys(1, np.array(["7"]))).all())
    True
    """
    check_seed(seed)
    texts = (f"{seed}|{purpose}|{id_text(identity)}".encode() for identity in customer_ids)
    hashes = b"".join(hashlib.blake2b(text, digest_size=16).digest() for text in texts)
    return np.frombuffer(hashes, dtype="<u8").astype(np.uint64).reshape(-1, 2)


def customer_stream(seed: int, customer_id: object, purpose: str = "future") -> np.random.Generator:
    """The random stream of one customer for one purpose: Philox keyed by a hash of the three.

    The id counts as text (`id_text`), so 7, 7.0 and "7" have the same stream.

    Raises
    ------
    ArgumentError
        If the seed is no whole number of at least 0.

    Examples
    --------
    >>> customer_stream(1, 7).random() == customer_stream(1, "7").random()
    True
    """
    key = customer_keys(seed, np.array([customer_id], dtype=object), purpose)[0]
    return np.random.Generator(np.random.Philox(key=key))
