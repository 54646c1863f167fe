"""Offline data with one planted leak each, and what the estimate would have been without it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

F64 = npt.NDArray[np.float64]
N_TRAIN, N_VALIDATION, N_FRESH = 4_000, 2_000, 10_000
START: Final = pd.Timestamp("2026-01-01", tz="UTC")
DAYS: Final = 120
FEATURES: Final = tuple(f"x{i}" for i in range(8))
_ROLES: Final = ("prediction_id", "predicted_at", "outcome_at", "score", "outcome", "group")
Frame = pd.DataFrame
Fit = Callable[[pd.DataFrame, pd.DataFrame], F64]


@dataclass(frozen=True, slots=True)
class Planted:
    """One offline evaluation.

    ``check`` is what ought to see it, ``cause`` what it is; both are empty where nothing was planted. ``honest_auc``
    is the area on fresh rows that the leak does not touch, None where that says nothing: of the same model, or of one
    without the leaking column.
    """

    train: Frame
    validation: Frame
    check: str
    cause: str
    honest_auc: float | None = None
    manifest: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    fit_with: Fit | None = None


@dataclass(slots=True)
class World:
    """Rows of entities over time, whose outcome follows five of eight numbers, a plan and, if asked, the entity."""

    rng: np.random.Generator
    entity_effect: float = 0.0
    day_effect: float = 0.0
    n_entities: int = 6_000
    _entities: F64 = field(init=False)
    _days: F64 = field(init=False)

    def __post_init__(self) -> None:
        self._entities = self.rng.normal(size=self.n_entities)
        self._days = self.rng.normal(size=DAYS)

    def draw(
        self, n: int, *, entities: npt.NDArray[np.int64] | None = None, days: tuple[int, int] = (0, DAYS)
    ) -> Frame:
        """Rows with their outcomes; entities as given, or any."""
        rng = self.rng
        who = rng.integers(0, self.n_entities, n) if entities is None else rng.choice(entities, n)
        x = rng.normal(size=(n, len(FEATURES)))
        day = rng.uniform(*days, n)
        plan = rng.choice(["free", "pro", "team"], n, p=[0.6, 0.3, 0.1])
        logit = 0.9 * x[:, 0] - 0.7 * x[:, 1] + 0.5 * x[:, 2] + 0.4 * x[:, 3] * x[:, 4] + 0.6 * (plan == "pro") - 1.0
        logit += self.entity_effect * self._entities[who] + self.day_effect * self._days[day.astype(int) % DAYS]
        outcome = (rng.random(n) < 1.0 / (1.0 + np.exp(-logit))).astype(np.int64)
        at = START + pd.to_timedelta(day, unit="D").round("ms")
        return pd.DataFrame(
            {
                "prediction_id": [f"{rng.integers(1 << 60):015x}" for _ in range(n)],
                "predicted_at": at,
                "outcome_at": at + pd.to_timedelta(rng.exponential(2.0, n), unit="D").round("ms"),
                "group": [f"user-{i}" for i in who],
                **{name: x[:, j] for j, name in enumerate(FEATURES)},
                "plan": plan,
                "outcome": outcome,
            }
        )

    def split(self) -> tuple[Frame, Frame, Frame]:
        """Training, validation and fresh rows in time order, of entities of their own: nothing leaks."""
        order = self.rng.permutation(self.n_entities)
        cut = self.n_entities // 2
        first = self.draw(N_TRAIN, entities=order[:cut], days=(0, 70))
        second = self.draw(N_VALIDATION, entities=order[cut:], days=(80, 100))
        return first, second, self.draw(N_FRESH, entities=order[cut:], days=(100, DAYS))


def inputs(rows: Frame) -> F64:
    """Features as the model sees them: numbers as they are, -9 where missing; the plan by its code."""
    columns = []
    for name in rows.columns:
        if name in _ROLES or name.endswith("_at"):
            continue
        values = rows[name]
        if values.dtype == object or isinstance(values.dtype, pd.StringDtype):
            if isinstance(values.iloc[0], str):
                columns.append(values.map({"free": 0.0, "pro": 1.0, "team": 2.0}).fillna(-1.0).to_numpy(np.float64))
            continue
        columns.append(values.astype(np.float64).fillna(-9.0).to_numpy())
    return np.stack(columns, axis=1)


def area(outcomes: Any, scores: Any) -> float:
    """AUC by ranks."""
    y, s = np.asarray(outcomes, bool), pd.Series(np.asarray(scores)).rank().to_numpy()
    n1 = int(y.sum())
    return float((s[y].sum() - n1 * (n1 + 1) / 2) / (n1 * (len(y) - n1)))


def forest(train: Frame, rows: Frame, *, seed: int = 0, leaf: int = 2) -> F64:
    """Fit a forest to training rows and score others."""
    used = rows[[name for name in train.columns if name in rows.columns]]
    fitted = RandomForestClassifier(150, min_samples_leaf=leaf, n_jobs=1, random_state=seed)
    fitted.fit(inputs(train[used.columns]), train["outcome"])
    return np.asarray(fitted.predict_proba(inputs(used))[:, 1])


def scored(
    train: Frame, validation: Frame, fresh: Frame | None, rng: np.random.Generator, *, leaf: int = 2
) -> tuple[Frame, float | None]:
    """Fit a forest to the training rows; validation rows with its score, and its area on fresh rows."""
    every = validation if fresh is None else pd.concat([validation, fresh[validation.columns]], ignore_index=True)
    scores = forest(train, every, seed=int(rng.integers(1 << 31)), leaf=leaf)
    judged = validation.assign(score=scores[: len(validation)])
    return judged, None if fresh is None else area(fresh["outcome"], scores[len(validation) :])
