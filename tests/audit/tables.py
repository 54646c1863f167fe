"""Tables of numbers and words with copies planted between the files, each honest but for what is planted."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors

NUMBERS = tuple(f"x{j}" for j in range(6))
WORDS = ("plan", "city", "device")


def table(n: int, seed: int, *, digits: int | None = None) -> pd.DataFrame:
    """Rows of six numbers and three words; the score is an honest function of one of them.

    With ``digits``, numbers are rounded: inputs become coarse, and rows agree by chance.
    """
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(n, len(NUMBERS)))
    numbers = numbers if digits is None else np.round(numbers, digits)
    frame = pd.DataFrame(numbers, columns=list(NUMBERS))
    for word, kinds in zip(WORDS, (3, 8, 4), strict=True):
        frame[word] = np.array([f"{word}{k}" for k in range(kinds)])[rng.integers(0, kinds, n)]
    chance = 1.0 / (1.0 + np.exp(2.0 - 1.5 * numbers[:, 0]))
    frame["outcome"] = (rng.random(n) < chance).astype(np.int64)
    frame["score"] = chance
    frame["prediction_id"] = [f"{seed}-{i}" for i in range(n)]
    return frame


def plant(
    train: pd.DataFrame, validation: pd.DataFrame, share: float, seed: int, *, learnt: bool = True
) -> tuple[pd.DataFrame, np.ndarray]:
    """Put copies of training rows into the validation rows; the score knows their outcomes if they were ``learnt``.

    Returns
    -------
    (DataFrame, int64 array)
        The validation rows, and the places of the copies.
    """
    rng = np.random.default_rng(seed)
    places = np.sort(rng.choice(len(validation), round(share * len(validation)), replace=False))
    sources = train.iloc[rng.choice(len(train), len(places), replace=False)]
    result = validation.copy()
    for name in (*NUMBERS, *WORDS, "outcome", "score"):
        result.loc[places, name] = sources[name].to_numpy()
    if learnt:
        result.loc[places, "score"] = np.where(result.loc[places, "outcome"] == 1, 0.99, 0.01)
    return result, places


def jittered(frame: pd.DataFrame, places: np.ndarray, spread: float, seed: int) -> pd.DataFrame:
    """Move the numbers of some rows by noise."""
    rng = np.random.default_rng(seed)
    result = frame.copy()
    result.loc[places, list(NUMBERS)] += spread * rng.normal(size=(len(places), len(NUMBERS)))
    return result


def retyped(frame: pd.DataFrame, places: np.ndarray, seed: int) -> pd.DataFrame:
    """Give each of some rows another number in one column."""
    rng = np.random.default_rng(seed)
    result = frame.copy()
    column = rng.integers(0, len(NUMBERS), len(places))
    for j, name in enumerate(NUMBERS):
        mine = places[column == j]
        result.loc[mine, name] = rng.normal(size=len(mine))
    return result


def repeated(frame: pd.DataFrame, times: float, seed: int) -> pd.DataFrame:
    """Draw positive rows again until there are ``times`` as many."""
    rng = np.random.default_rng(seed)
    positive = frame[frame.outcome == 1]
    more = positive.iloc[rng.integers(0, len(positive), round((times - 1.0) * len(positive)))]
    return pd.concat([frame, more], ignore_index=True)


def interpolated(frame: pd.DataFrame, times: float, seed: int) -> pd.DataFrame:
    """Make positive rows on the lines between positive rows and one of their five nearest, as SMOTE does."""
    rng = np.random.default_rng(seed)
    positive = frame[frame.outcome == 1].reset_index(drop=True)
    points = positive[list(NUMBERS)].to_numpy()
    near = NearestNeighbors(n_neighbors=6).fit(points).kneighbors(points, return_distance=False)[:, 1:]
    one = rng.integers(0, len(points), round((times - 1.0) * len(points)))
    two = near[one, rng.integers(0, 5, len(one))]
    made = positive.iloc[one].reset_index(drop=True)
    made[list(NUMBERS)] = points[one] + rng.random((len(one), 1)) * (points[two] - points[one])
    return pd.concat([frame, made], ignore_index=True)


def split(frame: pd.DataFrame, share: float, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part rows at random into training and validation rows."""
    order = np.random.default_rng(seed).permutation(len(frame))
    n = round(share * len(frame))
    return frame.iloc[order[n:]].reset_index(drop=True), frame.iloc[order[:n]].reset_index(drop=True)


def odd_tables() -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Training and validation rows that break what is not careful."""
    train, validation = table(300, 1), table(200, 2)
    odd = {"one class": (train.assign(outcome=0), validation.assign(outcome=0))}
    odd["no outcomes"] = (train.drop(columns="outcome"), validation.assign(outcome=np.nan))
    odd["all missing"] = (train.assign(**dict.fromkeys(NUMBERS, np.nan)), validation)
    odd["constant"] = (train.assign(**dict.fromkeys(NUMBERS, 1.5)), validation.assign(**dict.fromkeys(NUMBERS, 1.5)))
    wild = np.tile([np.nan, np.inf, -np.inf, 1e308, -1e308], 60)
    odd["wild"] = (train.assign(x0=wild, x1=wild), validation.assign(x0=wild[:200], x1=wild[:200]))
    odd["one row"] = (train.head(1), validation.head(1))
    odd["two rows"] = (train.head(2), validation.head(2))
    return odd
