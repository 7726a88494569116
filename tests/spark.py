"""Sessions of Spark for tests, and frames for them."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa


def as_arrow(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False)


@contextmanager
def spark_sessions(folder: Path) -> Iterator[tuple[Any, Any]]:
    """Two threads of Spark as a classic session and behind Spark Connect, in one Java machine; both live in New York.

    A task is tried four times, as on a cluster: alone, ``local[2]`` gives up at once.
    """
    os.environ["PYSPARK_PYTHON"] = sys.executable  # or workers are of whatever Python is found first
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
        "spark.connect.grpc.binding.port": "0",  # one that is free
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.codegen.wholeStage": "false",  # compiling takes longer than six hundred rows
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",  # for the same reason
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.session.timeZone": "America/New_York",
        "spark.sql.timestampType": "TIMESTAMP_NTZ",
        "spark.sql.warehouse.dir": str(folder),
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
        from pyspark.sql import SparkSession
        from pyspark.sql.connect.session import SparkSession as ConnectSession

        builder = SparkSession.builder.master("local[2,4]")
        for name, value in settings.items():
            builder = builder.config(name, value)
        classic = builder.getOrCreate()
        service = getattr(classic._jvm.org.apache.spark.sql.connect.service, "SparkConnectService$")
        port = service.__getattr__("MODULE$").localPort()
        behind_connect = ConnectSession.builder.remote(f"sc://localhost:{port}").getOrCreate()
    try:
        yield classic, behind_connect
    finally:
        behind_connect.stop()
        classic.stop()
