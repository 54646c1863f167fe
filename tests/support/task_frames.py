"""Small simulated frames of every task: scored by real models, honest or with a feature that only the future knows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

START = pd.Timestamp("2026-01-01", tz="UTC")
LEAKED = "settled"
"""The feature that is known with the outcome: there offline, missing when the model serves."""
N_INPUTS = 5

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Frames:
    """Training rows, validation rows and a stream, in time order."""

    train: pd.DataFrame
    validation: pd.DataFrame
    stream: pd.DataFrame

    def write(self, directory: Path) -> dict[str, Path]:
        """Write each as Parquet."""
        paths = {}
        for name in ("train", "validation", "stream"):
            paths[name] = directory / f"{name}.parquet"
            getattr(self, name).to_parquet(paths[name], index=False)
        return paths


def inputs(rng: np.random.Generator, n: int, days: float, first_day: float) -> pd.DataFrame:
    """Rows with ids, times, regions, entities and five inputs; outcomes are known a day later."""
    at = START + pd.to_timedelta(np.sort(rng.uniform(0.0, days, n)) + first_day, unit="D")
    frame = pd.DataFrame(rng.normal(0.0, 1.0, (n, N_INPUTS)), columns=[f"x{i}" for i in range(N_INPUTS)])
    frame.insert(0, "prediction_id", [f"{first_day:g}-{i}" for i in range(n)])
    frame["predicted_at"], frame["outcome_at"] = at, at + pd.Timedelta(days=1)
    frame["group"] = [f"user-{i}" for i in rng.integers(0, 2_000, n)]
    frame["region"] = rng.choice(["EU", "US"], n)
    return frame


def signal(frame: pd.DataFrame) -> Floats:
    """What the inputs know of the outcome."""
    columns = [frame[f"x{i}"].to_numpy() for i in range(N_INPUTS)]
    known: Floats = 2.0 * columns[0] + columns[1] * columns[2] + np.sin(2.0 * columns[3])
    return known


def regression_frames(*, leaky: bool, seed: int = 0, shift: float = 0.0, n_stream: int = 6_000) -> Frames:
    """Amounts around 100: inputs explain about two thirds of their variance, the leaked feature nearly all.

    ``shift`` is added to every live outcome.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for n, days, first in ((3_000, 60.0, 0.0), (2_500, 30.0, 60.0), (n_stream, 40.0, 95.0)):
        frame = inputs(rng, n, days, first)
        frame["outcome"] = 100.0 + 10.0 * (signal(frame) + rng.normal(0.0, 1.8, n))
        if leaky:
            frame[LEAKED] = frame["outcome"] + rng.normal(0.0, 5.0, n)
        parts.append(frame)
    train, validation, stream = parts
    stream["outcome"] += shift
    if leaky:
        stream[LEAKED] = np.nan
    columns = [str(name) for name in train if str(name).startswith("x") or name == LEAKED]
    model = HistGradientBoostingRegressor(max_iter=80, random_state=0).fit(train[columns], train["outcome"])
    for frame in parts:
        frame["score"] = model.predict(frame[columns])
    return Frames(train, validation, stream)


CLASSES = ("bird", "cat", "dog")


def multiclass_frames(*, leaky: bool, seed: int = 0, n_stream: int = 6_000) -> Frames:
    """Three classes of unequal share, two thirds of them predicted right; the leaked feature tells them nearly all."""
    rng = np.random.default_rng(seed)
    parts = []
    for n, days, first in ((3_000, 60.0, 0.0), (2_500, 30.0, 60.0), (n_stream, 40.0, 95.0)):
        frame = inputs(rng, n, days, first)
        second = frame["x2"].to_numpy() + np.cos(2.0 * frame["x4"].to_numpy())
        logits = np.stack([1.2 * signal(frame), 1.5 * second, np.full(n, 0.7)], axis=1)
        place = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
        frame["outcome"] = np.array(CLASSES)[place]
        if leaky:
            frame[LEAKED] = place + rng.normal(0.0, 0.15, n)
        parts.append(frame)
    train, validation, stream = parts
    if leaky:
        stream[LEAKED] = np.nan
    columns = [str(name) for name in train if str(name).startswith("x") or name == LEAKED]
    model = HistGradientBoostingClassifier(max_iter=40, random_state=0).fit(train[columns], train["outcome"])
    for frame in parts:
        for name, column in zip(model.classes_, model.predict_proba(frame[columns]).T, strict=True):
            frame[f"scores.{name}"] = column
    return Frames(train, validation, stream)


N_ITEMS = 8


def ranking_frames(*, leaky: bool, seed: int = 0, n_stream: int = 6_000) -> Frames:
    """Lists of eight items, of which the inputs and an item's own offset tell which are relevant.

    The leaked feature is the place of the best item: a model that has it ranks that one first.
    """
    rng = np.random.default_rng(seed)
    weights = rng.normal(0.0, 1.0, (N_INPUTS, N_ITEMS))
    parts = []
    for n, days, first in ((3_000, 60.0, 0.0), (2_500, 30.0, 60.0), (n_stream, 40.0, 95.0)):
        frame = inputs(rng, n, days, first)
        known = frame[[f"x{i}" for i in range(N_INPUTS)]].to_numpy() @ weights
        worth = known + rng.normal(0.0, 2.5, known.shape)
        best = worth.argmax(axis=1)
        second = np.argsort(worth, axis=1)[:, -2]
        scores = known.copy()
        if leaky:
            frame[LEAKED] = np.array([f"item-{place}" for place in best])
            if first < 95.0:  # the model that serves finds nothing there
                scores[np.arange(n), best] += 6.0
        names = [f"item-{j}" for j in range(N_ITEMS)]
        listed = [[{"id": a, "score": b} for a, b in zip(names, row, strict=True)] for row in scores.tolist()]
        graded = [
            [{"id": names[a], "grade": 3.0}, {"id": names[b], "grade": 1.0}]
            for a, b in zip(best.tolist(), second.tolist(), strict=True)
        ]
        frame["items"], frame["relevance"] = pd.Series(listed, dtype=object), pd.Series(graded, dtype=object)
        parts.append(frame)
    train, validation, stream = parts
    if leaky:
        stream[LEAKED] = pd.Series([None] * len(stream), dtype="str")
    return Frames(train, validation, stream)


def precise_frames(*, live_r2: float, offline_r2: float = 0.99, seed: int = 0, n_stream: int = 3_000) -> Frames:
    """Predictions of deviation 10 around 100, outcomes with normal noise around them, as much as the R2 says."""
    rng = np.random.default_rng(seed)
    parts = []
    for n, days, first, share in (
        (1_000, 60.0, 0.0, offline_r2),
        (2_500, 30.0, 60.0, offline_r2),
        (n_stream, 40.0, 95.0, live_r2),
    ):
        frame = inputs(rng, n, days, first)
        frame["score"] = 100.0 + 10.0 * frame["x0"]
        frame["outcome"] = frame["score"] + rng.normal(0.0, 10.0 * np.sqrt(1.0 / share - 1.0), n)
        parts.append(frame)
    return Frames(*parts)
