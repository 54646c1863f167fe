"""What is read of suspects: what they lost, how alone they are in it, what is served, what recomputed values show."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from sentinel.config.alerts import Alerts
from sentinel.diagnosis.evidence import gather
from sentinel.diagnosis.signatures import Signal, read_signals
from sentinel.evaluation.findings import Backfill, Drift, Fault, FeatureFinding
from tests.diagnosis.test_mix import split, valued
from tests.diagnosis.test_proofs import feature
from tests.evaluation.worlds import Meta

COLLAPSE = ("collapse", "collapse_share", "collapse_breadth", "collapse_concentration")
QUALITY = ("collapsed_was_best", "collapsed_is_useless", "collapsed_was_strong")


def read(*features: FeatureFinding) -> dict[str, Signal]:
    """Every signal of an AUC gap of .10 with these features."""
    found = msgspec.structs.replace(split(0.0, 0.01), features=features)
    return read_signals(gather(found, Meta(), {"predictions": 5_000, "joined": 5_000}, Alerts()))


def values(found: dict[str, Signal], names: tuple[str, ...]) -> list[Any]:
    """The values of some signals, to be compared to twelve digits."""
    return [pytest.approx(found[name].value) if found[name].value else found[name].value for name in names]


def named(name: str, before: float, after: float, score: float) -> FeatureFinding:
    """A feature that knew this much offline and live."""
    return feature(name=name, offline_auc=valued(before), online_auc=valued(after), collapse=score)


def test_the_feature_that_lost_most_is_read() -> None:
    """Ten standard errors by the log of one more, .2 AUC of a gap of .1, alone in that, the best, and .6 strong."""
    found = read(feature())
    assert values(found, COLLAPSE) == [math.log(11.0), 2.0, 0.0, 1.0]
    assert values(found, QUALITY) == [1.0, 0.0, 0.6]
    assert found["collapse"].words == (
        "feature 'balance' alone had AUC 0.800 offline, where it was the best of all features, and has 0.600 live "
        "(10.0 standard errors)"
    )
    assert found["collapse_breadth"].words is None


def test_several_that_lost_are_read() -> None:
    """Three of four: the surest is told, its share is of all three losses, and it was neither the best nor useless."""
    found = read(
        named("a", 0.7, 0.531, 7.0), named("b", 0.7, 0.6, 20.0), named("c", 0.6, 0.57, 6.0), named("d", 0.9, 0.9, 0.0)
    )
    assert values(found, COLLAPSE) == [math.log(21.0), 1.0, math.log(3.0), 0.1 / (0.169 + 0.1 + 0.03)]
    assert values(found, QUALITY) == [0.0, 0.0, 0.4]
    assert found["collapse_breadth"].words == "3 features lost their association with the outcome ('b', 'a', 'c')"
    assert (
        found["collapse"].words == "feature 'b' alone had AUC 0.700 offline, and has 0.600 live (20.0 standard errors)"
    )


def test_a_feature_that_knows_nothing_any_more_is_useless() -> None:
    """At .53 and below; what it lost counts three gaps at the most."""
    found = read(named("a", 0.95, 0.53, 30.0))
    assert (found["collapsed_is_useless"].value, found["collapse_share"].value) == (1.0, 3.0)
    assert read(named("a", 0.95, 0.531, 30.0))["collapsed_is_useless"].value == 0.0


def test_no_feature_that_lost_is_read_as_such() -> None:
    """The largest of the small ones is told, never below zero; a feature that was not measured is missing."""
    found = read(named("a", 0.8, 0.7, 5.9), named("b", 0.8, 0.9, -9.0))
    assert values(found, COLLAPSE) == [math.log(6.9), 0.0, 0.0, 0.0]
    assert values(found, QUALITY) == [0.0, 0.0, 0.0]
    said = "no single feature has surely lost its association with the outcome (at most {} standard errors): "
    assert found["collapse"].words == said.format("5.9") + "the model as a whole has"
    gained = read(named("b", 0.8, 0.9, -9.0))["collapse"]
    assert (gained.value, gained.words) == (0.0, said.format("0.0") + "the model as a whole has")
    assert values(read(feature(collapse=None)), COLLAPSE + QUALITY) == [None] * 7


def of_served(**changes: Any) -> dict[str, Signal]:
    """Every signal of one feature that lost nothing and is served like that."""
    return read(feature(lost=False, **changes))


SERVED = ("served_differently_since_launch", "served_differently_partly", "served_missing_or_constant", "served_unseen")
LATELY = Fault(kind="invalid", ratio=0.5, offline_ratio=0.01, n=900, since="2026-07-29T16:00:00Z", until=None,
               from_launch=False, traffic_ratio=0.3)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "expected", "words"),
    [
        ({}, [0.0, 0.0, 0.0, 0.0], None),
        ({"online_missing_ratio": 0.95}, [1.0, 0.0, 1.0, 0.0], "missing in 95% live, 0% offline"),
        ({"online_missing_ratio": 0.94}, [0.0, 1.0, 1.0, 0.0], "missing in 94% live, 0% offline"),
        (
            {"online_top_share": 0.99, "online_top_bin": "[0, 1)"},
            [1.0, 0.0, 1.0, 0.0],
            "'[0, 1)' in 99% live",
        ),
        (
            {"online_missing_ratio": 1.0, "online_top_share": 1.0, "online_top_bin": "missing"},
            [1.0, 0.0, 1.0, 0.0],
            "missing in 100% live, 0% offline",
        ),
        ({"online_unseen_ratio": 0.2}, [0.0, 1.0, 0.0, 0.2], "never seen offline in 20% live"),
        ({"online_unseen_ratio": 0.95}, [1.0, 0.0, 0.0, 0.95], "never seen offline in 95% live"),
        ({"online_unseen_ratio": 0.19}, [0.0, 0.0, 0.0, 0.0], None),
        (
            {"online_unseen_ratio": 0.4, "online_missing_ratio": 0.6},
            [1.0, 0.0, 1.0, 0.4],
            "missing in 60% live, 0% offline; never seen offline in 40% live",
        ),
        ({"faults": (LATELY,)}, [0.0, 0.0, 0.0, 0.0], None),  # of a feature that lost nothing it is no suspicion
        (
            {"faults": (LATELY,), "collapse": 3.0},
            [0.0, 1.0, 1.0, 0.0],
            "of another type in 50% since 2026-07-29T16:00:00Z, 1% offline",
        ),
        (
            {"faults": (msgspec.structs.replace(LATELY, from_launch=True),), "collapse": 3.0},
            [1.0, 0.0, 1.0, 0.0],
            "of another type in 50% since 2026-07-29T16:00:00Z, 1% offline",
        ),
        (
            {"faults": (msgspec.structs.replace(LATELY, kind="missing"),), "collapse": 3.0,
             "online_missing_ratio": 0.5},
            [0.0, 1.0, 1.0, 0.0],
            "missing in 50% live, 0% offline",
        ),
    ],
)  # fmt: skip
def test_what_is_served_is_read(changes: dict[str, Any], expected: list[float], words: str | None) -> None:
    """Since launch where nearly all traffic or the first panes show it, else in part; as nothing, one value, or new."""
    found = of_served(**changes)
    assert values(found, SERVED) == expected
    said = None if words is None else f"feature 'balance' is served differently: {words}"
    assert {found[name].words for name in SERVED} == {said}


def drifted(excess_psi: float | None) -> Drift:
    """A drift of that size."""
    return Drift(excess_psi=excess_psi, jensen_shannon=None, wasserstein=None, kolmogorov_smirnov=None, p_value=None,
                 log_evidence=None)  # fmt: skip


@pytest.mark.parametrize(
    ("moved", "value", "words"),
    [
        (math.e - 1.0, 1.0, "the values of 'balance' moved by 1.72 in population stability beyond chance"),
        (0.1, math.log1p(0.1), "the values of 'balance' moved by 0.10 in population stability beyond chance"),
        (0.1 - 1e-9, math.log1p(0.1), "the values of 'balance' are distributed as they were offline"),
        (-0.01, 0.0, "the values of 'balance' are distributed as they were offline"),
        (1e9, 2.5, "the values of 'balance' moved by 1000000000.00 in population stability beyond chance"),
        (None, None, None),
    ],
)  # fmt: skip
def test_the_drift_of_the_suspect_is_read(moved: float | None, value: float | None, words: str | None) -> None:
    """By the log of one more, at most 2.5; that of what lost its association before that of any other suspect."""
    found = read(feature(drift=drifted(moved)), feature(name="b", lost=False, drift=drifted(9.0)))["suspect_drift"]
    assert (found.value, found.words) == (None if value is None else pytest.approx(value), words)


def test_without_a_suspect_nothing_drifted() -> None:
    """Zero without words; of suspects none of which collapsed the first is read."""
    calm = of_served()["suspect_drift"]
    assert (calm.value, calm.words) == (0.0, None)
    missing = of_served(online_missing_ratio=1.0, drift=drifted(math.e - 1.0))["suspect_drift"]
    assert missing.value == pytest.approx(1.0)


def recomputed(**changes: Any) -> Backfill:
    """Values of which a quarter differ, whatever the outcome."""
    plain = Backfill(n=50, mismatch_ratio=0.25, n_with_outcome=50, outcome_log_odds=0.0, p_value=1.0)
    return msgspec.structs.replace(plain, **changes)


def of_backfill(*backfills: Backfill) -> dict[str, Signal]:
    """Every signal of features with these, named a, b and so on."""
    return read(*(feature(name=name, lost=False, backfill=one) for name, one in zip("abc", backfills, strict=False)))


DIFFERS = "recomputed for the moment of prediction, feature 'a' differs from what was served in 25%"


@pytest.mark.parametrize(
    ("changes", "both", "tail"),
    [
        ({}, (0.5, 0.0), "; whatever the outcome"),
        ({"p_value": 0.01}, (0.5, math.log(3.0)), "; whatever the outcome"),
        ({"p_value": 1e-3}, (0.5, math.log(4.0)), "; the difference depends on the outcome"),
        ({"p_value": 0.0}, (0.5, math.log(301.0)), "; the difference depends on the outcome"),
        ({"p_value": None}, (0.5, None), None),
    ],
)
def test_a_mismatch_is_read(changes: dict[str, Any], both: tuple[float, float | None], tail: str | None) -> None:
    """Its root, and by the log of one more the decades of its p-value, at most 300 of them."""
    found = of_backfill(recomputed(**changes))
    assert found["backfill_mismatch"].value == pytest.approx(both[0])
    assert found["backfill_mismatch"].words == DIFFERS
    knows = found["backfill_knows_outcome"]
    assert knows.value == (None if both[1] is None else pytest.approx(both[1]))
    assert knows.words == (None if tail is None else DIFFERS + tail)


def test_a_mismatch_of_one_in_a_hundred_has_no_words() -> None:
    """The worst of all features is read, of at least fifty values; without any mismatch no outcome is known."""
    found = of_backfill(recomputed(mismatch_ratio=0.01, p_value=1e-9), recomputed(n=49), recomputed(mismatch_ratio=0.0))
    assert found["backfill_mismatch"].value == pytest.approx(0.1)
    assert (found["backfill_mismatch"].words, found["backfill_knows_outcome"].words) == (None, None)
    none = of_backfill(recomputed(mismatch_ratio=0.0, p_value=1e-9))
    assert (none["backfill_mismatch"].value, none["backfill_knows_outcome"].value) == (0.0, 0.0)
    few = of_backfill(recomputed(n=49))
    assert (few["backfill_mismatch"].value, few["backfill_knows_outcome"].value) == (None, None)


def test_a_gain_is_read() -> None:
    """The largest, by the log of one more; it has words beyond four standard errors."""
    first, second = recomputed(gain_z=1.0), recomputed(gain_z=math.e**2 - 1.0, served_auc=0.6, recomputed_auc=0.7)
    found = of_backfill(first, second)["backfill_gain"]
    assert found.value == pytest.approx(2.0)
    assert found.words == "recomputed values of 'b' rank outcomes with AUC 0.70, the served ones with 0.60"
    small = of_backfill(first, msgspec.structs.replace(second, gain_z=4.0))["backfill_gain"]
    assert small.value == pytest.approx(math.log(5.0))
    assert small.words is None
    unknown = of_backfill(msgspec.structs.replace(second, served_auc=None))["backfill_gain"]
    assert unknown.value == pytest.approx(2.0)
    assert unknown.words is None
    assert of_backfill(recomputed())["backfill_gain"].value is None


@pytest.mark.parametrize(
    ("p_values", "value", "told"),
    [((0.5, 1e-4), math.log(5.0), True), ((0.001,), math.log(4.0), False), ((0.0,), math.log(301.0), True)],
)
def test_a_growth_that_knows_the_outcome_is_read(p_values: tuple[float, ...], value: float, told: bool) -> None:
    """The smallest p-value in decades, by the log of one more; it has words below one in a thousand."""
    found = of_backfill(*(recomputed(growth_p=p_value) for p_value in p_values))["backfill_growth"]
    assert found.value == pytest.approx(value)
    name = "b" if len(p_values) > 1 else "a"
    words = f"what feature {name!r} gained between serving and recomputing depends on the outcome"
    assert found.words == (words if told else None)
    assert of_backfill(recomputed())["backfill_growth"].value is None
