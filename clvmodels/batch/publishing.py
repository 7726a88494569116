"""The last steps of a run: the database in one transaction, the pointer, the fit in production, the history page."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

from clvmodels.batch.gates import Verdict
from clvmodels.batch.narration import Narrator
from clvmodels.batch.outcome import DONE, WARNED, Outcome
from clvmodels.batch.pages import history_page
from clvmodels.batch.scoring import KEYS
from clvmodels.batch.shards import tables_of
from clvmodels.batch.shelf import Run, Shelf
from clvmodels.batch.store import Store
from clvmodels.config import Config, secret
from clvmodels.errors import ArgumentError
from clvmodels.io import replacing

if TYPE_CHECKING:
    import pandas as pd


def load_database(config: Config, as_of: date, tables: Iterable[pd.DataFrame], narrator: Narrator) -> None:
    """Put the rows of a run into the database that the configuration names, in place of those of the same date.

    No tables take the rows of that date out.

    Raises
    ------
    TemporaryError
        If the server is out of reach: it still holds what it held.
    """
    target = config.publish.target
    if target is None:
        return
    from clvmodels.io import replace_rows

    with narrator.stage("load the database") as told:
        told["rows"] = replace_rows(
            secret(target),
            config.publish.table,
            config.publish.table_schema,
            tables,
            keys=KEYS,
            of={"as_of": as_of},
        )


def publish(config: Config, shelf: Shelf, store: Store, found: Run, narrator: Narrator) -> Outcome:
    """Make a run on the shelf the one that counts, unless a later one does already."""
    newest = shelf.pointer.get("as_of", "")
    if newest <= str(found.as_of):
        same_day = [run.run_id for run in shelf.runs if run.as_of == found.as_of]
        shelf.point_to(found, withdrawing=same_day[same_day.index(found.run_id) + 1 :])
        narrator.tell("pointed")
        words = f"published run {found.run_id} of {found.as_of}"
    else:
        words = f"published run {found.run_id} of {found.as_of}; the pointer stays at {newest}"
    tidy_up(config, shelf, store)
    outcomes = [one["outcome"] for one in found.manifest["gates"]]
    warned = [one["gate"] for one in found.manifest["gates"] if one["outcome"] in ("warned", "blocked")]
    if warned:
        words += f"; look at {', '.join(warned)} in {found.folder / 'report.html'}"
    code = WARNED if {"warned", "blocked"} & set(outcomes) else DONE
    return Outcome(code, words, found.run_id, verdicts_of(found), found.manifest)


def verdicts_of(run: Run) -> tuple[Verdict, ...]:
    """What the gates said of a run on the shelf."""
    return tuple(Verdict(**one) for one in run.manifest["gates"])


def tidy_up(config: Config, shelf: Shelf, store: Store) -> None:
    """What follows from the pointer, and is done again after a crash: the fit in production, the page, no leftovers."""
    current = shelf.pointer.get("run_id")
    version = next((run.manifest["model"]["version"] for run in shelf.runs if run.run_id == current), None)
    if version in store.versions and store.promoted_for != current:
        store.promote(str(version), current)
    write_history(config, shelf)
    shelf.clear_stages()


def write_history(config: Config, shelf: Shelf) -> None:
    """Write the page over all runs."""
    with replacing(shelf.folder / "history.html") as file:
        file.write(history_page(shelf.runs, shelf.pointer, config.report.currency).encode())


def roll_back(config: Config, shelf: Shelf, store: Store, to: str | None = None) -> Run:
    """Point at an earlier run, the last one or that of an id, and put its fit back into production.

    The run that counted until now is withdrawn: the timer does not publish it again by itself. A database that the
    configuration names first gets the rows of the runs that stand then, in place of those of the run withdrawn.

    Raises
    ------
    ArgumentError
        If there is no such run, or none before the present one.
    ArtifactError
        If the files of that run are not what its manifest says.
    TemporaryError
        If the database is out of reach: nothing has changed then.
    """
    pointer, standing = shelf.pointer, shelf.standing
    present = pointer.get("run_id")
    if present is None:
        raise ArgumentError("nothing is published yet, so there is nothing to roll back")
    candidates = [one for one in standing if one.run_id != present]
    if to is not None:
        chosen = next((one for one in shelf.runs if one.run_id == to and to != present), None)
    else:
        chosen = next((one for one in reversed(candidates) if str(one.as_of) <= pointer["as_of"]), None)
        replaced = next((one.manifest["replaces"] for one in shelf.runs if one.run_id == present), None)
        chosen = next((one for one in shelf.runs if one.run_id == replaced), chosen)
    if chosen is None:
        known = ", ".join(f"{one.run_id} of {one.as_of}" for one in candidates)
        raise ArgumentError(
            f"there is no {'run ' + to if to else 'earlier run'} to go back to"
            + (f"; there are: {known}" if known else "")
        )
    shelf.check_whole(chosen)
    gone = {*pointer["withdrawn"], present}
    stands = {one.as_of: one for one in shelf.runs if one.run_id not in gone} | {chosen.as_of: chosen}
    for day in sorted({chosen.as_of, date.fromisoformat(pointer["as_of"])}):
        tables = tables_of(stands[day].folder) if day in stands else ()
        load_database(config, day, tables, Narrator())
    shelf.point_to(chosen, withdrawing=[present])
    tidy_up(config, shelf, store)
    return chosen
