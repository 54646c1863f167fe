"""Answers to verdicts as training runs, beside the simulated ones."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from sentinel.diagnosis.answers import decode_cases
from sentinel.diagnosis.signatures import MEANINGS
from sentinel.errors import CorruptArtifactError, FatalError
from sentinel.simulation.training import Run

YOURS: Final = "yours"
"""The generator of one's own models."""
WORTH: Final = 20
"""Simulated looks that one answer counts as: some thousand looks at made-up models should not outvote a dozen answers
on the models that are to be judged, and one answer should not outvote them."""


def answered_runs(path: Path) -> list[Run]:
    """The runs of a file that ``sentinel acknowledgements export`` wrote, each once.

    A signal that this version does not read is left out; one that the file does not know is missing. The answers of one
    model version are one world.

    Raises
    ------
    FatalError
        If the file cannot be read.
    CorruptArtifactError
        If it is no such file.
    """
    try:
        cases = decode_cases(path.read_bytes())
    except OSError as error:
        raise FatalError(f"{path}: cannot be read: {error.strerror or error}") from error
    except CorruptArtifactError as error:
        raise CorruptArtifactError(f"{path}, {error}") from error
    runs = []
    for case in cases:
        known = [case.signals.get(name) for name in MEANINGS]
        values = np.array([np.nan if value is None else value for value in known])
        runs.append(Run(values, case.cause, f"{YOURS}/{case.model}@{case.version}", YOURS))
    return runs


def weighed(runs: list[Run]) -> list[Run]:
    """Each run as often as it counts."""
    return [run for run in runs for _ in range(WORTH)]
