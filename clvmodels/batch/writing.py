"""What a run leaves beside its shards: totals, data dictionary, its page, and the manifest that makes it whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from clvmodels.artifacts import write_manifest
from clvmodels.batch import record, refunds
from clvmodels.batch.delivery import Delivery
from clvmodels.batch.drift import compare, describe
from clvmodels.batch.gates import DRIFT, Measured, Verdict, parameters_of
from clvmodels.batch.hindsight import Window, look_back, told_before, windows
from clvmodels.batch.hindsight_customers import look_at_customers
from clvmodels.batch.pages import run_page
from clvmodels.batch.scoring import Scoring, dealt
from clvmodels.batch.shards import Shards, last_segments
from clvmodels.batch.shelf import KIND, Run
from clvmodels.batch.store import Store, made_of
from clvmodels.config import Config
from clvmodels.io import replacing, write_json
from clvmodels.rfm import RFM


def measure(
    delivery: Delivery,
    scoring: Scoring,
    shards: Shards,
    earlier: Sequence[Run],
    store: Store,
) -> Measured:
    """Add the shards up, and hold them against earlier runs."""
    main, value, p_buy, labels = scoring.horizons[0], [], [], []
    for table in shards.tables():
        rows = table[table["horizon"] == main]
        value.append(rows["value_mean"].to_numpy())
        p_buy.append(rows["p_buy_in_horizon"].to_numpy())
        labels.append(rows["segment"].to_numpy())
    shard_of, sums = dealt(delivery.rfm, shards.count), shards.totals()
    rfm = delivery.rfm.take(np.argsort(shard_of, kind="stable"))  # in the order of the tables
    worth, counted = np.concatenate(value), np.unique(np.concatenate(labels).astype(str), return_counts=True)
    last = earlier[-1] if earlier else None
    hindsight, singles = told_before(last), []
    for window in windows(delivery, earlier):
        hindsight += look_back(window)
        singles += _singles(window, scoring, store)
        del window  # before the next one is made: each holds all customers of its run
    return Measured(
        totals=record.totals_of(sums, scoring.horizons),
        segments=record.segments_of(
            sums, scoring.scheme.names, dict(zip(counted[0].tolist(), counted[1].tolist(), strict=True))
        ),
        cohorts=record.cohorts_of(record.cohort_labels(rfm), worth, np.concatenate(p_buy)),
        drift=compare(_reference(last, main), rfm, worth),
        hindsight=hindsight,
        singles=singles,
        reference=describe(rfm, worth),
    )


def _reference(last: Run | None, main: str) -> dict[str, Any]:
    """What the last run kept to compare with; values within another horizon are not compared."""
    if last is None:
        return {}
    reference = dict(last.manifest["reference"])
    if last.manifest["horizons"][0] != main:
        del reference["value"]
    return reference


def _singles(window: Window, scoring: Scoring, store: Store) -> list[dict[str, Any]]:
    """Earlier forecasts of single customers, by the fit of then; nothing where it is no longer in the store."""
    version, main = window.run.manifest["model"]["version"], window.run.manifest["horizons"][0]
    if not store.has(version):
        return []
    look_up = last_segments(window.run.folder, main, same_shards=False)

    def segment_of(some: RFM) -> list[str | None]:
        published = scoring.published_ids(some)
        known = look_up(0, published)
        return [known.get(one) for one in published.tolist()]

    return look_at_customers(window, store.load(version), scoring.arguments, segment_of)


def write_run(
    config: Config,
    delivery: Delivery,
    scoring: Scoring,
    shards: Shards,
    measured: Measured,
    verdicts: Sequence[Verdict],
    last: Run | None,
    replaces: str | None,
) -> dict[str, Any]:
    """Write everything but the shards, the manifest last; returns the manifest."""
    folder, returned = shards.files, refunds.record_of(config, delivery)
    with replacing(folder / "totals.npz") as file:
        np.savez(file, allow_pickle=False, **shards.totals())
    columns = record.dictionary(scoring, next(shards.tables()), config.report.currency)
    write_json(columns, folder / "dictionary.json")
    content = {
        "run_id": scoring.run_id,
        "as_of": str(scoring.as_of),
        "previous": None if last is None else last.run_id,
        "replaces": replaces,
        "rows": len(delivery.rfm) * len(scoring.horizons),
        "shards": shards.count,
        "horizons": list(scoring.horizons),
        "period_ends": record.period_ends(delivery.rfm, scoring.horizons[0], config.forecast.step),
        "input": record.input_of(delivery),
        "refunds": refunds.facts_of(returned),
        "model": _model(scoring),
        **asdict(measured),
        "gates": [one.as_dict for one in verdicts],
        "drifted": any(one.gate in DRIFT and one.outcome in ("warned", "blocked") for one in verdicts),
        "moves": _moves(shards, scoring.horizons[0]),
        "config": {"fingerprint": config.fingerprint, "said": config.deciding},
        "versions": record.versions(),
    }
    before, more = None if last is None else last.manifest, refunds.section_of(returned, config)
    with replacing(folder / "report.html") as file:
        file.write(run_page(content, before, config.report.currency, more).encode())
    write_manifest(folder, KIND, content, [*shards.names, "dictionary.json", "report.html", "totals.npz"])
    return content


def _model(scoring: Scoring) -> dict[str, Any]:
    return {
        "name": scoring.fitted.name,
        "chosen": list(scoring.fitted.choices),
        "version": scoring.version,
        "fitted_as_of": made_of(scoring.fitted).get("as_of", str(scoring.as_of)),
        "status": {one.model.name: one.status.name for one in scoring.fitted.posteriors},
        "diagnostics": {one.model.name: dict(one.diagnostics) for one in scoring.fitted.posteriors},
        "parameters": parameters_of(scoring.fitted),
        "valuable_from": list(scoring.scheme.valuable_from),
        "segments": scoring.scheme.told,
        "p_segment": scoring.scheme.chance_told,
    }


def _moves(shards: Shards, horizon: str) -> list[dict[str, Any]]:
    """How many customers went from which segment to which; from None where they were not there."""
    counts: dict[tuple[str | None, str], int] = {}
    for table in shards.tables():
        main = table[table["horizon"] == horizon]
        for old, new in zip(main["last_segment"].tolist(), main["segment"].tolist(), strict=True):
            key = (old if isinstance(old, str) else None, new)
            counts[key] = counts.get(key, 0) + 1
    ordered = sorted(counts.items(), key=lambda item: (item[0][0] or "", item[0][1]))
    return [{"from": old, "to": new, "customers": count} for (old, new), count in ordered]
