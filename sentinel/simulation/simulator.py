"""Play a scenario: draw its world, train a model as its team did, and score what production brings."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sentinel.config.times import rfc3339_of
from sentinel.simulation import catalogue, learner
from sentinel.simulation.scenario import ENVELOPE, Drawn, Recipe, SimulatedStream, Sizes, Truth

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd


def simulate(
    scenario: str,
    *,
    seed: int,
    n_train: int = 8_000,
    n_validation: int = 4_000,
    n_stream: int = 20_000,
    stream_days: float = 30,
) -> SimulatedStream:
    """Play a scenario.

    Parameters
    ----------
    scenario : str
        A name in ``SCENARIOS``.
    seed : int, >= 0
        The same arguments give the same frames, bit for bit.
    n_train, n_validation, n_stream : int, >= 50, rows
    stream_days : float, > 0, days

    Returns
    -------
    SimulatedStream
        ``validation`` is what offline evaluation saw; ``stream`` is production, features as they were served.

    Raises
    ------
    UnknownScenarioError
        If there is no such scenario.
    ValueError
        If a size is out of range.
    MissingExtraError
        If scikit-learn is not installed.
    """
    chosen = catalogue.find(scenario)
    recipe = chosen.recipe
    sizes = Sizes(n_train, n_validation, n_stream, stream_days)
    drawn = recipe.draw(sizes, seed)
    score = learner.train(drawn.train, recipe.learner, seed)
    train, validation, stream = (
        _scored(frame, score(frame)) for frame in (drawn.train, drawn.validation, drawn.stream)
    )
    onset = None
    if chosen.onset_ratio is not None:
        onset = recipe.launch_at + timedelta(days=stream_days * chosen.onset_ratio)
    truth = Truth(chosen.cause, chosen.culprits, _auc(validation), _auc(stream), onset)
    manifest = _manifest(recipe, drawn, seed)
    return SimulatedStream(train, validation, stream, truth, manifest, scenario, recipe.model, recipe.slices)


def _scored(frame: pd.DataFrame, scores: npt.NDArray[np.float64]) -> pd.DataFrame:
    scored = frame.assign(score=scores)
    return scored[[*ENVELOPE, *learner.feature_names(frame)]]


def _auc(frame: pd.DataFrame) -> float:
    return learner.auc(frame["outcome"].to_numpy(), frame["score"].to_numpy())


def _manifest(recipe: Recipe, drawn: Drawn, seed: int) -> dict[str, Any]:
    """State what the team knows of its own split; nothing here gives the planted cause away."""
    times = drawn.train["predicted_at"]
    return {
        "split": {"protocol": recipe.protocol, "seed": seed},
        "train": {
            "rows": len(drawn.train),
            "start": rfc3339_of(times.min()),
            "end": rfc3339_of(times.max()),
        },
        "candidates": 1,
    }
