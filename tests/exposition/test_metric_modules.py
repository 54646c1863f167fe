"""What every module of metrics owes: its readers, whose they are, and a sample of each where everything is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from types import ModuleType
from typing import cast

import pytest

from sentinel.exposition.metric import declared
from sentinel.exposition.metrics.daemon import FAMILIES
from sentinel.exposition.metrics.models import all_modules
from sentinel.exposition.samples import Sample, known
from sentinel.exposition.statistics import ScrapeStatistics
from tests.exposition.exposed import full_statistics
from tests.exposition.reports import full_report

DAEMON = {cast(ModuleType, module).__name__.rpartition(".")[2]: module for module in FAMILIES}
MODELS = {module.__name__.rpartition(".")[2]: module for module in all_modules()}
IN_BULK = "findings"
"""Rendered by the snapshot itself, for they are nearly all lines."""
SCRAPE = ScrapeStatistics(n_series=1, max_series=2, dropped={"duplicate": 0}, seconds=0.5)


def problems(file: str, module: object, read: Iterable[str], full: str) -> list[str]:
    """What is wrong with a module, in words for its author."""
    own, found = {metric.name for metric in declared(module)}, set(read)
    said = [] if own else [f"{file} declares no Metric"]
    said += [f"{file} reads no {name} of {full}: read it, or give it a value there" for name in sorted(own - found)]
    return said + [f"{file} reads {name}, which another module declares" for name in sorted(found - own)]


@pytest.mark.parametrize("name", DAEMON)
def test_a_module_about_the_daemon(name: str) -> None:
    """It says whose its metrics are, and reads each of them, and no other's, from statistics that hold everything."""
    module, file = DAEMON[name], f"sentinel/exposition/metrics/daemon/{name}.py"
    assert getattr(module, "OF", None) in ("all", "collectors", "judges"), f"{file}: OF says whose its metrics are"
    assert hasattr(module, "read"), f"{file}: read(statistics) is missing"
    read = [metric.name for metric, lines in module.read(replace(full_statistics(), scrape=SCRAPE)) if lines]
    wrong = problems(file, module, read, "full_statistics() in tests/exposition/exposed.py")
    assert not wrong, "; ".join(wrong)
    assert len(read) == len(set(read)), f"{file} yields a metric twice: all its rows belong together"


@pytest.mark.parametrize("name", sorted(MODELS.keys() - {IN_BULK}))
def test_a_module_about_models(name: str) -> None:
    """It reads each of its metrics, and no other's, from a report that holds everything."""
    module, file, report = MODELS[name], f"sentinel/exposition/metrics/models/{name}.py", full_report()
    samples: list[Sample] = []
    assert hasattr(module, "of_report") or hasattr(module, "of_feature"), f"{file}: neither of_report nor of_feature"
    if hasattr(module, "of_report"):
        samples += module.of_report(report)
    if hasattr(module, "of_feature"):
        samples += [sample for feature in report.features for sample in module.of_feature(report, feature)]
    read = [metric.name for metric, _, _ in known(samples)]
    wrong = problems(file, module, read, "full_report() in tests/exposition/reports.py")
    assert not wrong, "; ".join(wrong)
