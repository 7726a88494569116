"""Posterior × RFM × horizon → Forecast: exact joint predictive draws, streamed over customers.

Draw d uses one parameter vector for all customers, then for each of them its own life: alive or dead,
rate, death, purchase times, an amount per purchase, discounted at the time of the purchase.

Two devices make the bytes independent of how the work is cut. Every customer has a random stream of
their own, keyed by seed and id, so the same customer gets the same draws alone, in a block, in any
order. Every amount is rounded to a multiple of one power of two (2**-24 of the mean spend): sums of
such numbers are exact in double precision, so their order does not matter.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from clvmodels.contracts import PurchaseModel, SpendModel
from clvmodels.inference import Posterior
from clvmodels.prediction import DrawBlock, check_seed, over_draws
from clvmodels.rfm import RFM, id_text
from clvmodels.units import Horizon

RESOLUTION_BITS = 24


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
class Simulation:
    """One run of the sampler: who, how far, at which rates, from which seed."""

    rfm: RFM
    plan: Horizon
    purchase: _Part
    spend: _Part | None
    discount: float
    margin: float
    draws: int
    seed: int
    quantum: float

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
            quantum=2.0 ** (math.floor(math.log2(margin * purchase.scales.money)) - RESOLUTION_BITS),
        )

    def blocks(self, block_size: int, progress: Callable[[int, int], None] | None) -> Iterator[DrawBlock]:
        """The draws of all customers, `block_size` of them at a time."""
        count = len(self.rfm)
        for start in range(0, count, block_size):
            index = np.arange(start, min(start + block_size, count))
            yield self._block(index)
            if progress is not None:
                progress(int(index[-1]) + 1, count)

    def _block(self, index: np.ndarray) -> DrawBlock:
        block = self.rfm.take(index)
        p_alive, mean, columns = self._closed_forms(block)
        periods = len(self.plan.edges) - 1
        purchases, value = np.zeros((2, len(index), self.draws))
        period_purchases, period_value = np.zeros((2, self.draws * periods))
        for j in range(len(index)):
            row, time, amount = self._customer(block.take(slice(j, j + 1)), p_alive[:, j])
            cell = row * periods + np.searchsorted(self.plan.edges[1:-1], time)
            purchases[j] = np.bincount(row, minlength=self.draws)
            value[j] = np.bincount(row, amount, minlength=self.draws)
            np.add.at(period_purchases, cell, 1.0)
            np.add.at(period_value, cell, amount)
        priced = self.spend is not None
        return DrawBlock(
            index=index,
            purchases=purchases.T,
            value=value.T if priced else None,
            period_purchases=period_purchases.reshape(self.draws, periods),
            period_value=period_value.reshape(self.draws, periods) if priced else None,
            columns=columns,
            mean=mean,
        )

    def _closed_forms(self, block: RFM) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """P(alive) per draw (S, m); means over the draws of the value, and of what the columns say."""
        model: PurchaseModel = self.purchase.model
        patterns, pattern_of = block.compress(model.needs)
        theta, length = self.purchase.distinct[:, :, None], self.plan.length
        alive = model.p_alive(theta, patterns)
        expected = over_draws(model.expected_purchases(theta, patterns, length))[pattern_of]
        columns = {"p_alive": over_draws(alive)[pattern_of], "expected_purchases": expected}
        mean = expected
        if self.spend is not None:
            columns["expected_spend"] = _expected_spend(self.spend, block)
            if self.discount > 0:
                present = model.expected_discounted_purchases(theta, patterns, length, self.discount)
                mean = over_draws(present)[pattern_of]
            mean = self.margin * mean * columns["expected_spend"]  # the two posteriors are independent
        return alive[np.arange(self.draws) % len(alive)][:, pattern_of], mean, columns

    def _customer(self, one: RFM, p_alive: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(draw, time, discounted amount) of each future purchase of one customer."""
        rng = customer_stream(self.seed, one.customer_id[0])
        model: PurchaseModel = self.purchase.model
        row, time = model.sample_purchase_times(self.purchase.per_draw, one, p_alive, self.plan.length, rng)
        if self.spend is None:
            return row, time, np.zeros(len(row))
        spend: SpendModel = self.spend.model
        amount = spend.sample_spend(self.spend.per_draw, one, row, rng)
        discounted = amount * (self.margin * np.exp(-self.discount * time))
        return row, time, np.rint(discounted / self.quantum) * self.quantum


def _expected_spend(part: _Part, block: RFM) -> np.ndarray:
    """(m,) mean spend per purchase, infinite where some draw has no mean."""
    model: SpendModel = part.model
    patterns, pattern_of = block.compress(model.needs)
    return over_draws(model.expected_spend(part.distinct[:, :, None], patterns))[pattern_of]


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
    check_seed(seed)
    digest = hashlib.blake2b(f"{seed}|{purpose}|{id_text(customer_id)}".encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=np.frombuffer(digest, dtype=np.uint64)))
