"""Entities in both files matter where live rows have fewer of them and a model can know them by heart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sentinel.audit.checks import entities
from sentinel.audit.features.entity_rates import EntityRates
from sentinel.audit.times.returning import MAX_ROWS, Returning
from sentinel.config.audit import Audit
from sentinel.events.times import BAD_TIME
from sentinel.stats.estimate import NotEnough
from tests.audit.frames import look, rows

N_TRAIN, N_VALIDATION = 3_000, 1_500


def _leaky(seed: int, overlap: float, *, entity_effect: float = 2.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Each entity has a level; training rows are of 500 entities that come one after another and hardly return.

    The score knows the level of those in training and not that of others, as a model does that learned them by heart.
    """
    rng = np.random.default_rng(seed)
    train, validation = rows(N_TRAIN, seed), rows(N_VALIDATION, seed + 1, first_hour=N_TRAIN)
    level = rng.normal(0.0, entity_effect, 2_000)
    who = np.sort(rng.integers(0, 500, N_TRAIN))
    seen = rng.random(N_VALIDATION) < overlap
    asked = np.where(seen, rng.integers(0, 500, N_VALIDATION), rng.integers(500, 2_000, N_VALIDATION))
    for frame, whose in ((train, who), (validation, asked)):
        logit = frame["x"].to_numpy() + level[whose]
        frame["outcome"] = (rng.random(len(frame)) < 1.0 / (1.0 + np.exp(-logit))).astype(np.int64)
        frame["score"] = 1.0 / (1.0 + np.exp(-frame["x"] - np.where(whose < 500, level[whose], 0.0)))
        frame["group"] = [f"u{one}" for one in whose]
    return train, validation


@pytest.mark.parametrize("overlap", [0.1, 0.35, 0.8])
def test_overlap_that_live_rows_do_not_have_is_critical(overlap: float) -> None:
    """Entities that do not return live, known by heart offline, are found at each strength, with what they gain."""
    train, validation = _leaky(1, overlap)
    (finding,) = look(entities, validation, train).findings
    assert finding.severity == "critical"
    assert finding.cause == "group_leakage"
    assert finding.share is not None
    assert finding.share.value == pytest.approx(overlap, abs=0.04)
    assert finding.chance is not None
    assert finding.chance < 0.02
    assert finding.inflation is not None
    assert finding.inflation.gain.lower > 0.0
    pair = finding.rows[0]
    assert train["group"].iloc[pair.train or 0] == validation["group"].iloc[pair.validation or 0]


def test_overlap_that_live_rows_have_too_is_clear() -> None:
    """The same rows are no finding where the configuration says that live rows know as many."""
    train, validation = _leaky(1, 0.35)
    result = look(entities, validation, train, settings=Audit(entity_overlap=0.4))
    assert result.state == "clear"


def test_overlap_without_signal_is_harmless() -> None:
    """Entities without a level of their own, and a score that does not know them, cost nothing: never critical."""
    severities = []
    for seed in range(8):
        train, validation = _leaky(seed, 0.35, entity_effect=0.0)
        severities += [finding.severity for finding in look(entities, validation, train).findings]
    assert "critical" not in severities
    assert severities.count("warning") <= 1  # the gain is proven at 2.5 % by chance: eight seeds, .2 expected


def test_customers_who_return_are_no_finding() -> None:
    """A split by time of entities that all return has a large overlap, which is that of live rows."""
    n_found = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        every = rows(4_500, seed)
        level = rng.normal(0, 2, 300)
        who = rng.integers(0, 300, 4_500)
        every["outcome"] = (rng.random(4_500) < 1 / (1 + np.exp(-level[who]))).astype(np.int64)
        every["group"] = [f"u{one}" for one in who]
        n_found += len(look(entities, every[3_000:], every[:3_000]).findings)
    assert n_found == 0


def _half_parted(seed: int, *, later: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Entities return all the time, but half of those of the validation rows were kept out of training.

    The score knows the level of those in training by heart.
    """
    rng = np.random.default_rng(seed)
    every = rows(6_000, seed)
    who, level = rng.integers(0, 300, len(every)), rng.normal(0.0, 2.0, 300)
    known = who < 200
    every["outcome"] = (rng.random(len(every)) < 1.0 / (1.0 + np.exp(-every["x"] - level[who]))).astype(np.int64)
    every["score"] = 1.0 / (1.0 + np.exp(-every["x"] - np.where(known, level[who], 0.0)))
    every["group"] = [f"u{one}" for one in who]
    judged = ~known | (rng.random(len(every)) < 0.3)
    if later:
        judged = np.arange(len(every)) >= 4_000
        return every[~judged & known], every[judged]
    return every[~judged], every[judged]


def test_entities_that_were_parted_in_part_are_a_warning_where_it_pays() -> None:
    """Files of one time show fewer known entities than return, and those make the metric: one of both misleads."""
    train, validation = _half_parted(1, later=False)
    (finding,) = look(entities, validation, train).findings
    assert finding.severity == "warning"
    assert finding.inflation is not None
    assert finding.inflation.gain.lower > 0.05
    assert "not all of them" in finding.detail


def test_new_entities_of_a_later_time_are_what_live_will_show() -> None:
    """The same entities in a split by time, and a share that is stated for live, are no finding."""
    train, validation = _half_parted(1, later=True)
    assert look(entities, validation, train).state == "clear"
    train, validation = _half_parted(1, later=False)
    assert look(entities, validation, train, settings=Audit(entity_overlap=0.6)).state == "clear"


def test_split_by_entity_is_said_to_be_strict() -> None:
    """Validation rows of new entities only, where live ones return, are no leak but the other way round."""
    train = rows(3_000, 1, group=lambda rng, n: np.array([f"u{i}" for i in rng.integers(0, 300, n)]))
    validation = rows(1_500, 2, group=lambda rng, n: np.array([f"v{i}" for i in rng.integers(0, 300, n)]))
    result = look(entities, validation, train)
    assert result.state == "clear"
    assert "too strict" in result.detail


def test_overlap_without_times_is_never_critical() -> None:
    """Without times nobody knows what live rows will have: the finding says so and stops at a warning."""
    train, validation = _leaky(1, 0.8)
    (finding,) = look(entities, validation, train.drop(columns=["predicted_at"])).findings
    assert finding.severity == "warning"
    assert finding.chance is None
    assert "not known: the training rows carry no time" in finding.detail


@pytest.mark.parametrize("task", ["regression", "multiclass"])
def test_other_tasks_rank_their_outcomes_too(task: str) -> None:
    """A number above the middle, or the most frequent class, stands for the outcome that an entity is known by."""
    train, validation = _leaky(1, 0.8)
    if task == "regression":
        for frame in (train, validation):
            frame["outcome"] = frame["outcome"] * 3.0 + np.random.default_rng(len(frame)).normal(size=len(frame))
    else:
        for frame in (train, validation):
            frame["outcome"] = np.where(frame["outcome"] == 1, "yes", "no")
            frame["scores.yes"], frame["scores.no"] = frame["score"], 1.0 - frame["score"]
            del frame["score"]
    (finding,) = look(entities, validation, train, task=task).findings  # type: ignore[arg-type]
    assert "ranks a validation row's outcome with an AUC of 0." in finding.detail
    assert finding.inflation is not None
    assert finding.inflation.metric == {"regression": "rmse", "multiclass": "accuracy"}[task]


def test_files_without_entities_are_not_checked() -> None:
    """No training file, no column, all null and empty names each say what is needed."""
    frame = rows(200, 1)
    assert look(entities, frame).needs == "--train"
    for nothing in (frame, frame.assign(group=None), frame.assign(group="")):
        result = look(entities, nothing, frame.assign(group="u1"))
        assert result.state == "not_checked"
        assert "columns.group" in (result.needs or "")


def test_one_entity_or_one_class_is_no_error() -> None:
    """An entity that holds all rows, and outcomes of one class, leave the signal unknown and never critical."""
    frame = rows(300, 1).assign(group="u1")
    for validation in (frame, frame.assign(outcome=0), frame.assign(outcome=np.nan)):
        result = look(entities, validation, frame)
        assert all(finding.severity != "critical" for finding in result.findings)


def test_share_of_returning_entities_is_that_of_a_count_by_hand() -> None:
    """Forty entities start, sixty join later: of the last fifth of rows those of the forty have been there."""
    times = np.arange(1_000, dtype=np.int64)
    early = np.arange(800) % 40 + 1
    late = np.arange(200) % 100 + 1  # 1..40 were there, 41..100 were not: 80 of the 200 rows
    returning = Returning()
    returning.add(np.concatenate([early, late]).astype(np.uint64), times)
    share = returning.expected()
    assert not isinstance(share, NotEnough)
    assert share.value == pytest.approx(80 / 200)


@pytest.mark.parametrize(("n_rows", "n_entities", "counted"), [(400, 400, (80, 100)), (1_000, 20, (20, 30))])
def test_too_few_late_rows_or_entities_say_what_is_short(
    n_rows: int, n_entities: int, counted: tuple[int, int]
) -> None:
    """A fifth of 400 rows is fewer than 100 rows, whatever they name; 20 entities are fewer than 30 entities."""
    returning = Returning()
    returning.add((np.arange(n_rows) % n_entities + 1).astype(np.uint64), np.arange(n_rows))
    short = returning.expected()
    assert isinstance(short, NotEnough)
    assert (short.n, short.needed) == counted


def test_longer_history_knows_more_entities() -> None:
    """Entities drawn at random from 60,000: 100,000 rows leave exp(-100 / 60) of the rows to come unknown."""
    rng = np.random.default_rng(5)
    returning = Returning()
    returning.add(rng.integers(1, 60_001, 100_000).astype(np.uint64), np.arange(100_000))
    share = returning.expected()
    assert not isinstance(share, NotEnough)
    assert share.value == pytest.approx(1.0 - np.exp(-100 / 60), abs=0.01)


def test_returning_entities_are_those_of_one_pass_in_any_order() -> None:
    """More rows than are kept, in two parts and in random order, give the same share as at once."""
    rng = np.random.default_rng(1)
    n = 2 * MAX_ROWS
    groups = rng.integers(1, n // 4, n).astype(np.uint64)
    times = rng.integers(0, 1 << 40, n)
    times[:100] = BAD_TIME
    whole, first, second = Returning(), Returning(), Returning()
    whole.add(groups, times)
    order = rng.permutation(n)
    first.add(groups[order[: n // 3]], times[order[: n // 3]])
    second.add(groups[order[n // 3 :]], times[order[n // 3 :]])
    first.merge(second)
    assert first.expected() == whole.expected()


def test_entity_rates_add_up() -> None:
    """Two halves merged give the mean of each entity that all rows give, and leave the second as it was."""
    rng = np.random.default_rng(2)
    groups, outcomes = rng.integers(1, 50, 400).astype(np.uint64), rng.integers(0, 2, 400).astype(np.float64)
    whole, first, second = EntityRates(), EntityRates(), EntityRates()
    whole.add(groups, outcomes)
    first.add(groups[:150], outcomes[:150])
    second.add(groups[150:], outcomes[150:])
    before = second.means(groups)
    first.merge(second)
    np.testing.assert_allclose(first.means(groups), whole.means(groups))
    np.testing.assert_array_equal(second.means(groups), before)
