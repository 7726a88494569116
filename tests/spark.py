"""A session of Spark for tests, and frames for it."""

from __future__ import annotations

import fcntl
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa


def as_arrow(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False)


@contextmanager
def spark_session(folder: Path, *, connect: bool) -> Iterator[Any]:
    """Two threads of Spark in this process, or behind Spark Connect, whose session lives in New York.

    A task is tried four times, as on a cluster: alone, ``local[2]`` gives up at once.
    """
    with alone() if connect else nullcontext(), _session(folder, connect=connect) as session:
        yield session


@contextmanager
def alone() -> Iterator[None]:
    """No other process of the tests is in the block: every server of Spark Connect listens on the same port."""
    with (Path(tempfile.gettempdir()) / "clvmodels-spark-connect.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _session(folder: Path, *, connect: bool) -> Iterator[Any]:
    os.environ["PYSPARK_PYTHON"] = sys.executable  # or workers are of whatever Python is found first
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
        warnings.filterwarnings("ignore", "Failed to set", UserWarning)  # what a server decides at its start
        from pyspark.sql import SparkSession

        builder = (
            SparkSession.builder.remote("local[2,4]")
            if connect
            else SparkSession.builder.master("local[2,4]")
        )
        settings = {
            "spark.ui.enabled": "false",
            "spark.log.level": "ERROR",
            "spark.sql.shuffle.partitions": "2",
            "spark.sql.codegen.wholeStage": "false",  # compiling takes longer than six hundred rows
            "spark.sql.codegen.factoryMode": "NO_CODEGEN",
            "spark.sql.adaptive.enabled": "false",
            "spark.sql.session.timeZone": "America/New_York",
            "spark.sql.timestampType": "TIMESTAMP_NTZ",
            "spark.sql.warehouse.dir": str(folder),
        }
        for name, value in settings.items():
            builder = builder.config(name, value)
        session = builder.getOrCreate()
    try:
        yield session
    finally:
        session.stop()
