"""Callables that the command line names: ``module:callable``, looked up in the working directory too."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sentinel.errors import FatalError


def load_callable(name: str) -> Callable[..., Any]:
    """Import what ``module:callable`` names; dots after the colon go into attributes.

    Raises
    ------
    FatalError
        If the name is not of that form, the module cannot be imported, or holds no such callable.

    Examples
    --------
    >>> load_callable("math:floor")(1.5)
    1
    """
    module_name, _, path = name.partition(":")
    if not module_name or not path:
        raise FatalError(f"{name!r} names no callable: write it like scoring:predict, a module and what it holds")
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:  # importing runs foreign code: whatever it raises, one sentence says so
        raise FatalError(f"cannot import {module_name!r}: {error!r:.200}") from error
    for part in path.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise FatalError(f"the module {module_name!r} holds no callable {path!r}")
    return found  # type: ignore[no-any-return]
