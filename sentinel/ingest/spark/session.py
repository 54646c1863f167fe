"""The Spark session: that of spark-submit where there is one, or one of this process."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from sentinel.errors import FatalError
from sentinel.ingest.spark.options import REDACTION

CONNECTOR = "org.apache.spark:spark-sql-kafka-0-10_2.13"


Value = TypeVar("Value", covariant=True)
Sent = TypeVar("Sent")


class Shared(Protocol[Value]):
    """A value that every executor has a copy of."""

    def __hash__(self) -> int:
        """By identity."""
        ...

    @property
    def value(self) -> Value:
        """The copy of this process."""
        ...


def open_session(master: str | None, jars: Path | None, conf: Mapping[str, str]) -> SparkSession:
    """Take spark-submit's session, or start one.

    Parameters
    ----------
    master : str, optional
        As spark-submit takes it; ``local[2]`` runs in this process. Unset: as spark-submit says, or else this machine.
    jars : Path, optional
        A directory with the jars of the Kafka connector.
    conf : mapping of str to str
        More of Spark's settings.

    Raises
    ------
    FatalError
        If Spark does not start.
    """
    # Nothing here goes through pandas.
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    # The executors of a local session are children of this process and need its interpreter; a cluster has its own.
    if (master or "").startswith("local"):
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    wanted = {
        "spark.redaction.regex": REDACTION,
        "spark.sql.redaction.options.regex": REDACTION,
        "spark.sql.session.timeZone": "UTC",
        "spark.ui.showConsoleProgress": "false",
        **({} if master is None else {"spark.master": master}),
        **({} if jars is None else {"spark.jars": ",".join(_jars(jars))}),
        **conf,
    }
    builder = SparkSession.builder.appName("sentinel")
    for name, value in wanted.items():
        builder = builder.config(name, value)
    try:
        session: SparkSession = builder.getOrCreate()
    except (PySparkException, OSError, RuntimeError) as error:
        raise FatalError(f"Spark does not start: {error}; it needs Java 17 or newer") from error
    return session


def share(spark: SparkSession, value: Sent) -> Shared[Sent]:
    """Send a value to every executor, once."""
    shared: Shared[Sent] = spark.sparkContext.broadcast(value)
    return shared


def _jars(directory: Path) -> list[str]:
    found = sorted(str(path) for path in directory.glob("*.jar"))
    if not found:
        raise FatalError(f"{directory}: no jar is in it; it needs those of {CONNECTOR}")
    return found
