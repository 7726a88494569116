"""Tables in and out of files: CSV and Parquet, ids kept as they are, every file whole or not there.

A file is written under another name beside its place and moved there when it is complete, so that
readers see the old file or the new one. What a table says of itself (`attrs`: units, interval levels,
provenance) travels in the schema of a Parquet file; a CSV file cannot carry it, so ``clv.csv`` gets
``clv.csv.meta.json`` beside it.
"""

from __future__ import annotations

import csv
import errno
import gzip
import hashlib
import json
import os
import secrets
import warnings
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from clvmodels.errors import ArgumentError, DataError, TemporaryError
from clvmodels.io.heads import refuse_other_separator, refuse_repeated

if TYPE_CHECKING:
    import pandas as pd

FORMATS = (".csv", ".csv.gz", ".parquet")
MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")
"""What counts as a missing value in a CSV file; of the ids only the empty one is missing."""
FULL = (errno.ENOSPC, errno.EDQUOT)
_LARGEST_INTEGER = "9223372036854775807"


def table_format(path: str | Path) -> str:
    """Which of `FORMATS` the name of a file asks for.

    Raises
    ------
    ArgumentError
        If it is none of them.

    Examples
    --------
    >>> table_format("sales/2026.csv.gz")
    '.csv.gz'
    """
    name = Path(path).name.lower()
    for suffix in sorted(FORMATS, key=len, reverse=True):
        if name.endswith(suffix):
            return suffix
    raise ArgumentError(f"{str(path)!r} is not a table this reads or writes: name it {', '.join(FORMATS)}")


def read_table(path: str | Path, *, customer_id: str = "customer_id") -> pd.DataFrame:
    r"""A CSV (UTF-8, comma, header), gzipped CSV or Parquet file as a pandas table.

    Parameters
    ----------
    path
        File whose name ends in ``.csv``, ``.csv.gz`` or ``.parquet``.
    customer_id
        Column whose values are names, not numbers: in a CSV file it is read as text, and turned into
        whole numbers only if that changes none of them (no leading zero, sign or decimal point, none
        missing, all within 64 bits). A file without such a column is read all the same.

    Returns
    -------
    pandas.DataFrame
        Rows in the order of the file. Numbers of a CSV file are read to the last bit, dates stay text;
        a Parquet file keeps its types and `attrs`.

    Raises
    ------
    ArgumentError
        If the name has another ending or there is no such file.
    DataError
        If the file is empty, cut off or not what its name says, or two columns share a name.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "log.csv"
    >>> _ = path.write_text("customer_id,spend\n007,9.99\n12,0.1\n")
    >>> read_table(path)["customer_id"].tolist()
    ['007', '12']
    >>> folder.cleanup()
    """
    path = Path(path)
    suffix = table_format(path)
    if not path.exists():
        raise ArgumentError(f"there is no file {str(path)!r}; check the path")
    if not path.is_file():
        raise ArgumentError(f"{str(path)!r} is not a file; give one file, not a folder")
    if path.stat().st_size == 0:
        raise DataError(f"{str(path)!r} is empty", fix="write the table again")
    try:
        return _read_parquet(path) if suffix == ".parquet" else _read_csv(path, customer_id)
    except PermissionError:
        raise ArgumentError(f"{str(path)!r} may not be read by this user; change its permissions") from None


def _read_parquet(path: Path) -> pd.DataFrame:
    import pandas as pd
    from pyarrow import ArrowException
    from pyarrow.parquet import read_schema

    try:
        refuse_repeated(read_schema(path).names, path)
        return pd.read_parquet(path, engine="pyarrow")
    except (PermissionError, DataError):
        raise
    except (ArrowException, OSError, ValueError) as problem:
        raise DataError(
            f"{str(path)!r} is not a whole Parquet file: {_first_line(problem)}",
            fix="write it again, or name it .csv if it is text",
        ) from None


def _read_csv(path: Path, customer_id: str) -> pd.DataFrame:
    import pandas as pd

    try:
        first_line = pd.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False)
        refuse_other_separator(first_line.iloc[0].tolist(), path)
        refuse_repeated(first_line.iloc[0].tolist(), path)
        header = pd.read_csv(path, nrows=0, index_col=False).columns
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                path,
                dtype={customer_id: str},
                keep_default_na=False,
                na_values={name: [""] if name == customer_id else list(MISSING) for name in header},
                index_col=False,
                low_memory=False,
            )
    except (EOFError, gzip.BadGzipFile, zlib.error) as problem:
        raise DataError(
            f"{str(path)!r} is not a whole gzip file: {problem}", fix="write or copy it again"
        ) from None
    except UnicodeDecodeError:
        raise DataError(f"{str(path)!r} is not UTF-8 text", fix="save it as UTF-8") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, pd.errors.ParserWarning) as problem:
        raise DataError(
            f"{str(path)!r} is not a table of comma-separated values: {_first_line(problem)}",
            fix="write it again with a header and as many fields in every row",
        ) from None
    if customer_id in table.columns:
        table[customer_id] = _as_they_are(table[customer_id])
    return table


def _as_they_are(ids: pd.Series[Any]) -> pd.Series[Any]:
    """Ids as int64 where that changes none of them, else as text."""
    plain = ids.str.fullmatch(r"0|[1-9][0-9]{0,18}").fillna(False)
    longest = ids.str.len() == len(_LARGEST_INTEGER)
    if len(ids) and plain.all() and not (longest & (ids > _LARGEST_INTEGER)).any():
        return ids.astype(np.int64)
    return ids


def _first_line(problem: BaseException) -> str:
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0].rstrip(".")


def write_table(frame: pd.DataFrame, path: str | Path) -> tuple[Path, ...]:
    """Write a table as CSV, gzipped CSV or Parquet, whole or not at all.

    Parameters
    ----------
    frame
        Named indices become columns, an index without a name is left out. `attrs` is kept: in the
        schema of a Parquet file (pandas reads it back), beside a CSV file in ``<name>.meta.json``
        together with the checksum of the table it belongs to.
    path
        File whose name ends in ``.csv``, ``.csv.gz`` or ``.parquet``, in a folder that exists. An
        existing file is replaced.

    Returns
    -------
    tuple of pathlib.Path
        The files written.

    Raises
    ------
    ArgumentError
        If the name has another ending, the folder does not exist or must not be written to.
    DataError
        If a column mixes types that a Parquet file cannot hold.

    Examples
    --------
    >>> import pandas as pd, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> clv = pd.DataFrame({"customer_id": ["007"], "clv_mean": [1 / 3]})
    >>> clv.attrs = {"margin": 0.35}
    >>> [path.name for path in write_table(clv, Path(folder.name) / "clv.csv")]
    ['clv.csv', 'clv.csv.meta.json']
    >>> bool(read_table(Path(folder.name) / "clv.csv")["clv_mean"][0] == 1 / 3)
    True
    >>> folder.cleanup()
    """
    path = Path(path)
    suffix = table_format(path)
    named = frame.reset_index() if any(name is not None for name in frame.index.names) else frame
    attrs = as_json(frame.attrs)
    if suffix == ".parquet":
        _write_parquet(named, attrs, path)
        return (path,)
    checksum = _write_csv(named, path, compressed=suffix == ".csv.gz")
    beside = path.with_name(path.name + ".meta.json")
    if not attrs:
        beside.unlink(missing_ok=True)
        return (path,)
    write_json({"table": path.name, "sha256": checksum, "attrs": attrs}, beside)
    return path, beside


def _write_parquet(frame: pd.DataFrame, attrs: Mapping[Any, Any], path: Path) -> None:
    from pyarrow import ArrowException

    table = frame.copy(deep=False)
    table.attrs = dict(attrs)
    with replacing(path) as file:
        try:
            table.to_parquet(file, engine="pyarrow", index=False)
        except (ArrowException, ValueError) as problem:
            raise DataError(
                f"the table cannot be written as Parquet: {_first_line(problem)}",
                fix="give every column one type, or write .csv",
            ) from None


def _write_csv(frame: pd.DataFrame, path: Path, *, compressed: bool) -> str:
    """Write the rows; returns the checksum of the file. Gzip carries no date, so equal tables are equal files."""
    text = frame.to_csv(index=False, lineterminator="\n", quoting=csv.QUOTE_MINIMAL).encode()
    content = gzip.compress(text, mtime=0) if compressed else text
    with replacing(path) as file:
        file.write(content)
    return hashlib.sha256(content).hexdigest()


def write_records(frame: pd.DataFrame, path: str | Path) -> Path:
    """Write a table as JSON, whole or not at all: its rows as objects, and what it says of itself.

    Parameters
    ----------
    frame
        Named indices become columns, an index without a name is left out; missing values become null.
    path
        File, in a folder that exists. An existing file is replaced.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ArgumentError
        If the folder does not exist or must not be written to.

    Examples
    --------
    >>> import pandas as pd, tempfile
    >>> clv = pd.DataFrame({"customer_id": ["007"], "clv_mean": [1.5], "clv_q05": [float("nan")]})
    >>> clv.attrs = {"currency": "EUR"}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     json.loads(write_records(clv, Path(folder) / "clv.json").read_text())
    {'attrs': {'currency': 'EUR'}, 'rows': [{'customer_id': '007', 'clv_mean': 1.5, 'clv_q05': None}]}
    """
    named = frame.reset_index() if any(name is not None for name in frame.index.names) else frame
    rows = [
        {
            str(name): None if value is None or value != value else as_json(value)
            for name, value in row.items()
        }
        for row in named.to_dict("records")
    ]
    write_json({"attrs": as_json(frame.attrs), "rows": rows}, path)
    return Path(path)


def write_json(content: Mapping[str, Any], path: str | Path) -> None:
    """Write a JSON object, whole or not at all."""
    with replacing(path) as file:
        file.write((json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())


def as_json(value: Any) -> Any:
    """The value in JSON's own types: tuples as lists, dates as ISO text, NaN and infinities as text.

    Examples
    --------
    >>> as_json({"levels": (0.05, np.float64(0.95)), "end": date(1997, 9, 30), "k_hat": float("inf")})
    {'levels': [0.05, 0.95], 'end': '1997-09-30', 'k_hat': 'inf'}
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, np.ndarray)):
        return [as_json(item) for item in value]
    return value.isoformat() if isinstance(value, date) else str(value)


def check_writable(path: str | Path) -> Path:
    """The path of a file that could be written there.

    Raises
    ------
    ArgumentError
        If it is a folder or a device, or its folder does not exist.
    """
    path = Path(path)
    if path.is_dir():
        raise ArgumentError(f"{str(path)!r} is a folder; name a file in it")
    if path.exists() and not path.is_file():
        raise ArgumentError(f"{str(path)!r} is a device, whose place no file may take; name a file")
    if not path.parent.is_dir():
        raise ArgumentError(
            f"there is no folder {str(path.parent)!r} to write {path.name!r} to; create it first"
        )
    return path


@contextmanager
def replacing(path: str | Path) -> Iterator[IO[bytes]]:
    """A binary file that takes the place of `path` when the block ends without an error.

    Until then nothing is seen at `path`; after an error nothing is left behind.

    Raises
    ------
    ArgumentError
        If the file cannot be created there.
    TemporaryError
        If the disk is full.
    """
    path = check_writable(path)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        file = beside.open("xb")
    except OSError as problem:
        if problem.errno in FULL:
            raise _no_room(path) from None
        raise ArgumentError(
            f"{str(path)!r} cannot be written: {problem.strerror}; choose another place"
        ) from None
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        sync_folder(path.parent)
    except OSError as problem:
        if problem.errno in FULL:
            raise _no_room(path) from None
        raise
    finally:
        beside.unlink(missing_ok=True)


def _no_room(path: Path) -> TemporaryError:
    return TemporaryError(f"there is no room left to write {str(path)!r}; free some, then run again")


def sync_folder(folder: Path) -> None:
    """Make the move itself survive a power cut, where the system lets folders be synchronised."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
