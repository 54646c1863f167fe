"""The metrics about the daemon, a subject a file: declared and read in one place. A new one is shown by being here."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Final, cast

from sentinel.exposition.family import Families
from sentinel.exposition.metric import Metric, declared


def all_families() -> tuple[Families, ...]:
    """Every module of this package, in the order of their names."""
    names = sorted(found.name for found in pkgutil.iter_modules(__path__))
    return tuple(cast(Families, importlib.import_module(f"{__name__}.{name}")) for name in names)


FAMILIES: Final = all_families()

DAEMON_METRICS: Final[tuple[Metric, ...]] = tuple(metric for families in FAMILIES for metric in declared(families))
"""What is rendered from the daemon's statistics, at every scrape."""
