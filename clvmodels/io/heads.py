"""What the first line of a file may not be."""

from __future__ import annotations

from pathlib import Path

from clvmodels.errors import DataError

SEPARATORS = (";", "\t", "|")


def refuse_other_separator(names: list[str], path: str | Path) -> None:
    """Refuse a header that is one name with another separator inside, as spreadsheets of many countries write it.

    Raises
    ------
    DataError
        If it is.

    Examples
    --------
    >>> try:
    ...     refuse_other_separator(["id;date;spend"], "log.csv")
    ... except DataError as refused:
    ...     str(refused).partition(". ")[0]
    "'log.csv' separates its columns by ';', not by commas"
    """
    for mark in SEPARATORS:
        if len(names) == 1 and mark in names[0]:
            raise DataError(
                f"{str(path)!r} separates its columns by {mark!r}, not by commas",
                fix="write it with commas, and points in its numbers, in pandas with "
                f"pd.read_csv(..., sep={mark!r}, decimal=',').to_csv(..., index=False)",
            )


def refuse_repeated(names: list[str], path: Path) -> None:
    """Refuse columns of one name: pandas would call the second one otherwise, and it would not be missed."""
    repeated = sorted({name for name in names if name and names.count(name) > 1})
    if repeated:
        raise DataError(
            f"column names of {str(path)!r} repeat: {', '.join(map(repr, repeated))}",
            fix="name every column differently, or leave out the one that is not meant",
        )
