"""The well-known tools and simple rules on the same streams as sentinel: who alarms, when, and who says why.

Each tool gets an environment of its own (they exclude one another), made on first use. A folder of more streams, each
a folder with train.parquet, validation.parquet and stream.parquet, can be named with --data: its name tells the truth
where it holds ``honest`` or ``leaky``.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from river.drift import ADWIN

from sentinel import cli
from sentinel.diagnosis.report import Cause
from sentinel.simulation.files import write_files
from sentinel.simulation.learner import auc
from sentinel.simulation.trials import HELD_OUT, plan_trials, play

TOOLS: Final = ("nannyml", "evidently", "deepchecks")
SCRIPTS: Final = Path(__file__).parent / "peer_tools"
QUIET: Final = {"NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1", "DEEPCHECKS_DISABLE_LATEST": "true"}
ENVELOPE: Final = ("prediction_id", "predicted_at", "outcome_at", "score", "outcome", "group", "feature_times")
METHODS: Final = {
    "SentinelOfflineOnlineGap": "sentinel: gap raised",
    "SentinelLeakageSuspected": "sentinel: leakage named",
}
LOOK_ROWS: Final = 200
WINDOW_ROWS: Final = 2_000
Found = dict[str, int | None]


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream on disk: its folder, its true family (none, leakage, pipeline, drift), its size and gap."""

    folder: Path
    family: str
    n: int
    gap: float


@dataclass(slots=True)
class Row:
    """How one method did."""

    alarmed: dict[str, list[bool]] = field(default_factory=dict)
    delays: list[float] = field(default_factory=list)
    seconds: float = 0.0


def simple_rules(validation: pd.DataFrame, stream: pd.DataFrame) -> Found:
    """ADWIN on the error, "AUC drop > .05" and a sliding z-test, in rows of the stream."""
    outcomes, scores = stream["outcome"].to_numpy(), stream["score"].to_numpy()
    detector, adwin = ADWIN(), None  # type: ignore[no-untyped-call]
    for at, wrong in enumerate(((scores >= 0.5) != outcomes).tolist()):
        detector.update(float(wrong))  # type: ignore[no-untyped-call]
        if detector.drift_detected:
            adwin = at + 1
            break
    offline_auc = auc(validation["outcome"].to_numpy(), validation["score"].to_numpy())
    errors = ((validation["score"] >= 0.5) != validation["outcome"]).to_numpy()
    drop = sliding = None
    for end in range(LOOK_ROWS, len(stream) + 1, LOOK_ROWS):
        window = slice(max(0, end - WINDOW_ROWS), end)
        seen = outcomes[window]
        if drop is None and 0 < seen.sum() < len(seen) and offline_auc - auc(seen, scores[window]) > 0.05:
            drop = end
        live = float(((scores[window] >= 0.5) != seen).mean())
        deviation = math.sqrt(max(errors.mean() * (1.0 - errors.mean()), 1e-9) / len(seen))
        if sliding is None and (live - errors.mean()) / deviation > 3.0:
            sliding = end
    return {"ADWIN on the error": adwin, "AUC drop > .05": drop, "sliding z-test > 3": sliding}


def sentinel(stream: Stream) -> Found:
    """The product, as its command line runs it: gap raised, and leakage named."""
    folder = stream.folder
    config, baseline, report = (str(folder / name) for name in ("sentinel.yaml", "b.baseline", "report.json"))
    build = ["baseline", "build", "--config", config, "--validation", str(folder / "validation.parquet")]
    if (folder / "train.parquet").exists():
        build += ["--train", str(folder / "train.parquet")]
    if (folder / "manifest.yaml").exists():
        build += ["--manifest", str(folder / "manifest.yaml")]
    replay = ["replay", "--config", config, "--baseline", baseline, "--stream", str(folder / "stream.parquet")]
    with contextlib.redirect_stdout(io.StringIO()):
        failed = cli.main([*build, "--output", baseline, "--quiet"])
        failed = failed or cli.main([*replay, "--report", report, "--quiet"])
    if failed:
        raise SystemExit(f"sentinel failed on {folder}")
    alerts = json.loads(Path(report).read_text())["alerts"]
    first: Found = dict.fromkeys(METHODS.values())
    for alert in alerts:
        method = METHODS.get(alert["name"])
        if method and alert["n_outcomes"] < (first[method] or math.inf):
            first[method] = alert["n_outcomes"]
    return first


def environment(tool: str, root: Path) -> Path:
    """The interpreter of a tool's own environment, made if it is not there."""
    python = root / tool / "bin" / "python"
    if not python.exists():
        print(f"making an environment for {tool} in {root / tool}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", root / tool], check=True)
        wanted = SCRIPTS / f"requirements-{tool}.txt"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", wanted], check=True)
    return python


def run_tool(tool: str, root: Path, streams: Iterable[Stream]) -> Iterator[tuple[Stream, Found, float]]:
    """A tool on every stream, each in a process of its own: an error there is a result, not the end."""
    python = environment(tool, root)
    for stream in streams:
        started = os.times()
        ended = subprocess.run(
            [python, SCRIPTS / f"run_{tool}.py", stream.folder],
            capture_output=True, text=True, check=False, env={**os.environ, **QUIET}, timeout=600,
        )  # fmt: skip
        seconds = os.times().children_user - started.children_user
        if ended.returncode:
            print(f"{tool} failed on {stream.folder.name}: {ended.stderr.strip().splitlines()[-1]}", flush=True)
            continue
        yield stream, json.loads(ended.stdout.strip().splitlines()[-1])["found"], seconds


def simulated(root: Path, n: int, seed: int) -> Iterator[Stream]:
    """Streams of the generator that the scorecard never saw."""
    for i, plan in enumerate(plan_trials(HELD_OUT, n, seed)):
        played = play(plan)
        folder = root / f"{i:03d}-{plan.cause}"
        folder.mkdir(parents=True)
        write_files(played, folder)
        yield _stream(folder, Cause(plan.cause).family)


def given(root: Path, data: Path) -> Iterator[Stream]:
    """Streams from elsewhere, in the canonical columns."""
    for source in sorted(path.parent for path in data.rglob("stream.parquet")):
        folder = root / "-".join(source.relative_to(data).parts)
        folder.mkdir(parents=True)
        for part in ("train", "validation", "stream"):
            (folder / f"{part}.parquet").symlink_to((source / f"{part}.parquet").resolve())
        (folder / "sentinel.yaml").write_text('apiVersion: sentinel/v1\nmodels: [{name: m, version: "1"}]\n')
        yield _stream(folder, "leakage" if "leaky" in folder.name else "none")


def _stream(folder: Path, family: str) -> Stream:
    validation, stream = (pd.read_parquet(folder / f"{part}.parquet") for part in ("validation", "stream"))
    features = [name for name in validation.columns if name not in ENVELOPE]
    (folder / "features.json").write_text(json.dumps(features))
    offline, online = (auc(frame["outcome"].to_numpy(), frame["score"].to_numpy()) for frame in (validation, stream))
    return Stream(folder, family, len(stream), offline - online)


def note(rows: dict[str, Row], stream: Stream, found: Found, seconds: float) -> None:
    """Add one result to the table."""
    for method, at in found.items():
        row = rows.setdefault(method, Row())
        row.alarmed.setdefault(stream.family, []).append(at is not None)
        row.seconds += seconds
        if stream.family == "leakage" and at is not None:
            row.delays.append(at)


def table(rows: dict[str, Row], families: list[str]) -> Iterator[str]:
    """Markdown: share of streams that each method alarmed on, by what was true."""
    yield f"| method | {' | '.join(families)} | median delay (leakage) | CPU s |"
    yield f"|---|{'---|' * len(families)}---|---|"
    for method, row in rows.items():
        shares = [f"{sum(hits)}/{len(hits)}" for hits in (row.alarmed.get(family, []) for family in families)]
        delay = f"{np.median(row.delays):,.0f}" if row.delays else "-"
        yield f"| {method} | {' | '.join(shares)} | {delay} | {row.seconds:.0f} |"


def main() -> None:
    """Make the environments, run everything, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="twelve streams, and only the tools that are installed")
    parser.add_argument("--streams", type=int, default=48, help="simulated streams")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--data", type=Path, help="folder of more streams")
    parser.add_argument("--environments", type=Path, default=Path(".cache/peers"), help="where the tools are installed")
    args = parser.parse_args()
    root = args.environments.absolute()
    tools = [tool for tool in TOOLS if not args.quick or (root / tool).exists()]
    rows: dict[str, Row] = {}
    with tempfile.TemporaryDirectory() as name:
        streams = list(simulated(Path(name) / "simulated", 12 if args.quick else args.streams, args.seed))
        if args.data is not None:
            streams += given(Path(name) / "given", args.data)
        for stream in streams:
            started = time.process_time()
            found = sentinel(stream)
            note(rows, stream, found, time.process_time() - started)
            frames = (pd.read_parquet(stream.folder / f"{part}.parquet") for part in ("validation", "stream"))
            started = time.process_time()
            found = simple_rules(*frames)
            note(rows, stream, found, time.process_time() - started)
        for tool in tools:
            for stream, found, seconds in run_tool(tool, root, streams):
                note(rows, stream, found, seconds)
        families = sorted({stream.family for stream in streams})
        print("\n".join(table(rows, families)))
        print(f"\n{len(streams)} streams; a leak counts whatever its size; a tool that is missing was not installed.")


if __name__ == "__main__":
    main()
