"""What the tables and arguments of this room share."""

from __future__ import annotations

from typing import Any

import numpy as np

from clvmodels.units import STEP_NAMES, Horizon


def period_columns(horizon: Horizon) -> dict[str, Any]:
    """Number and bounds of each period, as dates where there is a calendar."""
    edges, unit = horizon.edges, STEP_NAMES[horizon.unit]
    table: dict[str, Any] = {"period": np.arange(1, len(edges))}
    if horizon.starts is not None and horizon.ends is not None:
        table |= {"start": list(horizon.starts), "end_exclusive": list(horizon.ends)}
    return table | {f"from_{unit}": edges[:-1], f"to_{unit}": edges[1:]}
