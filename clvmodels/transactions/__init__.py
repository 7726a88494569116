"""Transactions of any dataframe engine become one row per customer.

    dataframe ──door──► Log (checked, whole numbers) ──summary──► RFM
                                      └──holdout──► RFM and what followed the cutoff

`clock` and `money` are the arithmetic that every engine does alike.
"""

from clvmodels.transactions.calls import calibration_holdout, rfm_summary
from clvmodels.transactions.holdout import Holdout, PurchaseEvents

__all__ = ["Holdout", "PurchaseEvents", "calibration_holdout", "rfm_summary"]
