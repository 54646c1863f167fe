"""The checks, one a file. A new one is a module here with ``NAME``, ``TITLE`` and ``start``: it runs by being here."""

from __future__ import annotations

import importlib
import pkgutil
from typing import cast

from sentinel.audit.check import Started


def all_checks() -> tuple[Started, ...]:
    """Every module of this package, in the order of their names."""
    names = sorted(found.name for found in pkgutil.iter_modules(__path__) if not found.name.startswith("_"))
    return tuple(cast(Started, importlib.import_module(f"{__name__}.{name}")) for name in names)
