"""Databases: a table of transactions opened where it lies, and a table of results replaced in one transaction.

Names of tables and columns are quoted and values are bound, so that a table called ``"; drop table`` is
just a table with an odd name. A DuckDB file is read as it is. A PostgreSQL table is opened as a query that the
server works out: what comes over the wire are customers and their purchases, not rows.

Rows go to PostgreSQL as text, through the psycopg that Ibis reads with. ADBC would copy them in binary, for a fraction
of the processor time; but binary rows must have the very types of the table, and a table of the user's own has integer
and numeric columns, which its driver refuses. To copy is a small part of a run, whose forecast takes the time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clvmodels.errors import ArgumentError, DataError, TemporaryError
from clvmodels.io.scans import connect

if TYPE_CHECKING:
    import pandas as pd
    import psycopg

SQL_TYPES = {"int64": "bigint", "float64": "double precision", "date": "date"}
"""PostgreSQL's type for a column of pandas; every other one is text."""


def open_duckdb(
    path: str | Path, table: str, schema: str | None = None, memory_limit: str | None = None
) -> Any:
    """A table or view of a DuckDB file, opened for reading only.

    Raises
    ------
    ArgumentError
        If there is no such file, or no such table in it.
    DataError
        If the file is no DuckDB database.
    TemporaryError
        If another program writes to it.
    """
    import duckdb

    if not Path(path).is_file():
        raise ArgumentError(f"there is no file {str(path)!r}; check the path")
    connection = connect(memory_limit)
    quoted = str(path).replace("'", "''")
    try:
        connection.execute(f"ATTACH '{quoted}' AS source (READ_ONLY)")
    except duckdb.Error as problem:
        if "lock" in _line(problem).lower():
            raise TemporaryError(
                f"{str(path)!r} is held by another program, which writes to it: {_line(problem)}; run again later"
            ) from None
        raise DataError(f"{str(path)!r} cannot be opened as a DuckDB database: {_line(problem)}") from None
    name = ".".join('"' + part.replace('"', '""') + '"' for part in ("source", schema or "main", table))
    try:
        return connection.sql(f"SELECT * FROM {name}")
    except duckdb.Error as problem:
        raise ArgumentError(f"{str(path)!r} holds no table {table!r}: {_line(problem)}") from None


@contextmanager
def postgres_table(address: str, table: str, schema: str | None = None) -> Iterator[Any]:
    """A table or view of a PostgreSQL database while the block runs, as a query that the server works out.

    Raises
    ------
    ArgumentError
        If there is no such table, or the libraries of the extra ``warehouse`` are missing.
    TemporaryError
        If the server cannot be reached, or is lost within the block.
    """
    _check_extra()
    import ibis

    with _reached():
        connection = _connect(address)
        try:
            connection.autocommit = True  # no lock is held between queries
            connection.execute("SET max_parallel_workers_per_gather = 0")  # sums in one order
            backend = ibis.postgres.from_connection(connection)
            try:
                found = backend.table(table, database=schema)
            except ibis.common.exceptions.TableNotFound:
                where = f" in schema {schema!r}" if schema else ""
                raise ArgumentError(f"the database holds no table {table!r}{where}") from None
            yield found
        finally:
            connection.close()


def replace_rows(
    address: str,
    table: str,
    schema: str | None,
    frames: Iterable[pd.DataFrame],
    *,
    keys: Sequence[str],
    of: Mapping[str, Any],
) -> int:
    """Put rows into a PostgreSQL table in place of those that have the values `of`, in one transaction.

    Readers see the old rows until all new ones are there; what fails leaves the old ones. The table is created if
    need be, with `keys` as its primary key; a column that it lacks is added. Where there are no frames the old rows go.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    TemporaryError
        If the server cannot be reached or is lost on the way: nothing has changed then.
    ArgumentError
        If the table cannot take the rows.
    """
    _check_extra()
    import psycopg
    from psycopg import sql

    name = sql.Identifier(*([schema] if schema else []), table)
    where = sql.SQL(" AND ").join(sql.SQL("{} = %s").format(sql.Identifier(column)) for column in of)
    count = 0
    with _reached():
        try:
            with _connect(address) as connection, connection.cursor() as cursor:
                remove = sql.SQL("DELETE FROM {} WHERE {}").format(name, where)
                for frame in frames:
                    if not count:
                        _prepare(cursor, name, schema, frame, keys)
                        cursor.execute(remove, list(of.values()))
                    count += _copy(cursor, name, frame)
                if not count and _is_there(cursor, name):
                    cursor.execute(remove, list(of.values()))
        except (psycopg.ProgrammingError, psycopg.DataError, psycopg.IntegrityError) as problem:
            raise ArgumentError(f"table {table!r} does not take the rows: {_line(problem)}") from None
    return count


def _check_extra() -> None:
    if not all(find_spec(library) for library in ("ibis", "psycopg")):
        raise ArgumentError("PostgreSQL needs the extra clvmodels[warehouse]; install it")


def _prepare(cursor: Any, name: Any, schema: str | None, frame: pd.DataFrame, keys: Sequence[str]) -> None:
    """Create the schema and the table if need be, and add the columns it lacks."""
    from psycopg import sql

    def declared(column: str) -> Any:
        kind = sql.SQL(SQL_TYPES.get(_kind(frame[column]), "text"))
        return sql.SQL("{} {}").format(sql.Identifier(column), kind)

    if schema:
        cursor.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
    columns = sql.SQL(", ").join(map(declared, frame.columns))
    key = sql.SQL(", ").join(map(sql.Identifier, keys))
    cursor.execute(sql.SQL("CREATE TABLE IF NOT EXISTS {} ({}, PRIMARY KEY ({}))").format(name, columns, key))
    cursor.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(name))
    there = {column.name for column in cursor.description}
    for column in frame.columns:
        if column not in there:  # to add a column locks readers out until the end, so only where it is needed
            cursor.execute(sql.SQL("ALTER TABLE {} ADD COLUMN {}").format(name, declared(column)))


def _is_there(cursor: Any, name: Any) -> bool:
    cursor.execute("SELECT to_regclass(%s)", [name.as_string(cursor)])
    return cursor.fetchone()[0] is not None


def _kind(column: pd.Series[Any]) -> str:
    from datetime import date

    if column.dtype == object and len(column) and isinstance(column.iloc[0], date):
        return "date"
    return str(column.dtype)


def _copy(cursor: Any, name: Any, frame: pd.DataFrame) -> int:
    from psycopg import sql

    columns = sql.SQL(", ").join(map(sql.Identifier, frame.columns))
    rows = frame.astype(object).where(frame.notna(), None)
    with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(name, columns)) as copy:
        for row in rows.itertuples(index=False, name=None):
            copy.write_row(row)
    return len(frame)


def _connect(address: str) -> psycopg.Connection[Any]:
    import psycopg

    try:
        return psycopg.connect(address, connect_timeout=10)
    except psycopg.ProgrammingError:
        raise ArgumentError(
            "the address of the database cannot be read; write it as postgresql://user@host:5432/database"
        ) from None


@contextmanager
def _reached() -> Iterator[None]:
    """Turn the loss of the server within the block into a `TemporaryError`."""
    import psycopg

    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError) as problem:
        raise TemporaryError(f"the database is out of reach: {_line(problem)}; run again later") from None


def _line(problem: BaseException) -> str:
    """The first line of what went wrong, without what may be a password: whatever stands before an at sign."""
    line = (str(problem).strip().splitlines() or [type(problem).__name__])[0].rstrip(".")
    return re.sub(r"[^\s'\"]*@", "…@", line)
