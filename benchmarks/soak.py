"""A daemon under a stream that does not end: memory, open files and threads over time.

    python -m benchmarks.soak [--minutes 30] [--per-second 40000] [--part 200000] [--quick]

One ``sentinel run`` with a ledger reads a real Kafka at the pace given, with late, repeated, corrected and broken
events, while predictions come, wait and expire. Every ten seconds its memory beyond the page cache, its open files and
threads are read from /proc, and its lag from /metrics. Printed: the samples, and the growth from the second quarter of
the time (everything is warm, and predictions have begun to expire) to the last.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

from benchmarks.chaos import ROOT, Run, build_baseline
from tests.support.kafka_broker import start_broker

SAMPLE_SECONDS = 10.0
PART = 200_000
"""Predictions of one part of the stream: 28 hours of event time, a little more than the horizon. With fewer, event time
runs faster: months in minutes."""


class Sample(NamedTuple):
    """One look at the process."""

    second: float
    anonymous_mib: float
    open_files: int
    threads: int
    lag: int
    waiting: int
    cpu_seconds: float


def look(pid: int, address: str, begin: float) -> Sample:
    """Read /proc and /metrics."""
    folder = Path(f"/proc/{pid}")
    status = (folder / "status").read_text()
    anonymous = int(re.findall(r"RssAnon:\s+(\d+) kB", status)[0]) / 1024
    threads = int(re.findall(r"Threads:\s+(\d+)", status)[0])
    ticks = (folder / "stat").read_text().rsplit(")", 1)[1].split()
    cpu = (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=20) as response:
        metrics = response.read().decode()
    lag, waiting = (
        sum(int(float(n)) for n in re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", metrics, re.MULTILINE))
        for name in ("sentinel_consumer_lag_messages", "sentinel_join_pending")
    )
    files = len(list((folder / "fd").iterdir()))
    return Sample(time.monotonic() - begin, anonymous, files, threads, lag, waiting, cpu)


def soak(minutes: float, per_second: float, part: int, scratch: Path) -> list[Sample]:
    """Run, and return the samples."""
    build_baseline(scratch / "churn.baseline")
    (scratch / "kafka").mkdir()
    limits = {"retention.bytes": "1000000000", "segment.bytes": "67108864"}
    with start_broker(scratch / "kafka") as broker:
        deployment = Run(broker, scratch, scratch / "churn.baseline", 6, random.Random(0))
        deployment.create(limits)
        config = deployment.config("soaked")
        address = re.findall(r"listen: (\S+)", config.read_text())[0]
        n_parts = max(1, round(minutes * 60 * per_second / (2 * part)))
        topics = deployment.topics["predictions"], deployment.topics["outcomes"]
        command = [sys.executable, "-m", "benchmarks._chaos_events", broker.bootstrap, *topics, "--n", str(part)]
        command += ["--seed", "1", "--per-second", str(per_second), "--parts", str(n_parts)]
        daemon = [sys.executable, "-m", "sentinel", "run", "--config", str(config)]
        with (scratch / "soaked.log").open("wb") as log:
            watched = subprocess.Popen(daemon, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT)
            producer = subprocess.Popen(command, cwd=ROOT)
            samples: list[Sample] = []
            begin = time.monotonic()
            try:
                while producer.poll() is None:
                    time.sleep(SAMPLE_SECONDS)
                    if watched.poll() is not None:
                        raise RuntimeError((scratch / "soaked.log").read_text(errors="replace")[-3_000:])
                    samples.append(look(watched.pid, address, begin))
                    print(json.dumps(samples[-1]._asdict()), flush=True)
            finally:
                for process in (producer, watched):
                    process.kill()
                    process.wait()
    return samples


def main() -> int:
    """Run and print the growth."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--per-second", type=float, default=40_000.0)
    parser.add_argument("--part", type=int, default=PART, help="predictions in 28 hours of event time")
    parser.add_argument("--quick", action="store_true", help="two minutes")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sentinel-soak-") as folder:
        samples = soak(2.0 if given.quick else given.minutes, given.per_second, given.part, Path(folder))
    quarter = len(samples) // 4
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]
    for name in ("anonymous_mib", "open_files", "threads", "lag", "waiting"):
        before, after = (statistics.median(getattr(sample, name) for sample in some) for some in (early, late))
        print(f"{name}: median {before:.0f} in the second quarter, {after:.0f} in the last")
    last = samples[-1]
    print(f"CPU: {last.cpu_seconds / last.second:.2f} of a core")
    return 0


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.exit(main())
