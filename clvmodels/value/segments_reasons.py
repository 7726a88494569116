"""What a customer did, in words a colleague in the shop would use."""

from __future__ import annotations

import numpy as np

from clvmodels.rfm import RFM
from clvmodels.units import UNIT_NAMES


def buying_words(rfm: RFM) -> list[str]:
    """How often each customer bought, how often that usually is, and for how long they have been silent.

    The usual wait is recency / frequency, the silence T - recency, both rounded to whole units of the clock.

    Examples
    --------
    >>> rfm = RFM.from_arrays(frequency=[11, 1, 0], recency=[33, 1, 0], T=[53, 2, 20], time_unit="W")
    >>> for text in buying_words(rfm):
    ...     print(text)
    bought 12 times, usually every 3 weeks, silent for 20
    bought twice, 1 week apart, silent for 1 week
    bought once, 20 weeks ago
    """
    unit = UNIT_NAMES[rfm.time_unit]
    columns = zip(rfm.frequency, rfm.recency, rfm.T - rfm.recency, strict=True)
    return [_words(int(count), float(seen), float(silence), unit) for count, seen, silence in columns]


def _words(count: int, seen: float, silence: float, unit: str) -> str:
    if count == 0:
        return f"bought once, {_times(silence, unit)} ago"
    wait = seen / count
    if count == 1:
        return f"bought twice, {_times(wait, unit)} apart, silent for {_times(silence, unit)}"
    shown, quiet = _whole(silence), _times(silence, unit)
    if _whole(wait) > 1:
        usual = f"every {_times(wait, unit)}"
        quiet = f"{shown:,}" if shown > 1 else quiet  # the unit has just been named
    else:
        usual = (
            f"every {unit[:-1]}"
            if _whole(wait)
            else f"more than once {'an' if unit == 'hours' else 'a'} {unit[:-1]}"
        )
    return f"bought {count + 1} times, usually {usual}, silent for {quiet}"


def _whole(time: float) -> int:
    return int(np.floor(time + 0.5))


def _times(time: float, unit: str) -> str:
    number = _whole(time)
    if number == 0:
        return f"less than a {unit[:-1]}"
    return f"1 {unit[:-1]}" if number == 1 else f"{number:,} {unit}"
