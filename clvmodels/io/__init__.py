"""Tables in and out of files: one table whole (`tables`), or a log of any size as a query (`scans`)."""

from clvmodels.io.scans import connect, scan, scan_log, watched
from clvmodels.io.tables import (
    FORMATS,
    as_json,
    check_writable,
    read_table,
    replacing,
    table_format,
    write_json,
    write_table,
)

__all__ = [
    "FORMATS",
    "as_json",
    "check_writable",
    "connect",
    "read_table",
    "replacing",
    "scan",
    "scan_log",
    "table_format",
    "watched",
    "write_json",
    "write_table",
]
