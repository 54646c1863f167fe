"""Scored rows for baseline tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

START = pd.Timestamp("2026-01-05", tz="UTC")


def scored_rows(n: int = 3_000, seed: int = 1) -> pd.DataFrame:
    """Rows of a made-up model: numbers, categories, missing values, a default, and outcomes that follow the score."""
    rng = np.random.default_rng(seed)
    score = np.round(rng.beta(2, 5, n), 9)
    plan = rng.choice(["pro", "free", "basic"], n, p=[0.5, 0.3, 0.2]).astype(object)
    plan[rng.random(n) < 0.05] = None
    age = rng.integers(18, 80, n).astype(float)
    age[rng.random(n) < 0.1] = np.nan
    predicted_at = START + pd.to_timedelta(np.arange(n), unit="min")
    return pd.DataFrame(
        {
            "prediction_id": [f"p{i}" for i in range(n)],
            "predicted_at": predicted_at,
            "score": score,
            "outcome": (rng.random(n) < score).astype(np.int64),
            "outcome_at": predicted_at + pd.to_timedelta(rng.integers(1, 10, n), unit="D"),
            "group": [f"u{i}" for i in rng.integers(0, n // 3 + 1, n)],
            "plan": plan,
            "region": rng.choice(["EU", "US"], n),
            "age": age,
            "spend": np.round(rng.normal(size=n), 6),
            "visits": rng.poisson(2, n),
            "vip": rng.random(n) < 0.2,
        }
    )


def write(frame: pd.DataFrame, path: Path) -> Path:
    """Write rows as Parquet or CSV, by the path's end."""
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, index=False)
    return path
