"""The benchmark of alarms on long streams: which streams it watches, and that it counts what was raised."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from benchmarks.alarm_bound import GATE, MOVING, STILL, WINDOW, Seen, share, tasks, watch
from sentinel.simulation.causes import VARIANTS
from sentinel.simulation.trials import GENERATORS, plan_trial


def test_streams_take_every_variant_in_both_worlds_and_every_generator() -> None:
    """A third is clean and still, where alpha must hold; the rest go round all variants, worlds and generators."""
    found = tasks(300, 100_000, seed=1)
    kinds = Counter((task.plan.variant, task.world) for task in found)
    assert kinds["clean", STILL] >= 100
    assert set(kinds) == {(variant, world) for variant in VARIANTS["none"] for world in (STILL, MOVING)}
    steady = {task.plan.generator for task in found if (task.plan.variant, task.world) == ("clean", STILL)}
    assert steady == set(GENERATORS)
    assert len({task.plan.seed for task in found}) == 300


def test_a_still_world_has_nothing_that_moves() -> None:
    """Without shocks, season, swing and drift the law of a still world is the same from its first day to its last."""
    for task in tasks(40, 100_000, seed=1):
        nuisances = task.plan.nuisances
        moves = (nuisances.season, nuisances.day_sd, nuisances.wobble, nuisances.harmless_drift)
        assert task.world == MOVING or moves == (0.0, 0.0, 0.0, 0.0)


def test_fewer_streams_are_the_first_of_more() -> None:
    """A short run is the beginning of a long one with the same seed."""
    assert tasks(10, 5_000, seed=3) == tasks(30, 5_000, seed=3)[:10]


def test_a_leak_is_raised_where_it_is_planted() -> None:
    """What is quiet on healthy streams opens the gate on a leak of .15 AUC, so silence is not for want of looking."""
    task = tasks(1, 2_000, seed=2)[0]
    leaking = plan_trial("customers", "target_leakage", variant="default", severity="large", seed=4)
    nuisances = replace(
        leaking.nuisances,
        n_train=1_500,
        n_validation=3_000,
        n_stream=2_000,
        n_features=4,
        base_rate=0.3,
        learner="logistic",
        delay="none",
        has_feature_times=False,
        has_backfills=False,
    )
    seen = watch(replace(task, plan=replace(leaking, nuisances=nuisances)))
    assert seen.n_looks >= 100
    assert {GATE, WINDOW, "SentinelOfflineOnlineGap"} <= seen.at.keys()
    assert 0 < seen.at[GATE] <= seen.n_outcomes <= 2_000


@pytest.mark.parametrize(("raised", "expected"), [(0, "0 of 4 (0.000-0.490)"), (4, "4 of 4 (0.510-1.000)")])
def test_the_share_counts_streams(raised: int, expected: str) -> None:
    """A stream counts once however often it was raised; the interval is Wilson's: z^2 / (n + z^2) at none of four."""
    task = tasks(1, 1_000, seed=1)[0]
    streams = [Seen(task, 0.8, 0.8, at={GATE: 500} if i < raised else {}) for i in range(4)]
    assert share(streams, GATE) == expected
