"""Two collectors against one, on the same topics: how much faster a backlog is worked off.

    python -m benchmarks.scale_out [--messages 1200000] [--rounds 3] [--quick]

A backlog is written first. Then one collector reads it as a group of its own, then two as another, in turn; each is a
``sentinel run --role collector`` process with a ledger. The rate is that between 10 % and 90 % of the backlog, so that
starting and rebalancing are left out; CPU is that of all collectors over that time. The broker runs beside them, so on
two cores the ratio is bounded by what it takes: that is printed, too.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

from benchmarks.chaos import ROOT, Run, build_baseline
from tests.support.kafka_broker import KafkaBroker, start_broker, unique_name

FROM, TO = 0.1, 0.9
WAIT_SECONDS = 600.0


class Rate(NamedTuple):
    """Messages a second, and the cores that collectors and broker took for it."""

    per_second: float
    collector_cores: float
    broker_cores: float


def cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def counted(addresses: list[str]) -> int:
    """Messages that the collectors have counted."""
    total = 0
    for address in addresses:
        try:
            with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as response:
                text = response.read().decode()
        except OSError:
            continue
        total += sum(int(float(n)) for n in re.findall(r"^sentinel_events_total\{.*\} (\S+)$", text, re.MULTILINE))
    return total


def measure(deployment: Run, broker_pid: int, n_messages: int, n_collectors: int) -> Rate:
    """Work the backlog off with some collectors."""
    deployment.group = unique_name("scale")
    names = [unique_name(f"collector-{i}") for i in range(n_collectors)]
    deployment.topics["summaries"] = unique_name("summaries")
    deployment.broker.create_topic(
        deployment.topics["summaries"], deployment.n_partitions, {"cleanup.policy": "compact"}
    )
    members = [deployment.add(name) for name in names]
    addresses = [re.findall(r"listen: (\S+)", member.config.read_text())[0] for member in members]
    for member in members:
        member.start()
    pids = [member.process.pid for member in members if member.process is not None]
    marks: list[tuple[float, float, float]] = []
    deadline = time.monotonic() + WAIT_SECONDS
    try:
        for share in (FROM, TO):
            while counted(addresses) < share * n_messages:
                deployment.check()
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{n_collectors} collectors did not count {share:.0%} of the backlog in time")
                time.sleep(0.2)
            marks.append((time.monotonic(), sum(map(cpu_seconds, pids)), cpu_seconds(broker_pid)))
    finally:
        for name in names:
            deployment.members.pop(name).end(signal.SIGKILL)
    (begin, cpu, broker), (end, cpu_end, broker_end) = marks
    wall = end - begin
    return Rate((TO - FROM) * n_messages / wall, (cpu_end - cpu) / wall, (broker_end - broker) / wall)


def fill(deployment: Run, n_messages: int) -> int:
    """Write the backlog."""
    topics = deployment.topics["predictions"], deployment.topics["outcomes"]
    command = [sys.executable, "-m", "benchmarks._chaos_events", deployment.broker.bootstrap, *topics]
    command += ["--n", str(n_messages // 2), "--seed", "1", "--per-second", "1e9"]
    return int(subprocess.run(command, check=True, capture_output=True, cwd=ROOT).stdout)


def broker_pid(broker: KafkaBroker) -> int:
    """Of a broker that this process started."""
    if broker.server is None:
        raise RuntimeError("the broker has to be one of our own")
    (pid,) = broker.server.pids()
    return pid


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=1_200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    n_messages, rounds = (200_000, 1) if given.quick else (given.messages, given.rounds)
    with tempfile.TemporaryDirectory(prefix="sentinel-scale-") as folder:
        scratch = Path(folder)
        build_baseline(scratch / "churn.baseline")
        (scratch / "kafka").mkdir()
        with start_broker(scratch / "kafka") as broker:
            deployment = Run(broker, scratch, scratch / "churn.baseline", 6, random.Random(0))
            deployment.create()
            written = fill(deployment, n_messages)
            measure(deployment, broker_pid(broker), written, 1)  # the broker warms up, and the page cache
            rates: dict[int, list[Rate]] = {1: [], 2: []}
            for _ in range(rounds):
                for n, taken in rates.items():
                    taken.append(measure(deployment, broker_pid(broker), written, n))
    for n, some in rates.items():
        per_second, cores, broker_cores = (statistics.median(column) for column in zip(*some, strict=True))
        print(f"{n} collectors: {per_second:,.0f} messages/s, {cores:.2f} cores, the broker {broker_cores:.2f}")
    one, two = (statistics.median(rate.per_second for rate in rates[n]) for n in (1, 2))
    print(f"two against one: {two / one:.2f}")
    return 0


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.exit(main())
