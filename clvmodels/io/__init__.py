"""Tables in and out of files: one table whole (`tables`), or a log of any size as a query (`scans`, `warehouse`)."""

from clvmodels.io.scans import connect, scan, scan_log, watched
from clvmodels.io.tables import (
    FORMATS,
    as_json,
    check_writable,
    read_table,
    replacing,
    sync_folder,
    table_format,
    write_json,
    write_records,
    write_table,
)
from clvmodels.io.warehouse import open_duckdb, postgres_table, replace_rows

__all__ = [
    "FORMATS",
    "as_json",
    "check_writable",
    "connect",
    "open_duckdb",
    "postgres_table",
    "read_table",
    "replace_rows",
    "replacing",
    "scan",
    "scan_log",
    "sync_folder",
    "table_format",
    "watched",
    "write_json",
    "write_records",
    "write_table",
]
