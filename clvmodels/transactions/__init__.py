"""Transactions of any dataframe engine become one row per customer.

    dataframe ──door──► Log (checked, whole numbers) ──summary──► RFM
                                      ├──table────► RFMTable, the same in the engine
                                      └──holdout──► RFM and what followed the cutoff

`clock` and `money` are the arithmetic that every engine does alike.
"""

from clvmodels.transactions.activity import Activity, activity
from clvmodels.transactions.calls import calibration_holdout, rfm_summary, rfm_table
from clvmodels.transactions.columns import collected
from clvmodels.transactions.history import LogHistory
from clvmodels.transactions.holdout import Holdout, PurchaseEvents
from clvmodels.transactions.returns import RefundRecord, refund_record
from clvmodels.transactions.table import RFMTable

__all__ = [
    "Activity",
    "Holdout",
    "LogHistory",
    "PurchaseEvents",
    "RFMTable",
    "RefundRecord",
    "activity",
    "calibration_holdout",
    "collected",
    "refund_record",
    "rfm_summary",
    "rfm_table",
]
