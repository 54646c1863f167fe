"""A feature struck after launch is served differently, by its own fault; a season beyond the offline range is not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sentinel.config.alerts import Alerts
from sentinel.diagnosis.conditions import conditions
from sentinel.diagnosis.evidence import Evidence, Suspect, find_suspects, gather, is_mix
from sentinel.diagnosis.report import Cause
from sentinel.diagnosis.second import BESIDE, find_second
from sentinel.diagnosis.signatures import read_signals
from sentinel.diagnosis.signatures.served_values import describe
from sentinel.diagnosis.verdict import diagnose
from sentinel.evaluation.findings import Fault, FeatureFinding
from sentinel.summaries.algebra import Summary
from tests.diagnosis.test_mix import split
from tests.diagnosis.test_proofs import feature
from tests.diagnosis.test_second import FLAT
from tests.evaluation.worlds import Meta, Side, world_layout

COUNTS = {"predictions": 5_000, "joined": 5_000}
BASELINE = Side(world_layout(), Summary.zero(world_layout()))
SINCE = "2026-07-29T16:00:00Z"
STUCK = Fault(
    kind="constant",
    ratio=1.0,
    offline_ratio=0.045,
    n=2_500,
    since=SINCE,
    until=None,
    from_launch=False,
    value="[0.2, 0.4)",
    traffic_ratio=0.5,
)
"""Half of the traffic, until now."""


def struck(collapse: float = 13.5, **changes: Any) -> FeatureFinding:
    """A feature that knew .8 offline and knows .6 over all of live, with that fault."""
    return feature(collapse=collapse, faults=(msgspec.structs.replace(STUCK, **changes),))


def evidence(*features: FeatureFinding, score_mix: float = 0.07) -> Evidence:
    """A gap of .10, seven tenths of it by other scores."""
    return gather(msgspec.structs.replace(split(0.0, score_mix), features=features), Meta(), COUNTS, Alerts())


def only(finding: FeatureFinding) -> Suspect:
    """The suspect that this feature is."""
    (suspect,) = find_suspects((finding,))
    return suspect


@pytest.mark.parametrize("kind", ["constant", "missing", "invalid"])
def test_a_fault_that_lasts_is_served_differently(kind: str) -> None:
    """Half of all traffic since July, be the share of the whole stream what it may."""
    suspect = only(struck(kind=kind))
    assert (suspect.served_differently, suspect.since_launch, suspect.struck_later) == (True, False, True)
    signals = read_signals(evidence(struck(kind=kind)))
    assert signals["served_differently_partly"].value == 1.0
    assert signals["served_differently_since_launch"].value == 0.0
    assert signals["served_missing_or_constant"].value == 1.0


@pytest.mark.parametrize(
    "finding",
    [
        struck(until="2026-08-01T00:00:00Z"),  # over
        struck(traffic_ratio=0.09),  # just begun
        struck(collapse=2.9),  # has cost nothing
        struck(steady=False),  # weather
        struck(kind="out_of_range"),  # judged by its share of all traffic
        struck(kind="unseen"),
    ],
)
def test_other_faults_are_not(finding: FeatureFinding) -> None:
    """What is over, new, harmless, or what weather does too proves nothing."""
    assert not any(suspect.served_differently for suspect in find_suspects((finding,)))


def test_from_launch_is_since_launch() -> None:
    """The fault's own start tells, not that of another kind."""
    assert only(struck(from_launch=True)).since_launch
    heat = msgspec.structs.replace(STUCK, kind="out_of_range", from_launch=True, steady=False)
    assert not only(feature(collapse=13.5, faults=(STUCK, heat))).since_launch


def test_its_words_say_what_and_since_when() -> None:
    """The value of a constant, or what is missing; the share is that of its own stretch."""
    assert describe(only(struck())) == (
        f"feature 'balance' is served differently: '[0.2, 0.4)' in 100% since {SINCE}, 4% offline"
    )
    words = describe(only(struck(kind="missing", value=None, ratio=0.6, offline_ratio=0.1)))
    assert words.endswith(f"missing in 60% since {SINCE}, 10% offline")


def test_a_feature_that_is_gone_by_now_gives_no_honest_mix() -> None:
    """The model has been fed a constant since July: its scores are other ones for that reason."""
    assert is_mix(msgspec.structs.replace(split(0.0, 0.07), features=(feature(),)))
    assert not is_mix(msgspec.structs.replace(split(0.0, 0.07), features=(struck(),)))
    assert is_mix(msgspec.structs.replace(split(0.0, 0.07), features=(struck(kind="missing", ratio=0.5),)))


def test_it_speaks_for_a_fault() -> None:
    """The same gap with and without it: a data quality fault becomes likelier, other inputs less likely."""
    gap = split(0.0, 0.07)
    proven = msgspec.structs.replace(gap, findings=(msgspec.structs.replace(gap.findings[0], alarm=True),))
    before, after = (
        diagnose(msgspec.structs.replace(proven, features=(one,)), BASELINE, COUNTS).probabilities
        for one in (feature(collapse=13.5), struck())
    )
    assert after["data_quality_fault"] > before["data_quality_fault"]
    assert after["covariate_drift"] < before["covariate_drift"]


def test_beside_a_leak_it_is_a_second_cause() -> None:
    """A drift explains all; the feature struck later shows beside it."""
    found = evidence(struck(), score_mix=0.01)
    second = find_second(Cause.CONCEPT_DRIFT, found, read_signals(found), FLAT, {})
    assert second is not None
    assert (second.cause, second.probability) == (Cause.DATA_QUALITY_FAULT, BESIDE)


@pytest.mark.parametrize(("finding", "told"), [(struck(), True), (struck(collapse=5.9), False), (feature(), False)])
def test_it_raises_a_data_quality_alert(finding: FeatureFinding, told: bool) -> None:
    """Where the feature has collapsed, as for one that is constant throughout."""
    found = msgspec.structs.replace(split(0.0, 0.07), features=(finding,))
    verdict = diagnose(found, BASELINE, COUNTS)
    raised = [one for one in conditions(found, verdict, COUNTS) if one.name == "SentinelDataQuality"]
    assert len(raised) == told
    assert all(SINCE in one.summary for one in raised)


@pytest.mark.parametrize(
    ("ratio", "steady", "counts"), [(0.36, True, True), (0.36, False, False), (0.96, False, True), (0.19, True, False)]
)
def test_values_beyond_the_range_must_have_stayed(ratio: float, steady: bool, counts: bool) -> None:
    """A winter colder than the validation months takes its values back; nearly all of the traffic is a unit."""
    cold = msgspec.structs.replace(STUCK, kind="out_of_range", value=None, steady=steady, traffic_ratio=ratio)
    suspect = only(feature(collapse=13.9, online_unseen_ratio=ratio, faults=(cold,)))
    assert (suspect.out_of_range, suspect.served_differently) == (counts, counts)
    signal = read_signals(evidence(suspect.finding))["served_unseen"]
    assert signal.value == (ratio if counts else 0.0)
