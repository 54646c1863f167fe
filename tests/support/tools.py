"""Programs that some tests need beside Python packages, and what is said when one is not there."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILT = ROOT / ".cache/bin"
REQUIRED = "SENTINEL_REQUIRE_TOOLS"


def missing(what: str) -> None:
    """Skip the test, or fail it when ``SENTINEL_REQUIRE_TOOLS=1``.

    Parameters
    ----------
    what : str
        What is missing, and what cannot be checked without it.
    """
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{what} ({REQUIRED}=1 makes this an error)")
    pytest.skip(what)


def find(name: str) -> str | None:
    """A program: as ``SENTINEL_TEST_<NAME>`` says, as .ci/setup.sh built it, in the environment, or on the path."""
    named = os.environ.get(f"SENTINEL_TEST_{name.upper().replace('-', '_')}")
    if named:
        return named
    places = os.pathsep.join([str(BUILT), str(ROOT / ".venv/bin"), os.environ.get("PATH", "")])
    return shutil.which(name, path=places)


def need(name: str, purpose: str) -> str:
    """A program; without it the test ends here, as :func:`missing` says."""
    found = find(name)
    if found is None:
        missing(f"no program `{name}`: {purpose}")
    return found or ""


def need_package(name: str, purpose: str) -> None:
    """A Python package that can be imported; without it the test ends here."""
    if importlib.util.find_spec(name) is None:
        missing(f"no package `{name}`: {purpose}")
