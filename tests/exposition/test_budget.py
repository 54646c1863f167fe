"""The budget of series: never exceeded, never at the cost of a verdict, and still when the evidence trembles."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel.clock import ManualClock
from sentinel.config.limits import Limits
from sentinel.diagnosis.report import Alert, Report
from sentinel.exposition.collector import Collector
from sentinel.exposition.selection import COLLAPSE_MARGIN, EVIDENCE_MARGIN, Budget
from sentinel.exposition.snapshot import Snapshot, build_snapshot
from sentinel.exposition.snapshot_memory import SnapshotMemory
from sentinel.exposition.statistics import DaemonStatistics
from tests.exposition.exposed import snapshot
from tests.exposition.reports import feature, finding, full_report, report

PER_SLICE = 3 + 3 + 3 + 2 + 2  # offline, online, gap with bounds; evidence and detectable gap; two counts of outcomes
EVIDENCE = st.none() | st.floats(-20, 50) | st.sampled_from([math.inf, -math.inf, math.nan])
SLICES = st.dictionaries(st.sampled_from([f"region={n}" for n in range(20)]), EVIDENCE, max_size=20)
FEATURES = st.dictionaries(st.sampled_from([f"f{n}" for n in range(10)]), EVIDENCE, max_size=10)


def made(model: str, slices: dict[str, float | None], features: dict[str, float | None] | None = None) -> Report:
    """A report of slices with this evidence and features with this collapse."""
    return report(
        model,
        findings=[finding(), *(finding(name, log_evidence=evidence) for name, evidence in slices.items())],
        features=[feature(name, collapse=collapse) for name, collapse in (features or {}).items()],
    )


REPORTS = st.tuples(*(st.builds(made, st.just(name), SLICES, FEATURES) for name in ("churn", "fraud")))


def essential(each: Report) -> int:
    """The series that are never cut: those of a report without features and slices."""
    head = [one for one in each.findings if one.slice == "all"]
    return snapshot([msgspec.structs.replace(each, findings=tuple(head), features=())]).n_series


def taken(shown: Snapshot) -> dict[str, int]:
    """Series by model."""
    lines = [line for _, text in shown.families for line in text.splitlines()]
    return {model: sum(f'model="{model}"' in line for line in lines) for model in ("churn", "fraud")}


def named(shown: Snapshot, family: str, label: str) -> set[str]:
    """The values that a label has in a family, with their model."""
    text = "".join(lines for metric, lines in shown.families if metric.name == family)
    pairs: list[tuple[str, str]] = re.findall(rf'model="([^"]*)".*?,{label}="([^"]*)"', text)
    return {"/".join(pair) for pair in pairs}


def room_for(n_slices: int) -> Budget:
    """A budget for the headline of one model and so many slices."""
    n_series = essential(made("churn", {})) + n_slices * PER_SLICE
    return Budget(n_series, n_series)


@given(REPORTS, st.integers(0, 700), st.integers(0, 400))
def test_the_budget_is_kept(reports: tuple[Report, ...], in_all: int, per_model: int) -> None:
    """Whatever the reports: what is never cut aside, neither bound is exceeded, and shown and cut add up to all."""
    shown = build_snapshot(reports, Budget(in_all, per_model), SnapshotMemory())
    whole = snapshot(reports, 1_000_000)
    assert shown.n_series + shown.n_dropped == whole.n_series
    needed = {each.model: essential(each) for each in reports}
    assert shown.n_series == sum(taken(shown).values()) <= max(in_all, sum(needed.values()))
    for model, n_series in taken(shown).items():
        assert needed[model] <= n_series <= max(per_model, needed[model])


@given(REPORTS, st.integers(0, 700), st.integers(0, 400))
def test_the_same_report_shows_the_same(reports: tuple[Report, ...], in_all: int, per_model: int) -> None:
    """A second evaluation that found nothing new shows the same series, in whichever order the reports come."""
    memory, budget = SnapshotMemory(), Budget(in_all, per_model)
    first = build_snapshot(reports, budget, memory)
    assert build_snapshot(reports, budget, memory).families == first.families
    turned = build_snapshot(reports[::-1], budget, SnapshotMemory())
    assert _lines(turned) == _lines(first)


def _lines(shown: Snapshot) -> set[str]:
    return {line for _, text in shown.families for line in text.splitlines()}


@settings(max_examples=50)
@given(
    st.lists(st.integers(0, 8), min_size=12, max_size=12),
    st.lists(st.lists(st.floats(-1, 1), min_size=12, max_size=12), min_size=1, max_size=6),
    st.integers(1, 11),
)
def test_trembling_evidence_moves_nothing(base: list[int], looks: Sequence[list[float]], room: int) -> None:
    """Evidence that trembles by less than a quarter of the margin either way shows the slices of the first look."""
    memory, budget = SnapshotMemory(), room_for(room)
    tremble = 0.24 * EVIDENCE_MARGIN  # two slices meet at the first look, and part by four times as much
    first: set[str] | None = None
    for look in looks:
        slices: dict[str, float | None] = {f"region={n}": base[n] + tremble * look[n] for n in range(12)}
        shown = named(build_snapshot([made("churn", slices)], budget, memory), "sentinel_gap", "slice")
        first = shown if first is None else first
        assert len(shown) == room + 1
        assert shown == first


def test_a_slice_gives_way_to_one_that_is_clearly_worse() -> None:
    """With one place: a little worse is not enough, ten times the evidence is; then the other stays likewise."""
    memory, budget = SnapshotMemory(), room_for(1)

    def place(a: float, b: float) -> set[str]:
        shown = build_snapshot([made("churn", {"r=a": a, "r=b": b})], budget, memory)
        return named(shown, "sentinel_gap", "slice") - {"churn/all"}

    assert place(5.0, 4.0) == {"churn/r=a"}
    assert place(5.0, 5.0 + EVIDENCE_MARGIN - 0.01) == {"churn/r=a"}
    assert place(5.0, 5.0 + EVIDENCE_MARGIN + 0.01) == {"churn/r=b"}
    assert place(5.0, 5.0 - EVIDENCE_MARGIN + 0.01) == {"churn/r=b"}
    assert place(5.0, 5.0 - EVIDENCE_MARGIN - 0.01) == {"churn/r=a"}


def test_a_feature_gives_way_likewise() -> None:
    """With room for one feature, another must have lost a standard error more."""
    memory, none = SnapshotMemory(), essential(made("churn", {}))
    budget = Budget(none + 8, none + 8)  # two AUCs, two missing, two top shares, collapse, unseen

    def place(a: float, b: float) -> set[str]:
        shown = build_snapshot([made("churn", {}, {"a": a, "b": b})], budget, memory)
        return named(shown, "sentinel_feature_collapse", "feature")

    assert place(3.0, 2.0) == {"churn/a"}
    assert place(3.0, 3.0 + COLLAPSE_MARGIN - 0.01) == {"churn/a"}
    assert place(3.0, 3.0 + COLLAPSE_MARGIN + 0.01) == {"churn/b"}


def test_a_slice_with_an_alert_comes_first() -> None:
    """The words of an alert quote the slice's numbers, so it has them while the alert lasts, whatever its evidence."""
    alert = Alert(
        name="SentinelSliceGap", severity="warning", metric="auc", slice="r=quiet", fired_at="t", n_outcomes=1_000
    )
    loud = made("churn", {"r=loud": 40.0, "r=quiet": 0.5})
    held = msgspec.structs.replace(loud, alerts=(alert,))
    over = msgspec.structs.replace(loud, alerts=(msgspec.structs.replace(alert, resolved_at="t"),))
    budget = Budget(room_for(1).in_all + 1, 1_000)  # the alert is a series too
    shown = build_snapshot([held], budget, SnapshotMemory())
    assert named(shown, "sentinel_gap", "slice") == {"churn/all", "churn/r=quiet"}
    shown = build_snapshot([over], budget, SnapshotMemory())
    assert named(shown, "sentinel_gap", "slice") == {"churn/all", "churn/r=loud"}


def test_the_budget_is_that_of_the_configuration() -> None:
    """Both limits are read, each from its own key."""
    assert Budget.of(Limits(max_series=500, max_series_per_model=300)) == (500, 300)


def test_no_model_takes_it_all() -> None:
    """Among two models the loud one stops at its own limit, and the quiet one finds room."""
    loud = made("churn", {f"r={n}": 50.0 for n in range(10)})
    quiet = made("fraud", {f"r={n}": 0.0 for n in range(10)})
    budget = Budget(2 * essential(loud) + 10 * PER_SLICE, essential(loud) + 6 * PER_SLICE)
    shown = named(build_snapshot([loud, quiet], budget, SnapshotMemory()), "sentinel_gap", "slice")
    assert sorted(each.split("/")[0] for each in shown) == ["churn"] * 7 + ["fraud"] * 5


def test_whoever_leaves_has_no_series() -> None:
    """A slice, a feature and a model that leave the reports leave the snapshot at once, and make room."""
    memory, budget = SnapshotMemory(), room_for(1)
    build_snapshot([made("churn", {"r=a": 9.0, "r=b": 1.0})], budget, memory)
    shown = build_snapshot([made("churn", {"r=b": 1.0})], budget, memory)
    assert named(shown, "sentinel_gap", "slice") == {"churn/all", "churn/r=b"}
    assert "r=a" not in "".join(_lines(shown))
    shown = build_snapshot([made("fraud", {"r=b": 1.0})], budget, memory)
    assert taken(shown)["churn"] == 0
    assert not any(key[0] == "churn" for key in memory.shown_slices)


def test_what_is_cut_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """One warning when the cutting begins, none while it lasts, one more when it begins again."""
    standing, budget, statistics = [full_report()], [Budget(0, 0)], DaemonStatistics()
    own = Collector(lambda: standing, lambda: statistics, lambda: budget[0], ManualClock())
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            standing[0] = msgspec.structs.replace(full_report())
            own.scrape()
        assert [record.message for record in caplog.records] == ["series_dropped"]
        budget[0] = Budget(1_000, 1_000)
        own.scrape()
        budget[0] = Budget(0, 1_000)
        own.scrape()
    assert len(caplog.records) == 2
