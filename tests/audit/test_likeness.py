"""The share of rows that resemble another one by chance."""

from __future__ import annotations

import numpy as np
import pytest

from sentinel.audit.estimates.excess import excess
from sentinel.audit.similarity.likeness import TEMPLATE, Likeness, Neighbours, chance_level, compare, time_blocks
from sentinel.events.batch import F64, I64
from sentinel.events.times import BAD_TIME


def _drawn(rng: np.random.Generator, law: F64, n: int) -> I64:
    return rng.choice(len(law), n, p=law)


def _counts(kinds: I64) -> I64:
    """Of each row, how many others are of its kind."""
    return np.asarray(np.bincount(kinds)[kinds] - 1, np.int64)


def _few(validation: I64, train: I64) -> int:
    """Validation rows whose kind some training rows are of, but not so many that it is a template."""
    seen = np.bincount(train, minlength=int(validation.max()) + 1)[validation]
    return int(((seen > 0) & (seen < TEMPLATE)).sum())


def _law(name: str) -> F64:
    size = {"even": 3_000, "zipf": 50_000, "steep": 50_000, "rare": 400_000}[name]
    power = {"even": 0.0, "zipf": 1.0, "steep": 1.5, "rare": 0.3}[name]
    weights = np.arange(1, size + 1) ** -power
    return np.asarray(weights / weights.sum(), np.float64)


@pytest.mark.parametrize("law", ["even", "zipf", "steep", "rare"])
def test_templates_of_any_frequencies_are_chance(law: str) -> None:
    """Honest draws pass as an excess in hardly any file: 3 standard errors are passed once in 740."""
    rng = np.random.default_rng(6)
    frequencies = _law(law)
    alarms = 0
    for _ in range(60):
        train, validation = _drawn(rng, frequencies, 3_000), _drawn(rng, frequencies, 2_000)
        found = _few(validation, train)
        chance = chance_level(_counts(train))
        alarms += excess(found, 2_000, chance, chance * (1 - chance) / 3_000).is_sure
    assert alarms <= 2  # four laws, 60 files each: .3 expected


@pytest.mark.parametrize("copies", [2, 3])
def test_copies_before_a_random_split_are_not_chance(copies: int) -> None:
    """Rows copied equally often and then dealt out are more than chance, though training has copies too."""
    rng = np.random.default_rng(7)
    originals = np.arange(12_000)
    every = rng.permutation(np.concatenate([originals, np.repeat(originals[:2_000], copies - 1)]))
    train, validation = every[:10_000], every[10_000:]
    chance = chance_level(_counts(train))
    found = _few(validation, train)
    measured = excess(found, len(validation), chance, chance * (1 - chance) / len(train))
    assert measured.is_sure
    assert chance < (_counts(train) > 0).mean()


def test_what_was_left_out_is_given_back() -> None:
    """Leaving a sixteenth of the rows out of each comparison would lower the chance level, if it were not corrected."""
    rng = np.random.default_rng(8)
    kinds = _drawn(rng, _law("even"), 3_000)
    blocks = np.arange(3_000) % 16
    cells = np.bincount(kinds * 16 + blocks, minlength=3_000 * 16).reshape(-1, 16)
    others = np.bincount(kinds, minlength=3_000)[kinds] - cells[kinds, blocks]
    assert chance_level(others, 1 / 16) == pytest.approx(chance_level(_counts(kinds)), abs=0.01)
    assert chance_level(others) < chance_level(_counts(kinds)) - 0.01


def test_no_rows_no_chance() -> None:
    """Without training rows nothing is like anything by chance."""
    assert chance_level(np.empty(0, np.int64)) == 0.0


def test_blocks_are_stretches_of_time() -> None:
    """Rows are parted into sixteen stretches of about equal size; without times, or with few of them, not at all."""
    times = np.random.default_rng(9).permutation(16_000).astype(np.int64)
    blocks, left_out = time_blocks(times)
    assert np.bincount(blocks).tolist() == pytest.approx([1_000] * 16, abs=1)
    assert left_out == pytest.approx(1 / 16, rel=0.01)
    for useless in (np.full(50, BAD_TIME), np.zeros(50, np.int64), np.arange(0), np.arange(50) // 25):
        alone, none = time_blocks(useless.astype(np.int64))
        assert len(set(alone.tolist())) == len(useless)
        assert none == 0.0


def _seen(kinds_train: I64, kinds_validation: I64, times: I64) -> Likeness:
    """Rows of one kind are alike; neighbours by the matrix of all pairs, ties in random order."""
    rng = np.random.default_rng(10)
    sides = []
    for kinds, k in ((kinds_validation, 16), (kinds_train, 17)):
        same = (kinds[:, None] == kinds_train[None, :]) + 0.5 * rng.random((len(kinds), len(kinds_train)))
        near = np.argsort(-same, axis=1)[:, :k]
        likeness = (np.take_along_axis(same, near, axis=1) >= 1.0).astype(np.float64)
        sides.append(Neighbours(np.arange(len(kinds)), near, likeness))
    return compare(sides[0], sides[1], times)


def test_bursts_dealt_out_at_random_are_copies() -> None:
    """Ten pictures of each scene, taken at one time and dealt out at random, are copies where times are known."""
    rng = np.random.default_rng(11)
    scenes = rng.permutation(np.repeat(np.arange(120), 10))
    times = scenes * 1_000_000 + rng.integers(0, 1_000, len(scenes))
    seen = _seen(scenes[:900], scenes[900:], times[:900])
    assert seen.excess(1.0).share.value > 0.87  # borders of stretches cut 15 of the 120 scenes
    assert seen.excess(1.0).is_sure


def test_more_templates_in_one_file_are_no_copies() -> None:
    """A template that 5 % of the training rows and 30 % of the validation rows are of is no copy."""
    rng = np.random.default_rng(12)
    train = np.where(rng.random(900) < 0.05, 0, 1 + np.arange(900))
    validation = np.where(rng.random(300) < 0.3, 0, 5_000 + np.arange(300))
    for times in (np.arange(900), np.full(900, BAD_TIME)):
        measured = _seen(train, validation, times.astype(np.int64)).excess(1.0)
        assert not measured.is_sure
        assert measured.share.value < 0.02


def test_widest_look_stops_where_honest_rows_come_in() -> None:
    """One looks as far as brings in hardly any training row, and no further."""
    n = 1_000
    empty = np.full((n, 5), -1)
    likeness = np.zeros((n, 5))
    likeness[:100, 0] = 0.8  # a tenth of the training rows have another one so like
    side = Neighbours(np.arange(n), empty, likeness)
    seen = Likeness(side, side, np.arange(n), 0.0)
    assert seen.widest([0.95, 0.9, 0.85, 0.75, 0.7], 0.001) == 0.85
