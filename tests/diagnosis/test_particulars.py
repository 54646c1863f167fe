"""Single pieces of evidence in words: with their numbers, and not at all where nothing is known."""

from __future__ import annotations

import msgspec

from sentinel.diagnosis import particulars
from sentinel.evaluation.findings import Change, Counterfactual, Finding, Maturity, Overlap, Parts, Value

KNOWN = Value(value=0.7, lower=0.65, upper=0.75, n=900)
UNKNOWN = Value(value=None, lower=None, upper=None, n=3, reason="too few positive outcomes: 3 of the 10 it takes")


def _finding(parts: Parts) -> Finding:
    return Finding(
        metric="auc", slice="all", offline=KNOWN, online=KNOWN, gap=0.1, lower=0.0, upper=0.2, log_evidence=1.0,
        parts=parts,
    )  # fmt: skip


def test_parts_are_told_with_their_intervals() -> None:
    """Only what was computed, each in the unit of the metric."""
    parts = Parts(score_mix=0.02, outcome=0.08, intervals={"outcome": (0.05, 0.11)})
    assert list(particulars.parts([_finding(parts)])) == [
        "other scores within slices: +0.020 auc",
        "other outcomes at the same scores: +0.080 auc (+0.050 to +0.110)",
    ]
    assert list(particulars.parts([])) == []


def test_a_refused_split_says_why() -> None:
    """The reason of the decomposition is what the reader sees."""
    (line,) = particulars.parts([_finding(Parts(reason="the scores hardly overlap"))])
    assert line == "the auc gap cannot be split: the scores hardly overlap"


def test_the_start_is_told_where_one_is_likely() -> None:
    """From launch, or later with its interval; without either nothing but what detectors saw."""
    assert list(particulars.onset(Change(none=0.02, launch=0.97, later=0.01))) == ["from launch on (97%; later: 1%)"]
    late = Change(
        none=0.0, launch=0.1, later=0.9, onset="2026-01-09T00:00:00Z", onset_lower="2026-01-08T00:00:00Z",
        onset_upper="2026-01-10T00:00:00Z", drop=0.08,
    )  # fmt: skip
    assert list(particulars.onset(late)) == [
        "after launch (90%), likeliest at 2026-01-09T00:00:00Z, between 2026-01-08T00:00:00Z and "
        "2026-01-10T00:00:00Z; AUC -0.080 since"
    ]
    assert list(particulars.onset(Change(none=0.9, launch=0.05, later=0.05))) == []
    assert list(particulars.onset(None)) == []


def test_repairs_tell_the_corrected_estimate_and_its_share() -> None:
    """One that could not be made says what is short."""
    made = Counterfactual(
        name="duplicates", cause="duplicate_leakage", corrected=KNOWN, log_evidence=9.0, explained=0.98, lower=0.8,
        upper=1.15, remainder=0.1,
    )  # fmt: skip
    short = Counterfactual(
        name="groups", cause="group_leakage", corrected=UNKNOWN, log_evidence=None, explained=None, lower=None,
        upper=None, remainder=None,
    )  # fmt: skip
    assert list(particulars.repairs([made, short])) == [
        "duplicates: offline would have been 0.700 [0.650, 0.750], which explains 98% of the gap (80% to 115%)",
        "groups: not known (too few positive outcomes: 3 of the 10 it takes)",
    ]


def test_overlaps_are_told_where_both_sides_are_known() -> None:
    """Shares and the contrast of what training has seen."""
    rows = Overlap(of="rows", offline_ratio=0.4, online_ratio=0.01, seen=KNOWN, unseen=KNOWN, contrast=0.1)
    unknown = Overlap(of="entities", offline_ratio=None, online_ratio=0.3, seen=KNOWN, unseen=KNOWN, contrast=None)
    (line,) = particulars.overlaps([rows, unknown])
    assert line.startswith("rows: 40% of validation, 1% of live traffic; live AUC 0.700")


def test_outcome_delay_is_told_in_round_ages() -> None:
    """25.4 days, 8.5 days; coverage, and a delay that has doubled."""
    found = Maturity(
        seconds=25.4 * 86_400, judged_seconds=8.5 * 86_400, n_mature=500, n_outcomes=400, coverage_ratio=0.8,
        lowest_coverage_ratio=0.3, delay_p_value=1e-6, delay_ratio=2.0,
    )  # fmt: skip
    assert list(particulars.maturity(found)) == [
        "an outcome is settled after 25d10h; until enough are, both sides are compared at 8d12h",
        "80% of 500 predictions of that age have one, 30% where scores have fewest",
        "outcomes take 2.0 times as long as offline",
    ]
    assert list(particulars.maturity(Maturity(seconds=None))) == []
    for p_value in (1e-3, None):  # by chance once in a thousand, or not tested
        calm = msgspec.structs.replace(found, delay_p_value=p_value)
        assert not any("as long" in line for line in particulars.maturity(calm))
