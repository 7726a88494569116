"""RFM: what the models know of each customer, on a clock the summary owns.

`frequency` counts repeat purchases (distinct purchase periods after the first), `recency` is the age
at the last purchase, `T` the age at the end of observation, `monetary_value` the mean spend of the
`spend_count` purchases behind it.
"""

from clvmodels.rfm.checks import CLOCK_FIELDS, SPEND_FIELDS, id_text
from clvmodels.rfm.customers import Customers, check_customers, fingerprint, hash_of
from clvmodels.rfm.history import History, Outcome, Purchases
from clvmodels.rfm.notes import DataReport, Note
from clvmodels.rfm.summary import RFM, check_rfm
from clvmodels.rfm.windows import EarlierWindow, earlier_windows

__all__ = [
    "CLOCK_FIELDS",
    "RFM",
    "SPEND_FIELDS",
    "Customers",
    "DataReport",
    "EarlierWindow",
    "History",
    "Note",
    "Outcome",
    "Purchases",
    "check_customers",
    "check_rfm",
    "earlier_windows",
    "fingerprint",
    "hash_of",
    "id_text",
]
