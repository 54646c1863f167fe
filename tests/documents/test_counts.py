"""How many there are of something: where a document counts causes, checks, boards or versions, the code has as many."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from sentinel.audit.checks import all_checks
from sentinel.cli.benchmark import TRAINING_TRIALS, TRIALS
from sentinel.cli.commands import COMMANDS
from sentinel.config.alerts import Alerts
from sentinel.config.limits import Limits
from sentinel.diagnosis.report import Cause
from sentinel.diagnosis.signatures import MEANINGS
from sentinel.simulation.worlds import GENERATORS
from tests.documents.fences import ROOT
from tests.support import kubernetes

WORDS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
NO_CAUSES = {"none", "insufficient_evidence"}


def _causes() -> int:
    return len({cause.value for cause in Cause} - NO_CAUSES)


def _boards() -> int:
    return len(list((ROOT / "dashboards").glob("*.json")))


def _proofs() -> int:
    page = (ROOT / "docs/explanation/verdict.md").read_text(encoding="utf-8")
    return len(page.partition("| Proof | Of | When |\n")[2].split("\n\n")[0].splitlines()) - 1


COUNTED: tuple[tuple[str, str, Callable[[], int]], ...] = (
    ("docs/explanation/verdict.md", r"one of (\w+) causes", _causes),
    ("docs/explanation/numbers.md", r"of (\w+) causes and", _causes),
    ("docs/explanation/verdict.md", r"(\w+) kinds of evidence name a cause", _proofs),
    ("README.md", r"the (\w+) \[dashboards/\]", _boards),
    ("docs/how-to/grafana.md", r"^(\w+) dashboards", _boards),
    ("CHANGELOG.md", r"(\w+) Grafana dashboards", _boards),
    ("CHANGELOG.md", r"(\w+) checks of training and validation rows", lambda: len(all_checks())),
    ("README.md", r"trained on (\w+) generators", lambda: len(GENERATORS) - 1),
    ("docs/how-to/simulate.md", r"on the other (\w+) generators", lambda: len(GENERATORS) - 1),
    ("docs/explanation/verdict.md", r"each of the other (\w+) generators", lambda: len(GENERATORS) - 1),
    ("docs/how-to/simulate.md", r"or others; (\d+) unless stated", lambda: TRIALS),
    ("docs/how-to/simulate.md", r"(\d+) streams each unless stated", lambda: TRAINING_TRIALS),
    ("docs/explanation/detectors.md", r"in all (\w+) generators", lambda: len(GENERATORS)),
    ("README.md", r"the schemas of (\w+) Kubernetes versions", lambda: len(kubernetes.VERSIONS)),
    ("docs/how-to/helm.md", r"the schemas of (\w+) versions of Kubernetes", lambda: len(kubernetes.VERSIONS)),
    ("deploy/README.md", r"the schemas of (\w+) versions of Kubernetes", lambda: len(kubernetes.VERSIONS)),
    ("README.md", r"outcomes\*\*: (\d+) at least", lambda: Alerts().minimum_outcomes),
    ("README.md", r"at least with (\d+) of each class", lambda: Alerts().minimum_per_class),
    ("README.md", r"([\d,]+) with \d+ of each for the launch window", lambda: Alerts().launch_outcomes),
    ("README.md", r"[\d,]+ with (\d+) of each for the launch window", lambda: Alerts().launch_per_class),
    ("docs/design/0007-verdict.md", r"\*\*(\d+) signals, four", lambda: len(MEANINGS)),
    ("docs/explanation/series.md", r"the default limit of ([\d,]+) series", lambda: Limits().max_series),
)


@pytest.mark.parametrize(("document", "phrase", "count"), COUNTED, ids=[f"{d}: {p}" for d, p, _ in COUNTED])
def test_what_is_counted_is_there(document: str, phrase: str, count: Callable[[], int]) -> None:
    """The number that stands in the phrase, as a word or in digits, is that of the code."""
    text = (ROOT / document).read_text(encoding="utf-8")
    found = re.findall(phrase, text, re.MULTILINE)
    assert len(found) == 1, "the sentence was put otherwise: change the phrase here too"
    (said,) = found
    number = WORDS.index(said.lower()) if said.lower() in WORDS else int(said.replace(",", ""))
    assert number == count()


def test_the_range_of_kubernetes_is_the_tested_one() -> None:
    """The README names the oldest and the newest version that manifests are held against."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"({kubernetes.VERSIONS[0]} to {kubernetes.VERSIONS[-1]})" in readme


def test_the_readme_lists_every_command() -> None:
    """Its table of commands names each there is but the one that prints the version, and no other."""
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("| `sentinel` | does |\n|---|---|\n")[2]
    cells = [row.split("|")[1] for row in table.split("\n\n")[0].splitlines()]
    named = {name for cell in cells for name in re.findall(r"`([a-z-]+)", cell)}
    assert {*COMMANDS} - {"version"} <= named
    assert named - {*COMMANDS} <= {"show"}
