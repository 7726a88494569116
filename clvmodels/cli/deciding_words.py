"""What the words of the command on decisions mean: numbers, scenarios, and columns of tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from clvmodels.errors import ArgumentError, DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from clvmodels.rfm import RFM
    from clvmodels.value import Scenario

PEER_COLUMNS = ("name", "metric", "value", "unit")
LEVERS = {
    "retention": "retention",
    "purchase_rate": "purchase_rate",
    "margin": "margin_points",
    "discount": "annual_discount_rate",
}


def parse_number(option: str, word: str, *, or_column: bool = False) -> float | str:
    """A number from a word; if it may be a column, the word where it is none.

    Examples
    --------
    >>> parse_number("--margin", "0.35"), parse_number("--margin", "share", or_column=True)
    (0.35, 'share')
    >>> parse_number("--margin", "35%", or_column=True)
    Traceback (most recent call last):
    clvmodels.errors.ArgumentError: --margin '35%' must be a fraction; you may mean 0.35
    >>> parse_number("--cac", "1,5")
    Traceback (most recent call last):
    clvmodels.errors.ArgumentError: --cac '1,5' has a comma; you may mean 1.5 (thousands are written without a mark)
    """
    plain = word.strip()
    value = _float(plain)
    if value is not None:
        return value
    share = _float(plain.rstrip("%").strip())
    if plain.endswith("%") and share is not None:
        raise ArgumentError(f"{option} {word!r} must be a fraction; you may mean {share / 100:g}")
    if _float(plain.replace(",", ".", 1)) is not None:
        meant = plain.replace(",", ".", 1)
        raise ArgumentError(
            f"{option} {word!r} has a comma; you may mean {meant} (thousands are written without a mark)"
        )
    if not or_column:
        raise ArgumentError(f"{option} {word!r} is not a number")
    return plain


def parse_scenario(word: str) -> Scenario:
    """A scenario from a list of levers in one word.

    Examples
    --------
    >>> parse_scenario("retention=0.1,margin=-0.02").name
    'retention +10 %, margin -2 points'
    """
    from clvmodels.value import Scenario

    given: dict[str, Any] = {}
    for part in word.split(","):
        lever, _, number = part.partition("=")
        lever = lever.strip().replace("-", "_").replace(" ", "_")
        if lever not in LEVERS:
            raise ArgumentError(
                f"--what-if {word!r}: {lever!r} is no lever; there are {', '.join(LEVERS)}, as retention=0.1"
            )
        if lever in given:
            raise ArgumentError(f"--what-if {word!r} names {lever} twice")
        given[LEVERS[lever]] = parse_number(f"--what-if {lever}", number)
    return Scenario(**given)


def read_named(path: Path, *columns: str, id_column: str = "customer_id") -> pd.DataFrame:
    """A table with the columns that are needed.

    Raises
    ------
    DataError
        If it is empty or lacks one.
    """
    from clvmodels.io import read_table

    table = read_table(path, customer_id=id_column)
    missing = [name for name in columns if name not in table]
    if missing or table.empty:
        there = ", ".join(map(str, table.columns))
        raise DataError(
            f"{str(path)!r} lacks the column {missing[0]!r}; it has {there}"
            if missing
            else f"{str(path)!r} is empty",
            fix=f"write a header with {', '.join(columns)} and a row for each" if columns else None,
        )
    return table


def read_column(path: Path, name: str, rfm: RFM, id_column: str, *, as_number: bool) -> np.ndarray:
    """(n,) values of a column of a table of customers, in the order of the summary; others are not used.

    Raises
    ------
    ArgumentError
        If there is no such column.
    DataError
        If a customer is missing or twice in it, or holds no number.
    """
    table = read_named(path, id_column=id_column)
    for wanted in (id_column, name):
        if wanted not in table:
            there = ", ".join(map(str, table.columns))
            raise ArgumentError(f"{str(path)!r} has no column {wanted!r}; it has {there}")
    values = table[name].iloc[_rows_of(table[id_column], rfm, path, id_column)]
    return _as_numbers(values, rfm, path, name) if as_number else values.to_numpy(dtype=object)


def _rows_of(ids: pd.Series[Any], rfm: RFM, path: Path, id_column: str) -> list[int]:
    """Row of each customer of the summary."""
    from clvmodels.rfm import id_text
    from clvmodels.value.expectations import positions

    repeated = ids.duplicated(keep=False)
    if repeated.any():
        raise DataError(
            f"{str(path)!r} holds a customer more than once",
            column=id_column,
            rows=int(repeated.sum()),
            examples=ids[repeated].tolist(),
            fix="keep one row per customer",
        )
    at = positions(ids.to_numpy())
    missing = [one for one in rfm.customer_id.tolist() if id_text(one) not in at]
    if missing:
        raise DataError(
            f"{str(path)!r} lacks customers of the log",
            column=id_column,
            rows=len(missing),
            examples=missing,
            fix="give every customer a row, with the id as it is in the log",
        )
    return [at[id_text(one)] for one in rfm.customer_id.tolist()]


def _as_numbers(values: pd.Series[Any], rfm: RFM, path: Path, name: str) -> np.ndarray:
    import numpy as np
    import pandas as pd

    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float)
    broken = ~np.isfinite(numbers)
    if broken.any():
        raise DataError(
            f"{str(path)!r} holds no number for some customers",
            column=name,
            rows=int(broken.sum()),
            examples=rfm.customer_id[broken].tolist(),
            fix="write numbers with a point, 0.35 for 35 per cent",
        )
    return numbers


def numbers_of(table: pd.DataFrame, column: str, path: str) -> list[float]:
    """A column as numbers.

    Raises
    ------
    DataError
        If a row holds none.
    """
    import pandas as pd

    numbers = pd.to_numeric(table[column], errors="coerce").astype(float)
    if numbers.isna().any():
        raise DataError(
            f"{path!r} holds no number in some rows",
            column=column,
            rows=int(numbers.isna().sum()),
            examples=table.loc[numbers.isna(), column].tolist(),
            fix="write numbers with a point",
        )
    return [float(value) for value in numbers]


def is_table(word: str) -> bool:
    """Whether a word is the name of a table."""
    from clvmodels.io import FORMATS

    return word.lower().endswith(FORMATS)


def _float(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None
