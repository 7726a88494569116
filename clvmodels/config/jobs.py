"""Sections of scheduled runs: where forecasts go, when models are fitted again, and what must hold before."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from clvmodels.config.conditions import MEASURES, Condition, conditions_of
from clvmodels.config.sections import ASIDE, Name, Place, Section, Variable
from clvmodels.errors import ArgumentError
from clvmodels.units import UNIT_DAYS, parse_duration

REFIT_WORDS = ("always", "drift")


def _is_refit(value: str) -> str:
    if value not in REFIT_WORDS:
        try:
            step = parse_duration(value)[1]
        except ArgumentError:
            step = ""
        if step not in UNIT_DAYS:
            raise ValueError(f"{value!r} is not a policy: write always, drift, or how often, as 28D or 4W")
    return value


class Publish(Section):
    """Where forecasts are published."""

    folder: Annotated[
        Place, ASIDE, Field(description="Folder of the published runs, created in a folder that exists.")
    ] = "published"
    shards: Annotated[
        int, Field(ge=1, le=4096, description="Files that the customers of a run are dealt to.")
    ] = 8
    hash_ids: Annotated[bool, Field(description="Publish keyed hashes instead of customer ids.")] = False
    hash_key: Annotated[
        Variable | None,
        ASIDE,  # its name; of the key itself see `id_of`
        Field(description="env:NAME of the environment variable that holds the key of the hashes."),
    ] = None
    target: Annotated[
        Variable | None,
        ASIDE,
        Field(
            description="env:NAME of the environment variable that holds the address of a PostgreSQL database to "
            "publish to as well."
        ),
    ] = None
    table: Annotated[Name, ASIDE, Field(description="Table of that database; created if need be.")] = (
        "clv_forecast"
    )
    table_schema: Annotated[Name | None, ASIDE, Field(alias="schema", description="Schema of the table.")] = (
        None
    )
    wait: Annotated[
        float,
        ASIDE,
        Field(ge=0, description="Seconds to wait for another run before leaving with exit code 75."),
    ] = 0

    @model_validator(mode="after")
    def _hashes_have_a_key(self) -> Self:
        if self.hash_ids and self.hash_key is None:
            raise ValueError(
                "hash_ids needs hash_key = 'env:NAME': without a key, anybody could hash a list of ids and compare"
            )
        return self


class Store(Section):
    """Where fits are kept, and when a new one is made."""

    folder: Annotated[
        Place, ASIDE, Field(description="Folder of the fits, created in a folder that exists.")
    ] = "fits"
    refit: Annotated[
        str,
        AfterValidator(_is_refit),
        Field(
            description="always, drift (after a run whose gates on drift tripped), or how often, as 28D or 4W."
        ),
    ] = "always"


def _is_condition(value: str) -> str:
    conditions_of(value)
    return value


class SegmentRule(Section):
    """Customers who meet all conditions, and no earlier rule's."""

    name: Annotated[Name, Field(description="Name of the segment.")]
    when: Annotated[
        str,
        AfterValidator(_is_condition),
        Field(
            description="Comparisons of columns of the published table with numbers, joined by and; none in the last "
            "rule, which takes everybody else."
        ),
    ] = ""
    action: Annotated[str, Field(description="What to do with them, for the data dictionary.")] = ""

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What must hold."""
        return conditions_of(self.when)


class Segments(Section):
    """How customers are divided: by value, and by whether they buy again, or by rules of your own."""

    share: Annotated[
        float,
        Field(gt=0, lt=1, description="Share of customers below the valuable ones: 0.8 is the best fifth."),
    ] = 0.8
    money: Annotated[
        float | None, Field(gt=0, description="Value at which valuable customers begin, instead of a share.")
    ] = None
    lead: Annotated[
        float,
        Field(
            ge=0,
            lt=1,
            description="A customer changes segment only if the new one is more likely by this much; with rules, only "
            "if a bound is passed by this share.",
        ),
    ] = 0.1
    rules: Annotated[
        tuple[SegmentRule, ...],
        Field(
            description="Segments of your own instead, the first whose conditions hold, as [{ name = 'rescue', "
            "when = 'value_mean >= 100 and p_alive < 0.5', action = 'call' }, { name = 'others' }]. Measures: "
            f"{', '.join(MEASURES)}.",
        ),
    ] = ()

    @model_validator(mode="after")
    def _rules_make_sense(self) -> Self:
        if not self.rules:
            return self
        names = [rule.name for rule in self.rules]
        if len(set(names)) < len(names):
            raise ValueError(f"rules must have different names, not {', '.join(names)}")
        if given := self.model_fields_set & {"share", "money"}:
            raise ValueError(f"rules name their own bounds; leave {' and '.join(sorted(given))} out")
        endless = [rule.name for rule in self.rules if not rule.when.strip()]
        if endless != names[-1:]:
            raise ValueError("the last rule, and no other, takes everybody else: leave out its 'when'")
        return self


class Gate(Section):
    """What a gate does when its value exceeds its limit."""

    action: Annotated[
        Literal["block", "warn", "off"], Field(description="Hold the run back, say so, or not look.")
    ]
    limit: Annotated[float, Field(description="Largest value that passes.")]


def _gate(action: Literal["block", "warn", "off"], limit: float, meaning: str) -> Any:
    return Field(default=Gate(action=action, limit=limit), description=meaning)


class Gates(Section):
    """What must hold before a run is published; each gate compares one number with its limit."""

    freshness: Gate = _gate("block", 7, "Days between the last row of the log and the date of the run.")
    volume: Gate = _gate(
        "block", 4, "Factor between the rows of the last 28 days and the usual 28 days before."
    )
    columns: Gate = _gate("block", 0, "Columns whose type is another one than in the last run.")
    dropped: Gate = _gate("block", 0.05, "Share of the rows that were left out.")
    late: Gate = _gate("warn", 0.01, "Rows added since to the days of the last run, as a share.")
    grown: Gate = _gate(
        "block", 0.5, "The same share, from which on the log is taken to hold its rows twice."
    )
    lost: Gate = _gate("block", 0.001, "Rows missing since from the days of the last run, as a share.")
    fit: Gate = _gate("block", 0, "Fits that failed, are not identified or not reliable.")
    k_hat: Gate = _gate("block", 0.7, "Pareto k of the importance draws of a fit.")
    r_hat: Gate = _gate("block", 1.05, "R-hat of the Markov chains of a fit.")
    parameters: Gate = _gate(
        "warn", 4, "Largest change of a parameter since the last fit, in standard errors."
    )
    total: Gate = _gate("warn", 0.3, "Relative change of the total forecast since the last run.")
    stability: Gate = _gate(
        "warn", 0.25, "Largest population stability index of the customers since the last run."
    )
    distance: Gate = _gate(
        "warn",
        0.3,
        "Largest Wasserstein distance of the customers since the last run, in standard deviations.",
    )
    coverage: Gate = _gate(
        "warn",
        0.5,
        "Share of the last four runs whose 90 % interval missed what came until the next run (three at least).",
    )
    bias: Gate = _gate(
        "warn", 0.3, "How far the last three runs were from what came until the next run, as a share."
    )
    customers: Gate = _gate(
        "warn",
        0.05,
        "Share of single customers within their 90 % intervals: how far from 90 %, for what came since.",
    )
    segments: Gate = _gate(
        "warn",
        0.5,
        "What a segment brought since, beside its forecast, as a share: the furthest outside its 90 % interval.",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        """A gate of which only the action or only the limit is given keeps its default for the other."""
        if not isinstance(given, dict):
            return given
        defaults = {name: field.default.model_dump() for name, field in cls.model_fields.items()}
        return {
            name: {**defaults.get(name, {}), **value} if isinstance(value, dict) else value
            for name, value in given.items()
        }
