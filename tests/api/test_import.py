"""Importing the package costs nothing until something of it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import sentinel
import sentinel.api

HEAVY = ("numpy", "pandas", "pyarrow", "scipy", "river", "jinja2", "yaml", "msgspec", "starlette", "sklearn")
MOST_MODULES = 40


def _run(program: str) -> str:
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return run.stdout.strip()


def test_the_package_is_imported_alone() -> None:
    """``import sentinel`` loads no library and but a few modules, and yet lists what it offers."""
    program = (
        "import sys; before = set(sys.modules); import sentinel; after = set(sys.modules) - before;"
        f"print(sorted(after & set({HEAVY!r})), len(after) < {MOST_MODULES}, 'replay' in dir(sentinel))"
    )
    assert _run(program) == "[] True True"


def test_the_first_use_imports_the_rest() -> None:
    """The same names come from the package and from where they live; neither Kafka nor the web server comes along."""
    program = (
        "import sys, sentinel; from sentinel import replay; import sentinel.api;"
        "print(replay is sentinel.api.replay is sentinel.replay,"
        " sorted({'kafka', 'uvicorn', 'prometheus_client', 'sklearn'} & set(sys.modules)))"
    )
    assert _run(program) == "True []"


def test_the_package_offers_what_the_interface_holds() -> None:
    """Both list the same names, each of them is there, and any other is an attribute error."""
    assert set(sentinel.__all__) == {*sentinel.api.__all__, "SentinelError", "__version__"}
    for name in sentinel.__all__:
        assert getattr(sentinel, name) is not None
    with pytest.raises(AttributeError, match="module 'sentinel' has no attribute 'replai'"):
        _ = sentinel.replai  # type: ignore[attr-defined]
