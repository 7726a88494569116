"""A log in files of any size as a DuckDB query, read in bounded memory and never as a whole.

Parquet files are read where they lie. CSV files are read once, row by row, into a database beside DuckDB's
other temporary files, because every later question would have to parse them again. Every row knows its file
and its place in it, so that a refusal can name both.
"""

from __future__ import annotations

import atexit
import csv
import gzip
import re
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from clvmodels.errors import ArgumentError, DataError, as_path
from clvmodels.io.heads import refuse_other_separator
from clvmodels.io.tables import FORMATS, MISSING, table_format

if TYPE_CHECKING:
    import duckdb

_MEMORY = re.compile(r"[1-9][0-9]*(?:\.[0-9]+)? ?[KMGT]i?B", re.IGNORECASE)
_POLLED = 0.2  # seconds between two looks at the progress of a query


def scan_log(
    source: str | Path,
    *,
    customer_id: str = "customer_id",
    date: str = "date",
    spend: str | None = None,
    memory_limit: str | None = None,
    temp_directory: str | Path | None = None,
) -> duckdb.DuckDBPyRelation:
    r"""Open a log in one file, in many or in a folder, for `rfm_summary` and whatever else takes a table.

    Nothing but the heads of Parquet files is read yet. CSV files are parsed here, once.

    Parameters
    ----------
    source
        A file, a pattern such as ``"sales/*.parquet"``, or a folder, which is searched to the bottom; names like
        ``country=DE`` of folders become columns. Files end in ``.parquet``, or else in ``.csv`` or ``.csv.gz``
        (UTF-8, comma, header).
    customer_id, date, spend
        The columns wanted. They must be there in every file, in Parquet with the same type. From CSV files
        ids are read as by `read_table`, and dates stay text.
    memory_limit
        What DuckDB may use, as ``"1GB"``; what does not fit goes to temporary files. Default: DuckDB's own,
        80 % of the machine's.
    temp_directory
        Where temporary files are kept until the program ends. Default: the system's.

    Returns
    -------
    duckdb.DuckDBPyRelation
        The columns, and `source_file` and `source_row` (1 is the first row of its file).

    Raises
    ------
    ArgumentError
        If there is no such file, or an argument has no such value.
    DataError
        If files differ in a column, or a file is not what its name says: the message names the files.

    Examples
    --------
    >>> import tempfile
    >>> from clvmodels.transactions import rfm_summary
    >>> folder = tempfile.TemporaryDirectory()
    >>> for month in ("01", "02"):
    ...     path = Path(folder.name) / f"{month}.csv"
    ...     _ = path.write_text(f"customer_id,date,spend\n007,2026-{month}-03,10\n8,2026-{month}-04,5\n")
    >>> log = scan_log(folder.name, spend="spend", memory_limit="500MB")
    >>> rfm_summary(log, spend="spend").to_pandas()[["customer_id", "frequency", "monetary_value"]]
      customer_id  frequency  monetary_value
    0         007        1.0            10.0
    1           8        1.0             5.0
    >>> folder.cleanup()
    """
    return scan(connect(memory_limit, temp_directory), source, (customer_id, date, spend))


def scan(
    connection: duckdb.DuckDBPyConnection, source: str | Path, columns: Sequence[str | None]
) -> duckdb.DuckDBPyRelation:
    """What `scan_log` does, on a connection of one's own; the first of the columns holds the ids, None are left out."""
    names = [name for name in columns if name is not None]
    if not all(isinstance(name, str) for name in names):
        raise ArgumentError(
            f"customer_id, date and spend are names of columns, not {', '.join(map(repr, names))}"
        )
    if len(set(names)) < len(names):
        raise ArgumentError("customer_id, date and spend must name different columns")
    files = _files(source)
    if table_format(files[0]) == ".parquet":
        return _scan_parquet(connection, files, names)
    return _scan_csv(connection, files, columns)


def _files(source: str | Path) -> list[str]:
    """The files meant, in the order of their names, all of one kind."""
    path = as_path("source", source)
    if path.is_dir():
        found = [file for file in path.rglob("*") if file.name.lower().endswith(FORMATS)]
        found = [file for file in found if not any(part[0] in "._" for part in file.relative_to(path).parts)]
        missing = f"folder {str(source)!r} holds no file that ends in {', '.join(FORMATS)}"
    elif path.is_file():
        found, missing = [path], ""
    else:
        root = Path(path.anchor)
        found = [file for file in root.glob(str(path.relative_to(root))) if file.is_file()]
        missing = f"there is no file {str(source)!r}; check the path"
    if not found:
        raise ArgumentError(missing)
    kinds = {table_format(file) == ".parquet": str(file) for file in found}
    if len(kinds) > 1:
        raise ArgumentError(
            f"{kinds[True]!r} is a Parquet file and {kinds[False]!r} is not; "
            "give files of one kind, as in '*.parquet'"
        )
    return [str(file) for file in sorted(found)]


def connect(
    memory_limit: str | None = None, temp_directory: str | Path | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection that keeps within a limit, with temporary files that go when the program ends.

    Raises
    ------
    ArgumentError
        If an argument has no such value.
    """
    import duckdb

    if memory_limit is not None and not _MEMORY.fullmatch(str(memory_limit)):
        raise ArgumentError(f"memory_limit={memory_limit!r} is no size; write e.g. '1GB' or '800MB'")
    if temp_directory is not None and not Path(str(temp_directory)).is_dir():
        raise ArgumentError(
            f"there is no folder {str(temp_directory)!r} for temporary files; create it first"
        )
    folder = tempfile.TemporaryDirectory(prefix="clvmodels-", dir=temp_directory)
    connection = duckdb.connect(str(Path(folder.name) / "log.duckdb"))
    atexit.register(_close, weakref.ref(connection), folder)  # tables keep it open, or else its threads go
    connection.execute("PRAGMA disable_checkpoint_on_shutdown")
    settings = {"temp_directory": folder.name, "preserve_insertion_order": False}
    if memory_limit is not None:
        settings["memory_limit"] = memory_limit
    for name, value in settings.items():
        connection.execute(f"SET {name} = {_text(str(value))}")
    with suppress(duckdb.InvalidInputException):  # in a notebook it wants a package that may not be there
        connection.execute(
            "SET enable_progress_bar = true"
        )  # or nothing is counted that `watched` could tell
        connection.execute("SET enable_progress_bar_print = false")
    return connection


def _close(
    connection: weakref.ref[duckdb.DuckDBPyConnection], folder: tempfile.TemporaryDirectory[str]
) -> None:
    if (still_there := connection()) is not None:
        still_there.close()
    folder.cleanup()


def _scan_parquet(
    connection: duckdb.DuckDBPyConnection, files: Sequence[str], names: Sequence[str]
) -> duckdb.DuckDBPyRelation:
    import duckdb

    listed = f"[{', '.join(map(_text, files))}]"
    try:
        columns = connection.execute(
            f"SELECT file_name, name, duckdb_type FROM parquet_schema({listed}) WHERE column_id > 0"
        ).fetchall()
        relation = connection.sql(f"SELECT * FROM read_parquet({listed}, hive_partitioning = true)")
    except duckdb.Error as problem:
        raise _unreadable(problem, "Parquet") from None
    types: dict[str, dict[str, str]] = {file: {} for file in files}
    for file, name, kind in columns:
        types[file].setdefault(name, kind)
    _check_alike(
        types, [name for name in names if name in relation.columns or len(files) > 1], relation.columns
    )
    chosen = ", ".join(_name(name) for name in names if name in relation.columns)
    places = "filename AS source_file, file_row_number + 1 AS source_row"
    return connection.sql(
        f"SELECT {chosen}{', ' if chosen else ''}{places} FROM read_parquet({listed}, hive_partitioning = true)"
    )


def _scan_csv(
    connection: duckdb.DuckDBPyConnection, files: Sequence[str], columns: Sequence[str | None]
) -> duckdb.DuckDBPyRelation:
    names = [name for name in columns if name is not None]
    heads = {file: _head(file) for file in files}
    types = {file: dict.fromkeys(head, "text") for file, head in heads.items()}
    folders = {part.split("=")[0] for file in files for part in Path(file).parts[:-1] if "=" in part}
    known = set(heads[files[0]]) | folders
    _check_alike(types, [name for name in names if name not in folders], sorted(known))
    held = [name for name in names if name in known]
    numeric = columns[2] if len(columns) > 2 and columns[2] in known else None
    for number, file in enumerate(files):
        _append_csv(connection, file, heads[file], held, numeric, create=number == 0)
    if numeric is not None:
        _refuse_words(connection, numeric)
    customer_id = _name(str(columns[0]))
    if columns[0] in known and _are_plain_numbers(connection, customer_id):
        chosen = [f"CAST({customer_id} AS BIGINT) AS {customer_id}", *map(_name, held[1:])]
    else:
        chosen = list(map(_name, held))
    return connection.sql(f"SELECT {', '.join([*chosen, 'source_file', 'source_row'])} FROM log")


def _head(file: str) -> list[str]:
    """Names of the columns of a CSV file."""
    try:
        opened = gzip.open if file.lower().endswith(".gz") else open
        with opened(file, "rt", encoding="utf-8-sig", newline="") as text:
            head = next(csv.reader(text), [])
    except UnicodeDecodeError:
        raise DataError(f"{file!r} is not UTF-8 text", fix="save it as UTF-8") from None
    except (EOFError, OSError) as problem:
        raise DataError(f"{file!r} cannot be read: {problem}", fix="write or copy it again") from None
    refuse_other_separator(head, file)
    repeated = sorted({name for name in head if head.count(name) > 1})
    if repeated or not head:
        what = f"has columns of one name: {', '.join(map(repr, repeated))}" if repeated else "has no header"
        raise DataError(f"{file!r} {what}", fix="write it again, every column under a name of its own")
    return head


def _append_csv(
    connection: duckdb.DuckDBPyConnection,
    file: str,
    head: Sequence[str],
    names: Sequence[str],
    numeric: str | None,
    *,
    create: bool,
) -> None:
    """Put the rows of a file into the table ``log``, numbered in their order."""
    import duckdb

    missing = ", ".join(map(_text, MISSING))
    chosen, words = [], "NULL"
    for number, name in enumerate(names):
        column = _name(name)
        value = column if number == 0 else f"CASE WHEN {column} NOT IN ({missing}) THEN {column} END"
        if name == numeric:
            words = f"CASE WHEN TRY_CAST({value} AS DOUBLE) IS NULL THEN {value} END"
            value = f"TRY_CAST({value} AS DOUBLE)"
        chosen.append(f"{value} AS {column}")
    columns = ", ".join(f"{_text(name)}: 'VARCHAR'" for name in head)
    options = "header = true, delim = ',', quote = '\"', escape = '\"', auto_detect = false, hive_partitioning = true"
    query = (
        f"SELECT {', '.join(chosen)}, {_text(file)} AS source_file, row_number() OVER () AS source_row, "
        f"CAST({words} AS VARCHAR) AS words FROM read_csv({_text(file)}, {options}, columns = {{{columns}}})"
    )
    try:
        connection.execute("SET preserve_insertion_order = true")
        connection.execute(f"CREATE TABLE log AS {query}" if create else f"INSERT INTO log {query}")
        connection.execute("SET preserve_insertion_order = false")
    except duckdb.Error as problem:
        raise _unreadable(problem, "CSV", file) from None


def _refuse_words(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Refuse what stands in a column of numbers and is none."""
    where = "FROM log WHERE words IS NOT NULL"
    rows = connection.execute(f"SELECT count(*) {where}").fetchall()[0][0]
    if rows:
        first = connection.execute(f"SELECT source_file, source_row {where} ORDER BY ALL LIMIT 1").fetchall()[
            0
        ]
        shown = connection.execute(f"SELECT DISTINCT words {where} ORDER BY ALL LIMIT 5").fetchall()
        raise DataError(
            f"values must be numbers; the first that is none is in row {first[1]:,} of {first[0]!r}",
            column=name,
            rows=rows,
            examples=[repr(word) for (word,) in shown],
            fix="write amounts as 1234.50, without symbols and separators of thousands",
        )


def _are_plain_numbers(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether ids are whole numbers that stay what they are as such."""
    plain = f"regexp_full_match({name}, '0|[1-9][0-9]{{0,18}}') AND TRY_CAST({name} AS BIGINT) IS NOT NULL"
    answer = connection.execute(f"SELECT bool_and(coalesce({plain}, false)) FROM log").fetchall()[0][0]
    return bool(answer)


def _check_alike(types: dict[str, dict[str, str]], names: Sequence[str], known: Sequence[str]) -> None:
    """Refuse files that lack a column which others have, or hold it in another type."""
    from_folders = set(known) - {name for columns in types.values() for name in columns}
    for name in names:
        kinds = {file: columns.get(name) for file, columns in types.items()}
        have = [file for file, kind in kinds.items() if kind is not None]
        lack = [file for file, kind in kinds.items() if kind is None]
        if name in from_folders or not have:
            continue
        if lack:
            held = ", ".join(map(repr, types[lack[0]]))
            raise DataError(
                f"{have[0]!r} holds this column and {lack[0]!r} does not: its columns are {held}",
                column=name,
                fix=f"write the files alike, or leave {_files_text(lack)} out",
            )
        others = [file for file in have if kinds[file] != kinds[have[0]]]
        if others:
            raise DataError(
                f"{have[0]!r} holds {kinds[have[0]]} and {others[0]!r} holds {kinds[others[0]]}",
                column=name,
                fix=f"write the files alike, or leave {_files_text(others)} out",
            )


def _files_text(files: Sequence[str]) -> str:
    return "that file" if len(files) == 1 else f"the {len(files)} files of the second kind"


def _unreadable(problem: Exception, kind: str, file: str | None = None) -> DataError:
    """What DuckDB says of a file, in one line that names it."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    said = "; ".join(lines[: 3 if kind == "CSV" else 1])
    named = f"{file!r} is" if file else "a file is"
    return DataError(f"{named} not a whole {kind} file: {said}", fix="write or copy it again")


def _text(value: str) -> str:
    """A text as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"


def _name(value: str) -> str:
    """A name as SQL writes it."""
    return '"' + value.replace('"', '""') + '"'


@contextmanager
def watched(connection: duckdb.DuckDBPyConnection, move: Callable[[int, int], None] | None) -> Iterator[None]:
    """While the block runs, tell `move` how much of the present query is done: (percent, 100)."""
    if move is None:
        yield
        return
    over = threading.Event()

    def look() -> None:
        while not over.wait(_POLLED):
            if (percent := connection.query_progress()) >= 0:
                move(int(percent), 100)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
