"""Finds the real streams with known truth, which are kept beside the repository and never in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_VARIABLE = "SENTINEL_TEST_DATA"
_REPOSITORY = Path(__file__).resolve().parents[2]
_BESIDE = _REPOSITORY.parent / "shared" / "data"


def real_stream(case: str, variant: str) -> Path:
    """The folder of one real stream; the test is skipped where there is none.

    Parameters
    ----------
    case, variant : str
        For example ``bank_duration`` and ``leaky``.
    """
    root = Path(os.environ.get(_VARIABLE, _BESIDE))
    folder = root / case / variant
    if not (folder / "validation.parquet").is_file():
        pytest.skip(f"no real streams: {_VARIABLE} does not name their folder, and ../shared/data does not hold {case}")
    return folder
