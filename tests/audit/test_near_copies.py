"""Near copies: edited and jittered rows across the split, against coarse inputs, exact copies and honest files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sentinel.audit.checks import near_copies
from tests.audit.frames import look
from tests.audit.tables import NUMBERS, jittered, odd_tables, plant, retyped, split, table


@pytest.mark.parametrize("share", [0.02, 0.1, 0.4])
def test_rows_with_one_number_changed_are_found_with_their_share(share: float) -> None:
    """A training row with another number in one column is named, with the row it came from, and its share is right."""
    train, validation = table(4_000, 1), table(2_000, 2)
    copied, places = plant(train, validation, share, 3)
    (finding,) = look(near_copies, retyped(copied, places, 4), train).findings
    assert finding.share is not None
    assert finding.share.value == pytest.approx(share, abs=0.002)
    assert finding.chance == pytest.approx(0.0, abs=0.001)
    assert finding.severity == "critical"
    assert finding.inflation is not None
    assert finding.inflation.gain.lower > 0.0
    assert {pair.validation for pair in finding.rows} <= set(places.tolist())
    assert all("1 of 9 columns" in pair.note for pair in finding.rows)
    assert all(pair.train is not None and 0 <= pair.train < 4_000 for pair in finding.rows)


def test_the_columns_that_differ_are_named() -> None:
    """Of a copy with another number and another word, both columns are named, and nothing of what they hold."""
    train, validation = table(4_000, 1), table(2_000, 2)
    copied, places = plant(train, validation, 0.1, 3)
    copied.loc[places, "x4"] += 3.0
    copied.loc[places, "city"] = "elsewhere"
    (finding,) = look(near_copies, copied, train).findings
    notes = {pair.note for pair in finding.rows}
    assert "differs in 2 of 9 columns: x4, city" in notes
    assert len(notes) <= 3  # a training row may be as near by chance


def test_columns_of_one_file_only_do_not_count() -> None:
    """What one file lacks, numbers and words, tells no copy from its source, and is no column that differs."""
    train, validation = table(4_000, 1), table(2_000, 2)
    copied, places = plant(train, validation, 0.1, 3)
    rng = np.random.default_rng(6)
    copied = retyped(copied, places, 4).assign(extra=rng.normal(size=2_000), more=rng.normal(size=2_000))
    train = train.assign(word=rng.choice(["a", "b", "c"], 4_000), number=rng.normal(size=4_000))
    (finding,) = look(near_copies, copied, train).findings
    assert finding.share is not None
    assert finding.share.value == pytest.approx(0.1, abs=0.002)
    assert all("1 of 9 columns" in pair.note for pair in finding.rows)


@pytest.mark.parametrize(("spread", "least"), [(0.002, 0.99), (0.02, 0.99), (0.05, 0.9)])
def test_rows_moved_by_noise_are_found(spread: float, least: float) -> None:
    """Of training rows with noise of .002 to .05 standard deviations in all numbers nearly all are found."""
    train, validation = table(4_000, 1), table(2_000, 2)
    copied, places = plant(train, validation, 0.1, 3)
    (finding,) = look(near_copies, jittered(copied, places, spread, 5), train).findings
    assert finding.share is not None
    assert least * 0.1 <= finding.share.value <= 0.102
    assert "standard deviations" in finding.rows[0].note


def test_nothing_is_found_in_honest_files() -> None:
    """Of 40 honest pairs of files, half of them of coarse numbers, none has a finding: under 9 % at 97.5 %."""
    for seed in range(40):
        digits = None if seed % 2 else 0
        result = look(near_copies, table(700, 1_000 + seed, digits=digits), table(1_500, 2_000 + seed, digits=digits))
        assert not result.findings, seed


def test_noise_added_before_a_random_split_is_found_though_training_rows_have_it_too() -> None:
    """Where each row was jittered three times before the split, training rows are as near; distances tell it."""
    rows = table(1_500, 7)
    versions = pd.concat([rows, *(jittered(rows, np.arange(len(rows)), 0.005, seed) for seed in (1, 2))])
    train, validation = split(versions.reset_index(drop=True), 0.3, 8)
    (finding,) = look(near_copies, validation, train).findings
    assert finding.share is not None
    assert finding.share.value > 0.8
    assert finding.chance is not None
    assert finding.chance < 0.05
    assert (finding.severity, finding.inflation) == ("critical", None)  # too few rows are left to compare with
    assert finding.no_inflation


def test_exact_copies_are_left_to_their_own_check() -> None:
    """Rows that are equal are not near."""
    train, validation = table(4_000, 1), table(2_000, 2)
    copied, _ = plant(train, validation, 0.2, 3)
    assert look(near_copies, copied, train).state == "clear"


def test_a_setting_that_many_rows_share_is_no_copy() -> None:
    """Numbers of the month, equal for all its rows, make rows alike on both sides of a random split; that is honest."""
    rng = np.random.default_rng(9)
    rows = table(3_000, 10, digits=1)
    month = rng.integers(0, 12, len(rows))
    for name in NUMBERS[1:]:
        rows[name] = rng.normal(size=12)[month]
    train, validation = split(rows.sort_values("x1", ignore_index=True), 0.3, 11)
    assert not look(near_copies, validation, train.sort_values("x1", ignore_index=True)).findings


def test_edited_copies_that_cost_nothing_are_no_alarm() -> None:
    """Where the score has not learnt the copies, and it is proven, they are information."""
    train, validation = table(6_000, 1), table(6_000, 2)
    copied, places = plant(train, validation, 0.02, 3, learnt=False)
    (finding,) = look(near_copies, retyped(copied, places, 4), train).findings
    assert finding.severity == "info"


@pytest.mark.parametrize("name", list(odd_tables()))
def test_odd_files_have_a_result(name: str) -> None:
    """One class, no outcomes, nothing but missing, constant or wild values, a row or two: no error, no finding."""
    train, validation = odd_tables()[name]
    result = look(near_copies, validation, train)
    assert result.state in ("clear", "not_checked")
    assert result.detail


def test_without_training_rows_it_says_what_it_needs() -> None:
    """The check names the option."""
    result = look(near_copies, table(100, 1))
    assert (result.state, result.needs) == ("not_checked", "--train")


def test_batches_change_nothing() -> None:
    """Rows shown 97 at a time give what rows shown at once give."""
    train, validation = table(2_000, 1), table(1_000, 2)
    copied, places = plant(train, validation, 0.1, 3)
    given = retyped(copied, places, 4)
    one, other = (look(near_copies, given, train, batch_rows=n) for n in (97, 1 << 15))
    assert one.findings == other.findings
