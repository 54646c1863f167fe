"""The page of faults: each row names a test that there is, and metrics, alerts and log lines that exist."""

from __future__ import annotations

import re
from pathlib import Path

from sentinel.exposition.alerts import GROUPS
from sentinel.exposition.declarations import DAEMON_METRICS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/operations.md").read_text(encoding="utf-8")


def test_every_fault_is_shown_by_a_test() -> None:
    """The last cell of each row is a function of the tests."""
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    rows = [row for row in PAGE.splitlines() if row.startswith("| ") and not row.startswith("| Fault")]
    named = [re.fullmatch(r"`(test_\w+)`", row.split("|")[-2].strip()) for row in rows]
    assert len(rows) >= 15
    assert all(named)
    assert [name[1] for name in named if name and f"def {name[1]}(" not in tests] == []


def test_what_is_seen_exists() -> None:
    """Metrics are declared, alerts are rules, and the log says what the page says it does."""
    metrics = {metric.name for metric in DAEMON_METRICS}
    alerts = {rule.name for group in GROUPS for rule in group.rules}
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "sentinel").rglob("*.py"))
    assert set(re.findall(r"`(sentinel_\w+)", PAGE)) <= metrics
    assert set(re.findall(r"`(Sentinel\w+)`", PAGE)) <= alerts
    events = {name for names in re.findall(r"log ((?:`\w+`(?:, )?)+)", PAGE) for name in re.findall(r"\w+", names)}
    assert [event for event in sorted(events) if f'"{event}"' not in code] == []
