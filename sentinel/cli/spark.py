"""``sentinel spark``: counts on Spark, for topics that are not keyed by prediction."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

HELP = "Count on Spark: for topics that are not keyed by prediction_id, or that one machine cannot count."
AVAILABLE_NOW = "available-now"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--config", type=Path, required=True, help="the configuration (YAML)")
    parser.add_argument(
        "--state",
        required=True,
        help="a directory or URI that all executors reach (file:, hdfs:, s3:, gs:): checkpoint and waiting predictions",
    )
    parser.add_argument(
        "--master", help="where to run, as spark-submit takes it; local[2]: here. Leave it to spark-submit on a cluster"
    )
    parser.add_argument(
        "--trigger",
        default="60s",
        help="time between batches, as 30s or 5m; available-now counts what is there and ends (60s)",
    )
    parser.add_argument(
        "--partitions", type=int, default=8, help="how many ways to cut the predictions; fixed for a state (8)"
    )
    parser.add_argument("--max-events", type=int, help="the most messages of one batch; unset: all there are")
    parser.add_argument("--jars", type=Path, help="a directory with the jars of Spark's Kafka connector")
    parser.add_argument("--conf", action="append", default=[], metavar="NAME=VALUE", help="a setting of Spark's")
    parser.add_argument(
        "--replace",
        action="store_true",
        help="remove counts of others that the summaries topic holds under the same partitions",
    )


def run(args: argparse.Namespace) -> int:
    """Run until the query ends, or SIGTERM or SIGINT."""
    from sentinel.app.spark_job import JobOptions, run_job
    from sentinel.clock import SystemClock
    from sentinel.config import load_config
    from sentinel.config.durations import Duration
    from sentinel.errors import FatalError
    from sentinel.logs import configure_logging

    if args.partitions < 1 or (args.max_events is not None and args.max_events < 1):
        raise FatalError("--partitions and --max-events are 1 or more")
    conf = dict(setting.partition("=")[::2] for setting in args.conf)
    try:
        interval = None if args.trigger == AVAILABLE_NOW else float(Duration.parse(args.trigger))
    except ValueError as error:
        raise FatalError(f"--trigger {args.trigger}: {error}; or {AVAILABLE_NOW}") from error
    clock = SystemClock()
    config = load_config(args.config)
    handler = configure_logging(config.log.level, config.log.format, sys.stderr, monotonic=clock.monotonic)
    options = JobOptions(
        state=args.state,
        n_partitions=args.partitions,
        interval_seconds=interval,
        max_events=args.max_events,
        replace=args.replace,
    )
    stop = threading.Event()

    def open_session() -> object:
        from sentinel.ingest.spark.session import open_session as open_spark

        session = open_spark(args.master, args.jars, conf)
        for number in (signal.SIGTERM, signal.SIGINT):  # after Spark, which takes SIGINT for itself
            signal.signal(number, lambda *_: stop.set())
        return session

    try:
        run_job(config, options, clock, open_session, stop)
    finally:
        handler.close()
    return 0
