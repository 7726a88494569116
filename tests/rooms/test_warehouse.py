"""PostgreSQL as source and as target: a real server, odd names, one transaction, and what happens when it is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import pytest
from jobs import QUICK, bytes_of, gate, go, look, published, set_up, shelf_of, shop
from psycopg import sql
from server import Server

from clvmodels.batch import Store, narration, roll_back
from clvmodels.config import read_config
from clvmodels.errors import ArgumentError, TemporaryError
from clvmodels.io import postgres_table, replace_rows
from clvmodels.transactions import activity, calibration_holdout, rfm_summary

EVIL = 'orders"; DROP TABLE orders; --'
COLUMNS = {"customer_id": 'cust"omer', "date": "day of %s", "spend": "sp'end"}


@pytest.fixture(scope="module")
def server(need: Callable[[str], str]) -> Iterator[Server]:
    running = Server(need("postgres"))
    yield running
    running.remove()


@pytest.fixture
def schema(server: Server, request: pytest.FixtureRequest) -> str:
    """A schema of the test's own, with a name that wants to be more than a name."""
    name = f'"; DROP SCHEMA public; -- {request.node.name}'[:60]
    with psycopg.connect(server.address) as connection:
        quoted = sql.Identifier(name)
        connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(quoted))
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(quoted))
    return name


def load(server: Server, schema: str, log: pd.DataFrame, table: str = EVIL) -> None:
    name = sql.Identifier(schema, table)
    columns = [sql.Identifier(COLUMNS[role]) for role in ("customer_id", "date", "spend")]
    with psycopg.connect(server.address) as connection:
        connection.execute(
            sql.SQL("CREATE TABLE {} ({} text, {} date, {} double precision)").format(name, *columns)
        )
        with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(name)) as copy:
            for row in log.itertuples(index=False, name=None):
                copy.write_row(row)


def rows_of(server: Server, schema: str, table: str) -> pd.DataFrame:
    with psycopg.connect(server.address, options="-c lock_timeout=20s") as connection:
        cursor = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, table)))
        return pd.DataFrame(cursor.fetchall(), columns=[column.name for column in cursor.description or ()])


def replace(server: Server, schema: str, frame: pd.DataFrame, day: str, table: str = EVIL) -> int:
    frames = iter([frame.assign(as_of=day)])
    return replace_rows(server.address, table, schema, frames, keys=("as_of", "Id"), of={"as_of": day})


@pytest.fixture
def database_job(server: Server, schema: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A job that reads from and writes to the server; its configuration."""
    log = shop().assign(customer_id=lambda frame: "c" + frame["customer_id"].astype(str))
    load(server, schema, log)
    monkeypatch.setenv("CLV_TEST_DATABASE", server.address)
    quoted = {name: value.replace("'", "\\u0027").replace('"', '\\"') for name, value in COLUMNS.items()}
    escaped = {"table": EVIL.replace('"', '\\"'), "schema": schema.replace('"', '\\"')}
    source = (
        'source = "env:CLV_TEST_DATABASE"\n'
        f'table = "{escaped["table"]}"\nschema = "{escaped["schema"]}"\n'
        f'customer_column = "{quoted["customer_id"]}"\ndate_column = "{quoted["date"]}"\n'
        f'spend_column = "{quoted["spend"]}"'
    )
    target = f'target = "env:CLV_TEST_DATABASE"\nschema = "{escaped["schema"]}"\ntable = "{escaped["table"]} out"\n'
    return set_up(tmp_path, log, more=target, text=QUICK.replace('source = "log.csv"', source))


def test_summary_in_the_database_is_that_of_the_file(server: Server, schema: str) -> None:
    log = shop().assign(customer_id=lambda frame: "c" + frame["customer_id"].astype(str))
    load(server, schema, log)
    with postgres_table(server.address, EVIL, schema) as table:
        ours = rfm_summary(table, observation_end="2025-06-30", **COLUMNS).to_pandas()
        counted = activity(table, **COLUMNS)
        _, holdout = calibration_holdout(table, cutoff="2025-06-30", **COLUMNS)
    theirs = rfm_summary(log, observation_end="2025-06-30", spend="spend").to_pandas()
    exact = ["customer_id", "frequency", "recency", "T", "monetary_value", "spend_sum"]
    pd.testing.assert_frame_equal(ours[exact], theirs[exact], check_exact=True)
    assert counted.rows.sum() == len(log)
    assert holdout.purchases.sum() > 0


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Tokyo"])
def test_the_database_gives_the_day_of_the_business(server: Server, schema: str, zone: str) -> None:
    instants = [
        "2026-01-01 23:30",
        "2026-01-02 05:30",
        "2026-07-01 21:30",
        "2026-07-01 22:30",
        "2026-11-01 05:30",
    ]
    stamps = pd.to_datetime(instants, utc=True)
    name = sql.Identifier(schema, "stamps")
    with psycopg.connect(server.address) as connection:
        connection.execute(sql.SQL("CREATE TABLE {} (customer_id bigint, date timestamptz)").format(name))
        connection.cursor().executemany(
            sql.SQL("INSERT INTO {} VALUES (%s, %s)").format(name), [(1, stamp) for stamp in stamps]
        )
    options = {"period": "h", "time_unit": "h"}
    wanted = pd.DataFrame(
        {"customer_id": 1, "date": [stamp.tz_convert(zone).tz_localize(None) for stamp in stamps]}
    )
    with postgres_table(server.address, "stamps", schema) as table:
        found = rfm_summary(table, business_timezone=zone, **options)
    assert found.fingerprint() == rfm_summary(wanted, **options).fingerprint()


def test_run_from_and_to_the_database(server: Server, schema: str, database_job: Path) -> None:
    outcome = go(database_job, "2025-01-31")
    assert outcome.code == 0
    files = published(database_job.parent / "published").sort_values("customer_id", ignore_index=True)
    table = rows_of(server, schema, EVIL + " out").sort_values("customer_id", ignore_index=True)
    assert list(table.columns) == list(files.columns)
    assert (table["value_mean"] == files["value_mean"]).all()
    assert (table["segment"] == files["segment"]).all()
    assert go(database_job, "2025-02-28").code in (0, 5)
    both = rows_of(server, schema, EVIL + " out")
    assert both["as_of"].astype(str).unique().tolist() == ["2025-01-31", "2025-02-28"]
    assert go(database_job, "2025-02-28", force=True).code in (0, 5)
    assert len(rows_of(server, schema, EVIL + " out")) == len(both)
    assert not any(server.address.encode() in content for content in bytes_of(database_job.parent).values())


def ids_of(server: Server, schema: str) -> dict[str, set[str]]:
    """The runs whose rows the target holds, by their day."""
    rows = rows_of(server, schema, EVIL + " out")
    return {str(day): set(mine["run_id"]) for day, mine in rows.groupby("as_of")}


def test_rollback_takes_the_rows_of_the_run_out_of_the_database(
    server: Server, schema: str, database_job: Path
) -> None:
    """Killed: a forecast that is withdrawn on the shelf, and read on from the database."""
    first, second = (go(database_job, day).run_id for day in ("2025-01-31", "2025-02-28"))
    config, shelf = read_config(database_job), shelf_of(database_job)
    store = Store(config.path(config.store.folder))
    assert roll_back(config, shelf, store).run_id == first
    assert ids_of(server, schema) == {"2025-01-31": {first}}
    assert go(database_job, "2025-02-28", force=True).run_id == second
    assert ids_of(server, schema) == {"2025-01-31": {first}, "2025-02-28": {second}}
    database_job.write_text(database_job.read_text().replace("draws = 60", "draws = 50"))
    third = go(database_job, "2025-02-28").run_id
    assert ids_of(server, schema)["2025-02-28"] == {third}
    assert roll_back(config, shelf, store).run_id == second
    assert ids_of(server, schema) == {"2025-01-31": {first}, "2025-02-28": {second}}
    assert roll_back(config, shelf, store, third).run_id == third
    assert ids_of(server, schema)["2025-02-28"] == {third}
    assert roll_back(config, shelf, store, first).run_id == first
    assert [one.run_id for one in shelf.standing] == [first]
    assert ids_of(server, schema) == {"2025-01-31": {first}}


def test_run_that_counts_again_has_its_rows_again(server: Server, schema: str, database_job: Path) -> None:
    """Killed: a pointer to one run of a day, and the rows of another; rows that were lost and are not brought back."""
    text = database_job.read_text()
    first = go(database_job, "2025-01-31").run_id
    database_job.write_text(text.replace("draws = 60", "draws = 50"))
    second = go(database_job, "2025-01-31").run_id
    assert ids_of(server, schema) == {"2025-01-31": {second}}
    database_job.write_text(text)
    assert go(database_job, "2025-01-31").run_id == first
    assert ids_of(server, schema) == {"2025-01-31": {first}}
    with psycopg.connect(server.address) as connection:
        connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(schema, EVIL + " out")))
    assert go(database_job, "2025-01-31").code == 99
    assert go(database_job, "2025-01-31", force=True).code in (0, 5)
    assert ids_of(server, schema) == {"2025-01-31": {first}}


def test_target_without_an_address_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    """Killed: an address that is asked for when the forecast is made."""
    path = set_up(tmp_path, shop(120), more='target = "env:CLV_TEST_UNSET"\n')
    with pytest.raises(ArgumentError, match="CLV_TEST_UNSET is not set"):
        go(path, "2025-01-31")
    assert not (tmp_path / "published").exists()
    assert go(path, "2025-01-31", dry_run=True).code in (0, 5)


def test_no_rows_take_the_old_ones_out_of_a_table_that_is_there(server: Server, schema: str) -> None:
    options: dict[str, Any] = {"keys": ("as_of", "Id"), "of": {"as_of": "2025-01-31"}}
    assert replace_rows(server.address, EVIL, schema, [], **options) == 0
    frame = pd.DataFrame({"Id": ["a"]})
    for day in ("2025-01-31", "2025-02-28"):
        replace(server, schema, frame, day)
    assert replace_rows(server.address, EVIL, schema, [], **options) == 0
    assert rows_of(server, schema, EVIL)["as_of"].tolist() == ["2025-02-28"]


def test_same_numbers_as_from_the_file(database_job: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    go(database_job, "2025-01-31")
    other = tmp_path_factory.mktemp("file")
    log = pd.read_csv(database_job.parent / "log.csv")
    go(set_up(other, log), "2025-01-31")
    ours, theirs = (
        published(folder / "published").sort_values("customer_id", ignore_index=True)["value_p90"]
        for folder in (database_job.parent, other)
    )
    assert ours.tolist() == theirs.tolist()


def test_rows_are_replaced_by_day_and_nothing_else(server: Server, schema: str) -> None:
    frame = pd.DataFrame({"Id": ['"; drop', "b"], "x": [1.5, float("nan")], "select": [1, 2]})
    assert replace(server, schema, frame, "2025-01-31") == 2
    assert replace(server, schema, frame, "2025-02-28") == 2
    assert replace(server, schema, frame.iloc[:1].assign(x=7.0, **{EVIL: "new"}), "2025-01-31") == 1
    table = rows_of(server, schema, EVIL).sort_values(["as_of", "Id"], ignore_index=True)
    assert table["as_of"].astype(str).tolist() == ["2025-01-31", "2025-02-28", "2025-02-28"]
    assert table["Id"].tolist() == ['"; drop', '"; drop', "b"]
    assert table["x"].tolist()[:2] == [7.0, 1.5]
    assert pd.isna(table["x"][2])
    assert table[EVIL].isna().tolist() == [False, True, True]


def test_table_of_the_users_own_types_takes_the_rows(server: Server, schema: str) -> None:
    """Killed: a copy in binary, which asks for the very types of the table."""
    types = '("Id" integer, x numeric(12, 2), n smallint, what varchar(20), as_of date)'
    with psycopg.connect(server.address) as connection:
        name = sql.Identifier(schema, EVIL)
        connection.execute(sql.SQL("CREATE TABLE {} {}").format(name, sql.SQL(types)))
    frame = pd.DataFrame({"Id": [1, 2], "x": [1.5, float("nan")], "n": [1, 2], "what": ["grow", None]})
    assert replace(server, schema, frame, "2025-01-31") == 2
    table = rows_of(server, schema, EVIL).sort_values("Id", ignore_index=True)
    assert (float(table["x"][0]), table["n"].tolist(), table["what"][0]) == (1.5, [1, 2], "grow")
    assert table[["x", "what"]].isna().to_numpy().tolist() == [[False, False], [True, True]]


def test_what_fails_on_the_way_leaves_the_old_rows(server: Server, schema: str) -> None:
    frame = pd.DataFrame({"Id": ["a", "b"], "x": [1.0, 2.0]})
    replace(server, schema, frame, "2025-01-31")
    with pytest.raises(ArgumentError, match="does not take the rows"):
        replace(server, schema, frame.assign(Id="twice", x=9.0), "2025-01-31")
    assert rows_of(server, schema, EVIL)["x"].tolist() == [1.0, 2.0]


def test_readers_see_old_or_new_rows(server: Server, schema: str) -> None:
    frame = pd.DataFrame({"Id": ["a", "b", "c"], "x": [1.0, 1.0, 1.0]})
    replace(server, schema, frame, "2025-01-31")
    seen: list[list[float]] = []

    def parts() -> Iterator[pd.DataFrame]:
        for one in ("a", "b", "c"):
            yield pd.DataFrame({"Id": [one], "x": [2.0], "as_of": ["2025-01-31"]})
            seen.append(rows_of(server, schema, EVIL)["x"].tolist())

    replace_rows(server.address, EVIL, schema, parts(), keys=("as_of", "Id"), of={"as_of": "2025-01-31"})
    assert seen == [[1.0] * 3] * 3
    assert rows_of(server, schema, EVIL)["x"].tolist() == [2.0] * 3


def test_table_that_is_not_there_is_named(server: Server, schema: str) -> None:
    with (
        pytest.raises(ArgumentError, match="holds no table 'gone'"),
        postgres_table(server.address, "gone", schema),
    ):
        pass


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://ann:s3cret@127.0.0.1:1/db",
        "host=127.0.0.1 port=1 password=s3cret",
        "postgresql://ann:an@s3cret@127.0.0.1:1/db",  # an at sign that was not escaped
    ],
)
def test_server_out_of_reach_may_come_back(address: str, need: Callable[[str], str]) -> None:
    need("postgres")
    with pytest.raises(TemporaryError) as caught, postgres_table(address, "log"):
        pass
    assert "out of reach" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_address_that_is_none_is_not_repeated(need: Callable[[str], str]) -> None:
    need("postgres")
    with pytest.raises(ArgumentError) as caught, postgres_table("s3cret nonsense", "log"):
        pass
    assert "s3cret" not in str(caught.value)


@pytest.fixture
def mortal(need: Callable[[str], str]) -> Iterator[Server]:
    """A server that may be killed."""
    running = Server(need("postgres"))
    yield running
    running.remove()


class Saboteur(narration.Narrator):
    """Stops the server when it hears of an event."""

    def __init__(self, server: Server, event: str) -> None:
        super().__init__()
        self.server, self.event = server, event

    def tell(self, event: str, level: str = "info", **facts: Any) -> None:
        if event == self.event:
            self.server.stop()
        super().tell(event, level, **facts)


@pytest.mark.parametrize("event", ["check the delivery", "compare and report"])
def test_database_lost_in_the_middle_publishes_nothing_and_resumes(
    mortal: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event: str
) -> None:
    monkeypatch.setenv("CLV_TEST_DATABASE", mortal.address)
    log = shop()
    target = 'target = "env:CLV_TEST_DATABASE"\n'
    path = set_up(tmp_path, log, more=target)
    go(path, "2025-01-31")
    before = bytes_of(tmp_path / "published")
    with pytest.raises(TemporaryError, match="out of reach"):
        go(path, "2025-02-28", Saboteur(mortal, event))
    assert bytes_of(tmp_path / "published") == before
    assert len(shelf_of(path).unfinished) == 1
    mortal.start()
    assert rows_of(mortal, "public", "clv_forecast")["as_of"].astype(str).unique().tolist() == ["2025-01-31"]
    outcome = go(path, "2025-02-28", resume=True)
    assert outcome.code in (0, 5)
    assert gate(outcome, "lost") == "passed"
    assert look(tmp_path / "published") == "2025-02-28"
    assert rows_of(mortal, "public", "clv_forecast")["as_of"].nunique() == 2


def test_server_lost_while_it_is_read_may_come_back(mortal: Server) -> None:
    load(mortal, "public", shop())

    def read() -> None:
        with postgres_table(mortal.address, EVIL) as table:
            mortal.stop()
            rfm_summary(table, **COLUMNS)

    with pytest.raises(TemporaryError):
        read()
