"""A forecast on a timer: read, check, fit or load, gate, forecast, compare with the last run, publish, report.

    delivery ──► fits ──► shards ──► gates ──► pages ──► shelf
    the log      a fit,   one file   against   one per   manifest last, then
    as of a day  stored   each       last run  run       one pointer replaced

`run` walks it. The date of a run decides everything, nothing asks for today's; what was published stays as it is,
and the pointer says which run counts.
"""

from clvmodels.batch.outcome import Options, Outcome
from clvmodels.batch.publishing import roll_back
from clvmodels.batch.run import run
from clvmodels.batch.shelf import Shelf
from clvmodels.batch.store import Store

__all__ = ["Options", "Outcome", "Shelf", "Store", "roll_back", "run"]
