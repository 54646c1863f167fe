"""The metrics about models, a subject a file: declared and read in one place. A new one is shown by being here."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Final

from sentinel.diagnosis.report import Report
from sentinel.evaluation.findings import FeatureFinding
from sentinel.exposition.metric import Metric, declared
from sentinel.exposition.samples import Sample

OfReport = Callable[[Report], Iterator[Sample]]
OfFeature = Callable[[Report, FeatureFinding], Iterator[Sample]]


def all_modules() -> tuple[ModuleType, ...]:
    """Every module of this package, in the order of their names: with ``of_report``, ``of_feature``, or both."""
    names = sorted(found.name for found in pkgutil.iter_modules(__path__))
    return tuple(importlib.import_module(f"{__name__}.{name}") for name in names)


_MODULES: Final = all_modules()

REPORT_METRICS: Final[tuple[Metric, ...]] = tuple(metric for module in _MODULES for metric in declared(module))
"""What is rendered from reports, once per evaluation."""
OF_REPORT: Final[tuple[OfReport, ...]] = tuple(module.of_report for module in _MODULES if hasattr(module, "of_report"))
"""The samples of a report that are shown whatever the budget."""
OF_FEATURE: Final[tuple[OfFeature, ...]] = tuple(
    module.of_feature for module in _MODULES if hasattr(module, "of_feature")
)
"""The samples of one feature, which are shown together or not at all."""
