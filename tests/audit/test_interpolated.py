"""Rows on lines between others: made before the split, after it, and coarse inputs that are in line by themselves."""

from __future__ import annotations

import numpy as np
import pytest

from sentinel.audit.checks import interpolated
from sentinel.audit.similarity.lines import lines, telling
from tests.audit.frames import look
from tests.audit.tables import NUMBERS, odd_tables, split, table
from tests.audit.tables import interpolated as with_synthetic


@pytest.mark.parametrize("times", [1.5, 2.0, 6.0])
def test_rows_made_before_the_split_are_found(times: float) -> None:
    """Validation rows in line with training rows are named, and are of the class that was oversampled."""
    train, validation = split(with_synthetic(table(5_000, 1), times, 2), 0.3, 3)
    (finding,) = look(interpolated, validation, train).findings
    assert "before the split" in finding.title
    assert finding.share is not None
    assert finding.share.value > 0.15
    assert finding.chance == 0.0
    assert finding.severity in ("warning", "critical")
    for pair in finding.rows:
        assert pair.validation is not None
        assert validation["outcome"].to_numpy()[pair.validation] == 1
        assert pair.train is not None
        assert train["outcome"].to_numpy()[pair.train] == 1


@pytest.mark.parametrize("times", [1.5, 2.0, 6.0])
def test_rows_made_after_the_split_are_information(times: float) -> None:
    """Where training rows were made of training rows, no validation row is in line; against the manifest, a warning."""
    train, validation = split(table(5_000, 1), 0.3, 3)
    train = with_synthetic(train, times, 2)
    for stated, severity in (("after_split", "info"), ("none", "warning")):
        (finding,) = look(interpolated, validation, train, manifest={"oversampling": stated}).findings
        assert finding.severity == severity
        assert finding.share is not None
        assert finding.share.value == 0.0


def test_a_column_of_one_file_only_hides_nothing() -> None:
    """Fractions that only the training rows have are no column to be in line by: the finding is the same without."""
    train, validation = split(with_synthetic(table(5_000, 1), 2.0, 2), 0.3, 3)
    (finding,) = look(interpolated, validation, train).findings
    more = train.assign(extra=np.random.default_rng(4).normal(size=len(train)))
    assert look(interpolated, validation, more).findings == (finding,)


def test_rows_learnt_by_heart_are_critical() -> None:
    """Where the scores of rows in line are right because training rows were made of them, the gain is measured."""
    rows = table(5_000, 1)
    train, validation = split(with_synthetic(rows, 1.6, 2), 0.3, 3)
    plain = look(interpolated, validation, train).findings[0]
    known = [pair.validation for pair in plain.rows]
    assert plain.n_rows > len(known) == 100
    validation.loc[validation.outcome == 1, "score"] *= 0.5
    validation.loc[validation.index.isin(known), "score"] = 0.999
    (finding,) = look(interpolated, validation, train).findings
    assert finding.inflation is not None
    assert finding.inflation.gain.lower > 0.0
    assert finding.severity == "critical"


def test_honest_files_have_no_finding() -> None:
    """Of 20 honest pairs of files, half of them rounded to a tenth so that rows are in line, none has one."""
    for seed in range(20):
        digits = None if seed % 2 else 1
        train, validation = table(2_000, 5_000 + seed, digits=digits), table(900, 6_000 + seed, digits=digits)
        result = look(interpolated, validation, train)
        assert result.state == ("clear" if seed % 2 else "not_checked"), seed


def test_columns_that_are_functions_of_one_another_are_no_interpolation() -> None:
    """Rows that all lie on one line, in either class, are honest."""
    frames = []
    for n, seed in ((2_000, 1), (900, 2)):
        frame = table(n, seed)
        for j, name in enumerate(NUMBERS):
            frame[name] = frame["x0"] * (j + 1.0)
        frames.append(frame)
    assert look(interpolated, frames[1], frames[0]).state == "clear"


@pytest.mark.parametrize("name", list(odd_tables()))
def test_odd_files_have_a_result(name: str) -> None:
    """One class, no outcomes, nothing but missing, constant or wild values, a row or two: no error, no finding."""
    train, validation = odd_tables()[name]
    assert look(interpolated, validation, train).state in ("clear", "not_checked")


def test_it_says_what_it_needs() -> None:
    """Training rows, classes, and columns with fractions."""
    assert look(interpolated, table(200, 1)).needs == "--train"
    assert look(interpolated, table(200, 1), table(200, 2), task="regression").needs == "a binary or multiclass task"
    assert look(interpolated, table(200, 1, digits=0), table(600, 2, digits=0)).needs == "3 such columns"


def test_a_row_between_two_others_is_told_from_one_at_their_end_and_one_beside_them() -> None:
    """By one ratio in all columns: the middle is between, the ends are in line, one off by a thousandth neither."""
    a, b = np.array([0.0, 1.0, 2.0, 3.0]), np.array([4.0, 0.0, 5.0, -1.0])
    middle, off = a + 0.37 * (b - a), a + np.array([0.371, 0.37, 0.37, 0.37]) * (b - a)
    reference = np.stack([a, b, middle])
    seen = lines(np.stack([middle, a, b, off]), reference, np.ones(3, np.bool_))
    assert seen.between.tolist() == [True, False, False, False]
    assert seen.in_line.tolist() == [True, True, True, False]
    assert {int(seen.one[0]), int(seen.two[0])} == {0, 1}
    assert seen.one[3] == -1
    unusable = lines(middle[None], reference, np.zeros(3, np.bool_))
    assert not unusable.in_line.any()


def test_two_rows_next_to_each_other_are_no_line_with_a_row_far_off() -> None:
    """A synthetic row at its parent is seen in the same direction from everywhere; that says nothing of who sees it."""
    a, b, far = np.zeros(3), np.full(3, 1e-5) * np.array([1.0, 2.0, -1.0]), np.array([1.0, 2.0, 3.0])
    assert not lines(far[None], np.stack([a, b]), np.ones(2, np.bool_)).in_line.any()


def test_chance_puts_no_row_on_a_line_in_three_columns() -> None:
    """Of 4,000 rows of three numbers none is: 120 pairs each, an angle below 1.4e-4 has a chance of 5e-9."""
    rows = np.random.default_rng(1).normal(size=(4_000, 3))
    assert not lines(rows, rows, np.ones(4_000, np.bool_)).in_line.any()


def test_columns_on_a_grid_are_told_from_those_with_fractions() -> None:
    """Whole and rounded numbers are on a grid; missing and infinite values are neither."""
    numeric = np.array([[1.0, 2.0, np.nan, np.inf], [1.5, 2.0, 3.0, 4.0], [np.nan] * 4, [0.5, 0.5, 0.7, 0.7]])
    assert telling(numeric).tolist() == [False, True, False, False]
