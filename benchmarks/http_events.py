"""Events posted to a real daemon: how many a second are acknowledged, at what CPU and latency, by events in a request.

Clients are threads of this process, each with one connection that is kept; they send bodies made beforehand and wait
for each answer. CPU is that of the whole daemon, counting included, until all was counted. The disk decides what a
write costs: what one fsync takes here is measured beside it.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from sentinel.cli import main as sentinel
from sentinel.simulation import simulate
from sentinel.simulation.events import events
from sentinel.simulation.files import write_files
from tests.support.daemon import DaemonProcess, daemon_on
from tests.support.http_daemon import batches, write_http_config

SIZES: Final = (1, 100, 1_000)
CLIENTS: Final = 8
REQUESTS: Final = {1: 6_000, 100: 700, 1_000: 90}
QUICK_PART: Final = 6
"""The quick mode sends a sixth of the requests."""
TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the answer."""

    size: int
    per_second: float
    cpu_us: float
    p50_ms: float
    p99_ms: float


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _client(address: tuple[str, int], requests: Sequence[bytes], seconds: list[float]) -> None:
    with socket.create_connection(address) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for request in requests:
            started = time.perf_counter()
            connection.sendall(request)
            answer = connection.recv(65_536)
            while not answer.endswith(b"}\n"):
                answer += connection.recv(65_536)
            if not answer.startswith(b"HTTP/1.1 202"):
                raise RuntimeError(answer[:200].decode())
            seconds.append(time.perf_counter() - started)


def _request(body: bytes) -> bytes:
    head = "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _lag(daemon: DaemonProcess) -> float:
    lines = daemon.get("/metrics").decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("sentinel_consumer_lag_messages{"))


def _measure(daemon: DaemonProcess, bodies: Sequence[bytes], size: int, n_clients: int) -> Result:
    host, _, port = daemon.address.partition(":")
    pid = daemon.pid
    before = _cpu_seconds(pid)
    parts = [[_request(body) for body in bodies[i::n_clients]] for i in range(n_clients)]
    seconds: list[list[float]] = [[] for _ in parts]
    threads = [
        threading.Thread(target=_client, args=((host, int(port)), part, into))
        for part, into in zip(parts, seconds, strict=True)
    ]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - started
    while _lag(daemon) > 0:
        time.sleep(0.5)  # each look is a scrape
    n = sum(body.count(b"\n") for body in bodies)
    latencies = np.array([each for some in seconds for each in some]) * 1_000
    cpu_us = (_cpu_seconds(pid) - before) / n * 1e6
    return Result(size, n / took, cpu_us, *np.percentile(latencies, [50, 99]).tolist())


def _fsync_ms(directory: Path) -> float:
    times = []
    with (directory / "probe").open("wb") as file:
        for _ in range(100):
            file.write(bytes(4_096))
            file.flush()
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - started)
    return float(np.median(times)) * 1_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--no-fsync", action="store_true")
    parser.add_argument("--quick", action="store_true", help=f"one request in {QUICK_PART}")
    options = parser.parse_args(arguments)
    part = QUICK_PART if options.quick else 1
    with TemporaryDirectory() as name:
        folder = Path(name)
        simulated = simulate("clean", seed=1, n_train=2_000, n_validation=2_000, n_stream=90_000 // part)
        files = write_files(simulated, folder / "data")
        baseline = folder / "model.baseline"
        build = ["--quiet", "--config", str(files.config), "--validation", str(files.validation)]
        sentinel(["baseline", "build", *build, "--output", str(baseline)])
        queue = list(events(simulated.stream, model="churn", version="1", slices=simulated.slices))
        http = {"fsync": not options.no_fsync}
        config = write_http_config(
            folder / "s.yaml", baseline=baseline, state=folder / "state", slices=simulated.slices, http=http
        )
        text = config.read_text().replace("300ms", "5s").replace("interval: 1s", "interval: 15s")
        config.write_text(text.replace("directory:", "fsync: false\n  directory:") if options.no_fsync else text)
        n_bytes = sum(len(event.payload) for event in queue) / len(queue)
        print(f"one fsync of 4 KiB: {_fsync_ms(folder):.2f} ms; {n_bytes:.0f} bytes an event")
        print("events/request   events/s   CPU us/event   p50 ms   p99 ms")
        with daemon_on(folder, config) as daemon:
            daemon.start()
            daemon.wait_ready()
            for size in SIZES:
                n = size * (REQUESTS[size] // part)
                taken, queue = queue[:n], queue[n:]
                result = _measure(daemon, batches(taken, size), size, options.clients)
                print(
                    f"{result.size:14} {result.per_second:10.0f} {result.cpu_us:14.1f} "
                    f"{result.p50_ms:8.1f} {result.p99_ms:8.1f}"
                )
            daemon.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
