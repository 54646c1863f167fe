"""``--engine``: whether files are read by this process or by Spark's workers."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sentinel.errors import FatalError

if TYPE_CHECKING:
    from sentinel.audit.engine import Engine


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--engine",
        choices=("local", "spark"),
        default="local",
        help="who reads the files: this process, or Spark's workers, which need them under the same path",
    )
    parser.add_argument("--master", help="with --engine spark: where to run, as spark-submit takes it; local[2]: here")
    parser.add_argument(
        "--conf", action="append", default=[], metavar="NAME=VALUE", help="with --engine spark: a setting of Spark's"
    )


@contextmanager
def opened_engine(args: argparse.Namespace) -> Iterator[Engine | None]:
    """The engine asked for, until the work is done; None for this process.

    Raises
    ------
    FatalError
        If Spark is not there or does not start, or is not asked for and told something.
    """
    if args.engine == "local":
        if args.master is not None or args.conf:
            raise FatalError("--master and --conf are for --engine spark")
        yield None
        return
    try:
        from sentinel.ingest.spark.session import open_session
        from sentinel.ingest.spark.tables import SparkEngine
    except ImportError as error:
        raise FatalError(f"{error}: it needs `pip install 'sentinel-leakage[spark]'`, or spark-submit") from error
    if (args.master or "").startswith("local"):
        # What --score-with names lies in the working directory, where local workers would not look.
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(Path.cwd())]))
    session = open_session(args.master, None, dict(setting.partition("=")[::2] for setting in args.conf))
    try:
        yield SparkEngine(session)
    finally:
        session.stop()
