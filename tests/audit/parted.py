"""Rows with something of everything, and an engine that parts them among pickled copies as a cluster does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sentinel.audit.engine import Fold, Tell
from sentinel.audit.files.reading import TableFile
from sentinel.audit.findings import AuditReport
from sentinel.config.audit import Audit
from sentinel.config.model import Model
from sentinel.events.schema import Task
from sentinel.ingest.spark.copies import Received, Sent

N_TRAIN, N_VALIDATION = 3_000, 1_500


class PartedEngine:
    """Deals row groups out to copies in random order; copies are pickled as Spark's workers get them.

    Parameters
    ----------
    seed : int
    n_copies : int
    """

    def __init__(self, seed: int, n_copies: int = 3) -> None:
        self._rng = np.random.default_rng(seed)
        self._n_copies = n_copies

    def run(self, file: TableFile, columns: Sequence[str], fold: Fold, tell: Tell, phase: str) -> None:
        """As the protocol says."""
        fold.add(file.schema.empty_table().select(list(columns)), np.empty(0, np.int64))
        sent = Sent(fold)
        dealt = self._rng.permutation(len(file.pieces))
        replies = []
        for places in np.array_split(dealt, self._n_copies):
            received = Received[Fold](sent.payload)
            for place in places.tolist():
                piece = file.pieces[place]
                first = piece.first
                for table in piece.batches(columns, file.batch_rows):
                    received.copy.add(table, np.arange(first, first + table.num_rows))
                    first += table.num_rows
            replies.append(received.reply())
        for at in self._rng.permutation(len(replies)).tolist():
            fold.merge(sent.returned(replies[at]))
        tell(file.n_rows, file.n_rows, phase)


def mixed_model(task: Task = "binary") -> Model:
    """Every kind of column; a sample that leaves most rows out."""
    return Model(
        name="mixed",
        version="1",
        task=task,
        audit=Audit(sample_rows=1_000, attributions={"x0": "shap_x0"}, known_at={"x1": "x1_at"}),
    )


def mixed_files(folder: Path, seed: int = 3, task: Task = "binary") -> tuple[Path, Path]:
    """Write training and validation rows, each in two files of several row groups; a tenth of the latter are copies."""
    rng = np.random.default_rng(seed)
    train = _rows(rng, N_TRAIN, first=0)
    copies = train.iloc[: N_VALIDATION // 10].assign(score=train["outcome"][: N_VALIDATION // 10] * 0.9)
    validation = pd.concat([copies, _rows(rng, N_VALIDATION - len(copies), first=N_TRAIN)], ignore_index=True)
    sides = folder / "train", folder / "validation"
    for side, frame in zip(sides, (train, validation), strict=True):
        side.mkdir(parents=True)
        table = pa.Table.from_pandas(_of_task(frame, task, rng), preserve_index=False)
        pq.write_table(table.slice(0, 1_000), side / "part-0.parquet", row_group_size=300)
        pq.write_table(table.slice(1_000), side / "part-1.parquet", row_group_size=700)
    return sides


def _rows(rng: np.random.Generator, n: int, *, first: int) -> pd.DataFrame:
    numbers = np.arange(first, first + n)
    at = np.datetime64("2026-01-01", "us") + numbers * np.timedelta64(600, "s")
    signal = rng.normal(size=n)
    outcome = (rng.random(n) < 1.0 / (1.0 + np.exp(-signal))).astype(np.int64)
    words = np.array(["red", "green", "blue", "grey", "teal", "pink"])
    return pd.DataFrame(
        {
            "prediction_id": [f"p{number}" for number in numbers],
            "predicted_at": at,
            "outcome_at": at + rng.integers(1, 30, n) * np.timedelta64(1, "D"),
            "score": 1.0 / (1.0 + np.exp(-signal - rng.normal(0, 0.5, n))),
            "outcome": outcome,
            "group": [f"g{entity}" for entity in rng.integers(0, 400, n)],
            "x0": signal,
            "x1": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "x1_at": at - rng.integers(-2, 30, n) * np.timedelta64(1, "h"),
            "shap_x0": signal * 0.3,
            "count": rng.poisson(3, n),
            "gives_away": outcome + rng.normal(0, 0.05, n),
            "constant": 1.0,
            "colour": words[rng.integers(0, 6, n)],
            "note": [" ".join(words[rng.integers(0, 6, 12)]) + f" {number}" for number in numbers],
            "serial": [f"s{number}" for number in numbers],
            "known_since": at - rng.integers(1, 900, n) * np.timedelta64(1, "h"),
            "vector": list(rng.normal(size=(n, 8)).astype(np.float32)),
        }
    )


def _of_task(frame: pd.DataFrame, task: Task, rng: np.random.Generator) -> pd.DataFrame:
    """The same rows with outcomes and scores of another task."""
    if task == "regression":
        return frame.assign(outcome=frame["x0"] + rng.normal(size=len(frame)), score=frame["x0"])
    if task == "multiclass":
        chances = rng.dirichlet([1.0, 1.0, 1.0], len(frame))
        names = np.array(["bus", "car", "train"])
        scores = {f"scores.{name}": chances[:, c] for c, name in enumerate(names)}
        frame = frame.drop(columns="score").assign(**scores)
        frame["outcome"] = names[(chances.cumsum(axis=1) < rng.random((len(frame), 1))).sum(axis=1).clip(max=2)]
    return frame


def timeless(report: AuditReport) -> AuditReport:
    """The report without how long anything took."""
    checks = tuple(msgspec.structs.replace(check, seconds=0.0) for check in report.checks)
    return msgspec.structs.replace(report, checks=checks, elapsed_seconds=0.0)
