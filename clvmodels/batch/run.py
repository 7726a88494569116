"""The walk of a scheduled run, from the log as delivered to the pointer that says which forecast counts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from clvmodels.batch import gates, record
from clvmodels.batch.delivery import Delivery, deliver, opened
from clvmodels.batch.division import ByRules, ByValue, Scheme, rules_for
from clvmodels.batch.gates import Verdict
from clvmodels.batch.hindsight import in_view
from clvmodels.batch.narration import Narrator
from clvmodels.batch.outcome import DONE, NOTHING_TO_DO, REFUSED, UNFIT, WARNED, Options, Outcome
from clvmodels.batch.publishing import load_database, publish, tidy_up, verdicts_of
from clvmodels.batch.scoring import SAMPLE, Scoring, first_by_hash, hashed, score
from clvmodels.batch.shards import Shards, last_segments, tables_of
from clvmodels.batch.shelf import Run, Shelf
from clvmodels.batch.store import Store, fit_or_load
from clvmodels.batch.writing import measure, write_run
from clvmodels.config import Config, secret
from clvmodels.errors import ArgumentError
from clvmodels.forecast import FittedCLV
from clvmodels.value import SegmentRules


@dataclass
class Walk:
    """The state of a run on its way."""

    config: Config
    options: Options
    shelf: Shelf
    store: Store
    narrator: Narrator
    move: Callable[[int, int], None]
    verdicts: list[Verdict] = field(default_factory=list)

    def blocked(self, verdicts: list[Verdict]) -> bool:
        """Tell and keep what gates said; whether the run ends here."""
        self.verdicts += verdicts
        for one in verdicts:
            if one.outcome in ("warned", "blocked"):
                self.narrator.tell(
                    f"gate {one.gate}",
                    "warning",
                    outcome=one.outcome,
                    value=one.value,
                    limit=one.limit,
                    words=one.words,
                )
        return not self.options.force and any(one.outcome == "blocked" for one in verdicts)

    def ends(self, code: int, run_id: str) -> Outcome:
        """The outcome of a run that a gate held back."""
        reasons = "; ".join(f"{one.gate}: {one.words}" for one in self.verdicts if one.outcome == "blocked")
        words = (
            f"held back, the last forecast stands: {reasons}. Mend it, or publish all the same with --force"
        )
        return Outcome(code, words, run_id, tuple(self.verdicts))


def run(
    config: Config,
    options: Options,
    narrator: Narrator | None = None,
    move: Callable[[int, int], None] = lambda _done, _total: None,
) -> Outcome:
    """Forecast as of a day, and publish it if the gates agree.

    Parameters
    ----------
    config
        What to do.
    options
        For which day, and how.
    narrator
        Is told what happens.
    move
        Called with (customers done, customers in all) while forecasting.

    Raises
    ------
    ArgumentError
        If the configuration asks for what is not there.
    DataError
        If the log breaks a rule.
    FitError
        If a model cannot be fitted.
    TemporaryError
        If another run is going on, a database is out of reach, or the disk is full.
    """
    if options.limit is not None and options.limit < 1:
        raise ArgumentError(f"limit={options.limit} must be at least 1 customer")
    if options.writes and config.publish.target is not None:
        secret(config.publish.target)  # now, and not when the forecast is made
    walk = Walk(
        config=config,
        options=options,
        shelf=Shelf(config.path(config.publish.folder)),
        store=Store(config.path(config.store.folder)),
        narrator=narrator or Narrator(),
        move=move,
    )
    held = walk.shelf.locked(config.publish.wait) if options.writes else nullcontext()
    with held, opened(config) as table:
        if options.writes:
            walk.store.open()
        return _walk(walk, table)


def _walk(walk: Walk, table: Any) -> Outcome:
    config, options = walk.config, walk.options
    with walk.narrator.stage("read") as told:
        delivery = deliver(config, table, options.as_of)
        told.update(source=config.log.source, rows=delivery.rows, customers=len(delivery.rfm))
        told.update(last_day=str(delivery.days[-1]))
    run_id = id_of(config, delivery)
    walk.narrator.facts["run_id"] = run_id
    if (done := _finished(walk, run_id)) is not None:
        return done
    earlier = _earlier(walk)
    last = earlier[-1].manifest if earlier else None
    with walk.narrator.stage("check the delivery"):
        blocked = walk.blocked(gates.judge(config.gates, gates.of_delivery(delivery, last)))
    if blocked:
        return walk.ends(REFUSED, run_id)
    with walk.narrator.stage("fit") as told:
        drifted = last is not None and bool(last["drifted"])
        version, fitted, why = fit_or_load(
            walk.store, config, delivery, has_drifted=drifted, writes=options.writes
        )
        told.update(version=version, why=why, model=fitted.name, chosen="; ".join(fitted.choices) or "named")
    if walk.blocked(gates.judge(config.gates, gates.of_fit(fitted, None if last is None else last["model"]))):
        return walk.ends(UNFIT, run_id)
    scoring = _scoring(walk, delivery, fitted, version, run_id)
    if options.writes:
        return _publish(walk, delivery, scoring, earlier)
    return _rehearse(walk, delivery, scoring)


def _earlier(walk: Walk) -> list[Run]:
    """The runs before this one; those it looks back at are whole, and what is missing is told."""
    shelf, as_of = walk.shelf, walk.options.as_of
    earlier = [one for one in shelf.standing if one.as_of < as_of]
    for _, one in in_view(earlier, as_of):
        shelf.check_whole(one)
    if torn := shelf.torn:
        names = ", ".join(str(path.relative_to(shelf.folder)) for path in torn[:3])
        walk.narrator.tell("torn runs", "warning", count=len(torn), first=names)
    if lost := shelf.lost:
        words = "it counts and is not on the shelf, so nothing is compared with it"
        walk.narrator.tell("lost run", "warning", lost=lost, words=words)
    return earlier


def id_of(config: Config, delivery: Delivery) -> str:
    """Id of a run: the same data, day and deciding part of the configuration under the same version are the same run.

    Where the log, the shelf and the fits lie does not decide. Of the key of hashed ids its value counts, as a hash that
    says no more than every published id does, and not the name of its variable.
    """
    from clvmodels import __version__

    text = f"{__version__} {config.fingerprint} {delivery.fingerprint} {delivery.as_of}"
    key = _hash_key(config)
    if key is not None:
        text += f" {hashed(key, 'run')}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _hash_key(config: Config) -> str | None:
    """The key of hashed ids, None where ids are published as they are."""
    said = config.publish
    return secret(said.hash_key) if said.hash_ids and said.hash_key else None


def _finished(walk: Walk, run_id: str) -> Outcome | None:
    """The outcome where the run is published already, after finishing what a crash left undone."""
    as_of, pointer = walk.options.as_of, walk.shelf.pointer
    found = walk.shelf.check(as_of, run_id)
    if found is None or not walk.options.writes:
        return None
    withdrawn = run_id in pointer["withdrawn"]
    if withdrawn and not walk.options.force:
        return Outcome(NOTHING_TO_DO, f"run {run_id} was withdrawn; publish it again with --force", run_id)
    is_older = pointer.get("as_of", "") > str(as_of)
    if (pointer.get("run_id") == run_id or is_older) and not walk.options.force:
        tidy_up(walk.config, walk.shelf, walk.store)
        words = f"run {run_id} of {as_of} is published already"
        return Outcome(NOTHING_TO_DO, words, run_id, verdicts_of(found), found.manifest)
    if not is_older or run_id in [one.run_id for one in walk.shelf.standing]:
        load_database(walk.config, as_of, tables_of(found.folder), walk.narrator)
    return publish(walk.config, walk.shelf, walk.store, found, walk.narrator)


def _scoring(walk: Walk, delivery: Delivery, fitted: FittedCLV, version: str, run_id: str) -> Scoring:
    config, ahead = walk.config, walk.config.forecast
    arguments = {
        "annual_discount_rate": ahead.discount,
        "margin": ahead.margin,
        "levels": tuple(sorted(set(ahead.levels))),
        "period": ahead.step,
        "draws": ahead.draws,
        "seed": ahead.seed,
    }
    return Scoring(
        fitted=fitted,
        version=version,
        run_id=run_id,
        as_of=delivery.as_of,
        horizons=tuple(dict.fromkeys(ahead.horizon)),
        arguments=arguments,
        scheme=_scheme(walk, delivery, fitted, arguments),
        hash_key=_hash_key(config),
    )


def _scheme(walk: Walk, delivery: Delivery, fitted: FittedCLV, arguments: dict[str, Any]) -> Scheme:
    said = walk.config.segments
    if said.rules:
        return ByRules(said.rules, said.lead)
    if said.money is not None:
        return ByValue(SegmentRules(money=(said.money,)), said.lead)
    with walk.narrator.stage("find the valuable"):
        sample, horizon = first_by_hash(delivery.rfm, SAMPLE), walk.config.forecast.horizon[0]
        return ByValue(rules_for(fitted, sample, horizon, arguments, said.share), said.lead)


def _rehearse(walk: Walk, delivery: Delivery, scoring: Scoring) -> Outcome:
    """Score without a trace, and say what would have been published."""
    rfm = delivery.rfm if walk.options.limit is None else first_by_hash(delivery.rfm, walk.options.limit)
    with walk.narrator.stage("forecast") as told:
        _, sums = score(scoring, rfm, None)
        told.update(customers=len(rfm))
    totals = record.totals_of(sums, scoring.horizons)
    warned = any(one.outcome in ("warned", "blocked") for one in walk.verdicts)
    words = f"rehearsed with {len(rfm):,} of {len(delivery.rfm):,} customers, nothing written"
    return Outcome(
        WARNED if warned else DONE, words, scoring.run_id, tuple(walk.verdicts), {"totals": totals}
    )


def _publish(walk: Walk, delivery: Delivery, scoring: Scoring, earlier: list[Run]) -> Outcome:
    config, options = walk.config, walk.options
    main, last = scoring.horizons[0], earlier[-1] if earlier else None
    made_with = {"fit": scoring.version, "last run": None if last is None else last.run_id}
    stage = walk.shelf.open_stage(scoring.run_id, resumes=options.resume, made_with=made_with)
    shards = Shards(stage / "run", stage / "work", config.publish.shards)
    with walk.narrator.stage("forecast") as told:
        look_up = last_segments(
            None if last is None else last.folder,
            main,
            same_shards=last is not None and last.manifest["shards"] == shards.count,
        )
        told.update(kept=shards.write(scoring, delivery.rfm, look_up, walk.move), shards=len(shards.names))
    with walk.narrator.stage("compare and report"):
        measured = measure(delivery, scoring, shards, earlier, walk.store)
        verdicts = gates.judge(
            config.gates,
            gates.of_forecast(measured, None if last is None else last.manifest, config.report.currency),
        )
        blocked = walk.blocked(verdicts)
        replaces = walk.shelf.replaced_by(options.as_of, scoring.run_id)
        manifest = write_run(config, delivery, scoring, shards, measured, walk.verdicts, last, replaces)
    if blocked:
        return walk.ends(UNFIT, scoring.run_id)
    load_database(config, scoring.as_of, shards.tables(), walk.narrator)
    walk.narrator.tell("ready")
    place = walk.shelf.shelve(options.as_of, scoring.run_id)
    walk.narrator.tell("shelved", path=str(place))
    found = Run(place, manifest)
    return publish(config, walk.shelf, walk.store, found, walk.narrator)
