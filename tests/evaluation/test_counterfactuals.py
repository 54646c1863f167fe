"""Counterfactuals: a planted leak is explained whole, and an overlap that live traffic shares explains nothing."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel.baseline.evidence import RepairedEstimate, StaticEvidence
from sentinel.evaluation.counterfactuals import judge_counterfactuals
from sentinel.evaluation.findings import Counterfactual
from sentinel.evaluation.overlap import judge_overlaps
from sentinel.stats.estimate import Estimate
from sentinel.summaries.algebra import Summary
from sentinel.summaries.metrics import measure
from sentinel.summaries.rows import Rows
from sentinel.summaries.trained import NAMED, SEEN_ENTITY, SEEN_ROW
from tests.evaluation.worlds import Meta, Side, count, draw, world_layout

LAYOUT = world_layout(n_features=1)
CHANCE = 0.008
KNOWN = StaticEvidence(
    duplicate_ratio=0.3, entity_overlap_ratio=0.3, row_by_chance_ratio=CHANCE, entity_by_chance_ratio=CHANCE
)


def _rows(seed: int, n: int, share: float, seen_auc: float, unseen_auc: float, bit: int) -> Rows:
    """Rows of which a share is marked with the bit and scored better; strangers are marked by chance."""
    rng = np.random.default_rng(seed)
    n_seen = round(share * n)
    seen, unseen = draw(LAYOUT, rng, n_seen, auc=seen_auc), draw(LAYOUT, rng, n - n_seen, auc=unseen_auc)
    seen["marks"] = bit
    unseen["marks"] = np.where(rng.random(len(unseen)) < CHANCE, bit, 0)
    rows = np.concatenate([seen, unseen])
    rows["marks"] |= NAMED
    return rows


def _judge(offline: Rows, live: Rows, static: StaticEvidence = KNOWN, **meta: Any) -> dict[str, Counterfactual]:
    side, online = Side(LAYOUT, count(LAYOUT, offline), Meta(static=static, **meta)), count(LAYOUT, live)
    found = judge_counterfactuals(side, online, measure(side.summary)["auc"], measure(online)["auc"])
    return {one.name: one for one in found}


@pytest.mark.parametrize(("bit", "name"), [(SEEN_ROW, "duplicates"), (SEEN_ENTITY, "groups")])
def test_a_planted_leak_is_explained_whole(bit: int, name: str) -> None:
    """30 % seen rows of AUC .98 among .75, none of them live: their removal gives .75 and explains the gap."""
    found = _judge(_rows(1, 12_000, 0.3, 0.98, 0.75, bit), _rows(2, 30_000, 0.0, 0.98, 0.75, bit))[name]
    assert found.explained is not None
    assert found.lower is not None
    assert found.upper is not None
    assert 0.9 <= found.explained <= 1.1
    assert found.lower < 1.0 < found.upper
    assert found.corrected.value == pytest.approx(0.75, abs=0.015)
    assert found.log_evidence is not None
    assert found.log_evidence > math.log(20)
    assert found.remainder is not None
    assert abs(found.remainder) < 3


@pytest.mark.parametrize("bit", [SEEN_ROW, SEEN_ENTITY])
def test_an_overlap_of_the_same_size_live_explains_nothing(bit: int) -> None:
    """35 % seen on both sides, better scored on both, and a gap from elsewhere: the share explained is about zero."""
    offline, live = _rows(3, 12_000, 0.35, 0.95, 0.85, bit), _rows(4, 30_000, 0.35, 0.85, 0.72, bit)
    found = _judge(offline, live)["duplicates" if bit == SEEN_ROW else "groups"]
    assert found.explained == pytest.approx(0.0, abs=0.05)
    assert found.upper is not None
    assert found.upper < 0.15


def test_what_chance_claims_is_taken_off() -> None:
    """With a filter that claims a fifth of all strangers the corrected value is still that of unseen rows."""
    rng = np.random.default_rng(5)
    offline, live = _rows(6, 12_000, 0.3, 0.98, 0.75, SEEN_ROW), _rows(7, 30_000, 0.0, 0.98, 0.75, SEEN_ROW)
    for rows in (offline, live):
        rows["marks"] |= np.where(rng.random(len(rows)) < 0.2, SEEN_ROW, 0).astype(np.uint8)
    chance = 1 - (1 - CHANCE) * 0.8
    static = msgspec.structs.replace(KNOWN, row_by_chance_ratio=chance)
    found = _judge(offline, live, static)["duplicates"]
    assert found.corrected.value == pytest.approx(0.75, abs=0.015)


def test_duplicated_rows_do_not_count_as_a_leak_of_their_entities() -> None:
    """Copies of training rows are about training entities as well: only the copies explain the gap."""
    rng = np.random.default_rng(8)
    offline = _rows(9, 12_000, 0.3, 0.98, 0.75, SEEN_ROW)
    live = _rows(10, 30_000, 0.0, 0.98, 0.75, SEEN_ROW)
    for rows in (offline, live):
        entity = ((rows["marks"] & SEEN_ROW) != 0) | (rng.random(len(rows)) < 0.4)
        rows["marks"] |= np.where(entity, SEEN_ENTITY, 0).astype(np.uint8)
    found = _judge(offline, live)
    assert found["duplicates"].explained == pytest.approx(1.0, abs=0.1)
    assert found["groups"].explained == pytest.approx(0.0, abs=0.05)


def test_without_training_rows_or_overlap_there_is_nothing_to_repair() -> None:
    """Unknown training rows, and training rows that share nothing, give no counterfactual."""
    offline, live = _rows(11, 4_000, 0.0, 0.8, 0.8, SEEN_ROW), _rows(12, 4_000, 0.0, 0.8, 0.8, SEEN_ROW)
    assert _judge(offline, live, StaticEvidence()) == {}
    assert _judge(offline, live) == {}


def test_live_traffic_that_is_too_little_is_a_reason() -> None:
    """Below 200 live predictions the share that is seen is not read."""
    found = _judge(_rows(13, 4_000, 0.3, 0.95, 0.75, SEEN_ROW), _rows(14, 150, 0.0, 0.9, 0.75, SEEN_ROW))
    reason = found["duplicates"].corrected.reason
    assert reason == "too few live predictions: 150 of the 200 it takes"
    assert found["duplicates"].explained is None


def test_entities_that_are_seldom_named_are_a_reason() -> None:
    """All offline rows name theirs, 300 of 1,000 live ones: it takes half as many, and that number is told."""
    live = _rows(14, 1_000, 0.0, 0.9, 0.75, SEEN_ENTITY)
    live["marks"][300:] = 0
    found = _judge(_rows(13, 4_000, 0.3, 0.95, 0.75, SEEN_ENTITY), live)["groups"]
    assert found.corrected.reason == "too few live predictions name an entity: 300 of the 500 it takes"


def test_rows_that_are_all_seen_leave_nothing_to_compare() -> None:
    """No validation row is new to training: what would be left is unknown, and said to be."""
    offline = _rows(15, 4_000, 1.0, 0.95, 0.75, SEEN_ROW)
    found = _judge(offline, _rows(16, 4_000, 0.0, 0.95, 0.75, SEEN_ROW))["duplicates"]
    assert found.corrected.reason is not None
    assert "has not seen" in found.corrected.reason


def test_the_optimism_of_a_choice_is_taken_off() -> None:
    """A gap of exactly the expected optimism is explained by it."""
    side = Side(
        LAYOUT, count(LAYOUT, _rows(17, 4_000, 0.0, 0.8, 0.8, 0)), Meta(static=StaticEvidence(expected_optimism=0.06))
    )
    stated = measure(side.summary)["auc"]
    assert isinstance(stated, Estimate)
    live = replace(stated, value=stated.value - 0.06)
    (found,) = judge_counterfactuals(side, count(LAYOUT, _rows(18, 4_000, 0.0, 0.8, 0.8, 0)), stated, live)
    assert (found.name, found.cause) == ("selection", "selection_optimism")
    assert found.explained == pytest.approx(1.0)
    assert found.remainder == pytest.approx(0.0, abs=1e-9)


def test_stored_repairs_are_judged_too() -> None:
    """Estimates that the baseline carries are held against live; one without numbers keeps its reason."""
    offline, live = _rows(19, 8_000, 0.0, 0.9, 0.9, 0), _rows(20, 8_000, 0.0, 0.7, 0.7, 0)
    known = RepairedEstimate(
        name="feature:calls",
        cause="target_leakage",
        value=0.7,
        variance=4e-5,
        covariance=1e-5,
        n=8_000,
        n_positive=2_400,
    )
    unknown = RepairedEstimate(
        name="time_overlap",
        cause="temporal_leakage",
        value=None,
        variance=None,
        covariance=None,
        n=3,
        n_positive=0,
        reason="too few positive outcomes",
        needed=10,
    )
    found = _judge(offline, live, StaticEvidence(), repairs=(known, unknown))
    assert found["feature:calls"].explained == pytest.approx(1.0, abs=0.1)
    assert found["time_overlap"].corrected.reason == "too few positive outcomes: 3 of the 10 it takes"


def test_seen_and_unseen_live_traffic_are_told_apart() -> None:
    """Shares are those of the rows less chance, and the contrast is large where seen rows are scored better."""
    offline, live = _rows(21, 8_000, 0.4, 0.95, 0.75, SEEN_ENTITY), _rows(22, 20_000, 0.1, 0.95, 0.75, SEEN_ENTITY)
    side = Side(LAYOUT, count(LAYOUT, offline), Meta(static=KNOWN))
    rows, entities = judge_overlaps(side, count(LAYOUT, live))
    assert (rows.of, entities.of) == ("rows", "entities")
    assert entities.offline_ratio == pytest.approx(0.4, abs=0.005)
    assert entities.online_ratio == pytest.approx(0.1, abs=0.005)
    assert entities.contrast is not None
    assert entities.contrast > 10
    assert entities.unseen.value == pytest.approx(0.75, abs=0.02)
    assert rows.contrast is None
    assert rows.seen.reason is not None
    assert judge_overlaps(Side(LAYOUT, side.summary), count(LAYOUT, live)) == ()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 400), st.integers(0, 400), st.floats(0.0, 1.0))
def test_every_pair_of_counts_gives_finite_numbers_or_a_reason(seed: int, n: int, m: int, chance: float) -> None:
    """Empty sides, one class, constant scores, any marks and any chance claims."""
    rng = np.random.default_rng(seed)
    sides: list[Summary] = []
    for size in (n, m):
        rows = draw(
            LAYOUT, rng, size, auc=float(rng.uniform(0.5, 0.999)), base_rate=float(rng.choice([0.002, 0.3, 0.998]))
        )
        rows["marks"] = rng.integers(0, 8, size)
        if rng.random() < 0.3:
            rows["score_bin"] = 5
        sides.append(count(LAYOUT, rows))
    static = msgspec.structs.replace(
        KNOWN, row_by_chance_ratio=chance, entity_by_chance_ratio=chance, expected_optimism=0.01
    )
    side = Side(LAYOUT, sides[0], Meta(static=static))
    judged = judge_counterfactuals(side, sides[1], measure(sides[0])["auc"], measure(sides[1])["auc"])
    for value in msgspec.to_builtins([*judged, *judge_overlaps(side, sides[1])]):
        assert all(math.isfinite(x) for x in _numbers(value))


def _numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [x for item in value.values() for x in _numbers(item)]
    return [value] if isinstance(value, int | float) else []
