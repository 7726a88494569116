"""Several forecasters as one, weighted by how well they did at earlier dates of the same log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np

from clvmodels.contracts import FittedForecaster, Forecaster
from clvmodels.ensemble.learning import fit_members, try_earlier
from clvmodels.ensemble.mixture import DrawTable, Part, mixture, shares
from clvmodels.errors import ArgumentError, FitError
from clvmodels.metrics import stacking_weights
from clvmodels.prediction import (
    DEFAULT_LEVELS,
    DrawBlock,
    Forecast,
    check_margin,
    check_seed,
    check_single,
    gather,
)
from clvmodels.rfm import RFM, earlier_windows
from clvmodels.units import parse_duration, plan_horizon, unit_days


@dataclass(frozen=True)
class Stack:
    """A mixture of forecasters, with the weights that would have served best at earlier dates.

        F_i = Σ_k w_k F_ik,      w = argmin over the simplex of the mean CRPS of Σ_k w_k F_ik

    At each earlier date (`clvmodels.rfm.earlier_windows`) every forecaster is fitted to what was known then and
    forecasts the window that followed; purchases and spend count alike, each as a multiple of its mean. The
    weights minimise the mean CRPS of the mixture over customers and windows. Then every forecaster with a weight
    is fitted to all the data. A forecaster that fails on the way has weight 0, and the summary says why.

    Draw d of the mixture is a draw of one forecaster, the same for all customers; so totals are mixtures of the
    forecasters' totals, and each customer's distribution is the mixture of theirs. A point forecast is a
    distribution with all its mass in one point.

    **Assumption**: who did best then does best now. A mixture is as wide as its parts disagree.

    Parameters
    ----------
    forecasters
        At least two, each with a name of its own.
    window
        Length of the earlier windows, as ``"13W"``: give the horizon of the forecast. At most, and by default, half
        the observation.
    windows
        Greatest number of earlier windows to learn from. Customers of one window share its season; weights from
        several are steadier.
    label
        Name in tables and reports.

    Raises
    ------
    ArgumentError
        If there are fewer than two forecasters, names are not unique, `window` is no duration of fixed length, or
        `windows` is no whole number of at least 1.

    References
    ----------
    Yao, Y., Vehtari, A., Simpson, D. and Gelman, A. (2018). Using stacking to average Bayesian predictive
    distributions. Bayesian Analysis 13. doi:10.1214/17-BA1091

    Examples
    --------
    >>> import clvmodels as clv
    >>> rfm = clv.rfm_summary(clv.load_cdnow("sample"), spend="spend", observation_end="1997-09-30")
    >>> stack = Stack((clv.CLVModel("bg_nbd", method="mle"), clv.HistoricalCLV()))
    >>> fitted = stack.fit(rfm)
    >>> {name: round(weight, 1) for name, weight in fitted.weights.items()}
    {'BG/NBD × automatic spend (mle)': 1.0, 'Historical CLV (own repeat rate)': 0.0}
    """

    forecasters: Sequence[Forecaster]
    window: str | None = None
    windows: int = 1
    label: str | None = None

    def __post_init__(self) -> None:
        _check_list(self.forecasters)
        object.__setattr__(self, "forecasters", tuple(self.forecasters))
        names = [member.name for member in self.forecasters]
        if len(names) < 2 or len(set(names)) < len(names):
            raise ArgumentError(
                f"a stack takes two or more forecasters with names of their own, not {names}: set label="
            )
        if self.window is not None:
            _units(self.window, "W")
        if type(self.windows) is not int or self.windows < 1:
            raise ArgumentError(f"windows={self.windows!r} must be a whole number of at least 1")

    @property
    def name(self) -> str:
        """The label, or the forecasters."""
        return self.label or f"Stack ({' + '.join(member.name for member in self.forecasters)})"

    def fit(self, rfm: RFM, *, seed: int = 0) -> FittedStack:
        """Learn the weights at earlier dates, then fit whoever has one to all the data.

        Raises
        ------
        ArgumentError
            If the summary does not remember its log.
        DataError
            If the observation is too short to be cut in two.
        FitError
            If no forecaster is left.
        """
        check_seed(seed)
        length = None if self.window is None else _units(self.window, rfm.time_unit)
        past = earlier_windows(rfm, length, self.windows)
        failed: dict[str, str] = {}
        left, terms = try_earlier(self.forecasters, past, seed, failed)
        if terms is None:
            raise FitError(f"{self.name}: no forecaster is left; {_reasons(failed)}")
        weights = stacking_weights(terms)
        single = {
            member.name: float(terms.crps(row).mean())
            for member, row in zip(left, np.eye(len(left)), strict=True)
        }
        members = fit_members(left, weights, rfm, seed, failed)
        if not members:
            raise FitError(f"{self.name}: no forecaster is left; {_reasons(failed)}")
        total = sum(weight for _, weight, _ in members)
        return FittedStack(
            name=self.name,
            rfm=rfm,
            members={name: fitted for name, _, fitted in members},
            weights={member.name: 0.0 for member in self.forecasters}
            | {name: weight / total for name, weight, _ in members},
            scores=single | {"the mixture": float(terms.crps(weights).mean())},
            windows=tuple(map(str, past)),
            failed=failed,
        )


@dataclass(frozen=True, eq=False)
class FittedStack:
    """Forecasters that have seen their data, with their weights.

    Attributes
    ----------
    name
        Name in tables and reports.
    rfm
        The customers.
    members
        The fitted forecasters with a weight above 0, by name.
    weights
        Of all forecasters, by name; they add up to 1.
    scores
        Mean CRPS at the earlier dates, of each forecaster that could be tried and of the mixture; purchases and
        spend as multiples of their means.
    windows
        The earlier windows in words.
    failed
        Why a forecaster was left out, by name.
    """

    name: str
    rfm: RFM
    members: dict[str, FittedForecaster]
    weights: dict[str, float]
    scores: dict[str, float]
    windows: tuple[str, ...]
    failed: dict[str, str]

    @property
    def summary(self) -> str:
        """The weights, where they come from, and what the members say of themselves."""
        lines = [f"{self.name}: weights learned from {'; '.join(self.windows)}"]
        for name, weight in self.weights.items():
            why = self.failed.get(name)
            score = f"mean CRPS there {self.scores[name]:.4g}" if name in self.scores else "not tried"
            lines.append(f"  {weight:6.1%}  {name}: {score if why is None else f'left out, {why}'}")
        lines.append(
            f"  the mixture: mean CRPS there {self.scores['the mixture']:.4g}, on what it was learned from"
        )
        for member in self.members.values():
            lines += [f"  {line}" for line in member.summary.splitlines()]
        return "\n".join(lines)

    @property
    def usable(self) -> bool:
        """Whoever could not be used has no weight."""
        return True

    def expected_history(self, age: np.ndarray) -> np.ndarray | None:
        """(m,) weighted mean of the members' curves; None if one of them has no such notion."""
        mean = np.zeros(len(age))
        for name, member in self.members.items():
            curve = member.expected_history(age)
            if curve is None:
                return None
            mean = mean + self.weights[name] * curve
        return mean

    def purchase_probability(self, purchases: np.ndarray, horizon: float) -> np.ndarray | None:
        """Predictive probability of exactly so many purchases: ``Σ_k w_k P_k``, the mixture of the members' own.

        Parameters
        ----------
        purchases
            (n,) whole numbers >= 0.
        horizon
            In the time unit of the summary.

        Returns
        -------
        (n,) array, or None
            None where a member with a weight gives draws or a number only, and no probability.

        Raises
        ------
        ArgumentError
            If a count or the horizon is outside its range.
        """
        chance = np.zeros(len(self.rfm))
        for name, member in self.members.items():
            ask: Any = getattr(member, "purchase_probability", None)
            own = None if ask is None else ask(purchases, horizon)
            if own is None:
                return None
            chance = chance + self.weights[name] * own
        return chance

    def forecast(
        self,
        horizon: str | date | datetime,
        *,
        annual_discount_rate: float = 0.0,
        margin: float = 1.0,
        draws: int = 1000,
        seed: int = 0,
        levels: tuple[float, ...] = DEFAULT_LEVELS,
        period: str | None = None,
        observe: Callable[[DrawBlock], None] | None = None,
    ) -> Forecast:
        """Mix the members' draws, each as often as its weight says.

        All draws of all customers are held at once, 16 bytes for a draw of a customer.

        Parameters
        ----------
        horizon, period
            As in `plan_horizon`.
        annual_discount_rate
            Fraction per year in [0, 1).
        margin
            Share of the spend that counts, in (0, 1].
        draws
            Of the mixture, at least 2. Member k has the nearest whole number to w_k of them.
        seed
            From which each member has a seed of its own, and the order of their draws.
        levels
            Quantile levels of the customer table.
        observe
            Called with every `DrawBlock`.

        Raises
        ------
        ArgumentError
            If an argument is outside its range.
        """
        self._check(margin, draws, seed)
        plan = plan_horizon(horizon, self.rfm.observed_until, self.rfm.time_unit, period)
        run: dict[str, Any] = {"annual_discount_rate": annual_discount_rate, "margin": margin, "seed": seed}
        parts = self._parts(horizon, draws, run | {"period": period})
        mixed = any(part.forecast.is_distribution for part in parts) or len(parts) > 1
        return gather(
            mixture(parts, draws if mixed else 1, len(self.rfm)),
            self.rfm,
            plan,
            name=self.name,
            is_distribution=mixed,
            provenance={
                "forecaster": self.name,
                "weights": self.weights,
                "windows": self.windows,
                "window": plan.window,
                "uncertainty": "that of the members, and their disagreement; the weights are taken as known",
                "customers_hash": self.rfm.fingerprint(),
                "members": [dict(part.forecast.provenance) for part in parts],
                **run,
                "draws": draws,
            },
            levels=levels,
            observe=observe,
        )

    def _check(self, margin: float, draws: int, seed: int) -> None:
        check_margin(margin)
        check_single(self.rfm)
        check_seed(seed)
        if draws < 2:
            raise ArgumentError(f"draws={draws} must be at least 2")

    def _parts(self, horizon: str | date | datetime, draws: int, options: dict[str, Any]) -> list[Part]:
        """Each member's forecast and its places among the draws."""
        members = list(self.members.values())
        weights = np.array([self.weights[name] for name in self.members])
        count = shares(weights, draws)
        order = np.random.default_rng([options["seed"], len(count)]).permutation(draws)
        places = np.split(order, np.cumsum(count)[:-1])
        parts = []
        for number, place in enumerate(places):
            table = DrawTable(len(self.rfm))
            chance = options | {"seed": _seed_of(number, options["seed"])}
            forecast = members[number].forecast(
                horizon, draws=max(len(place), 2), observe=table.observe, **chance
            )
            parts.append(Part(float(weights[number]), np.sort(place), forecast, table))
        return parts


def _seed_of(number: int, seed: int) -> int:
    """A member's own seed: members that shared theirs would share their chance, and their draws be worth fewer."""
    if number == 0:
        return seed
    return int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0])


def _check_list(forecasters: Any) -> None:
    if isinstance(forecasters, str) or not isinstance(forecasters, Sequence):
        raise ArgumentError("forecasters must be a list, such as [CLVModel('bg_nbd'), HistoricalCLV()]")
    if not all(callable(getattr(member, "fit", None)) for member in forecasters):
        raise ArgumentError(f"forecasters must be objects, not names: CLVModel({forecasters[0]!r}), say")


def _units(duration: str, unit: str) -> float:
    count, step = parse_duration(duration)
    return count * unit_days(step) / unit_days(unit)


def _reasons(failed: dict[str, str]) -> str:
    return "; ".join(f"{name}: {why}" for name, why in failed.items())
