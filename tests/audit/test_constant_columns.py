"""Columns with one value: harmless in both files, a fault in one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sentinel.audit.checks import constant_columns
from tests.audit.frames import look, rows


def _pair(seed: int = 1, n: int = 400) -> tuple[pd.DataFrame, pd.DataFrame]:
    return rows(n, seed), rows(n, seed + 1, first_hour=n)


@pytest.mark.parametrize("value", [7.0, np.nan, "one"])
def test_a_column_of_one_value_in_both_files_is_good_to_know(value: float | str) -> None:
    """A number, a word or nothing at all in every row of both files misleads nobody."""
    train, validation = (frame.assign(same=value) for frame in _pair())
    (finding,) = look(constant_columns, validation, train).findings
    assert (finding.severity, finding.columns) == ("info", ("same",))


@pytest.mark.parametrize("side", ["training", "validation"])
@pytest.mark.parametrize("column", ["noise", "plan"])
def test_a_column_that_is_constant_in_one_file_is_a_fault(side: str, column: str) -> None:
    """What varies in one file and has one value in the other is named with the file."""
    train, validation = _pair()
    (train if side == "training" else validation)[column] = 0.5 if column == "noise" else "a"
    (finding,) = look(constant_columns, validation, train).findings
    assert (finding.severity, finding.columns, finding.cause) == ("warning", (column,), "data_quality_fault")
    assert f"in the {side} rows" in finding.title


def test_a_rare_value_that_was_just_not_met_is_no_fault() -> None:
    """One row in two hundred has the flag: a hundred rows without it are chance (.6 of a hundred such files)."""
    train, validation = rows(2_000, 1), rows(100, 2, first_hour=2_000)
    train["flag"] = np.arange(2_000) % 200 == 0
    validation["flag"] = False
    assert look(constant_columns, validation, train).state == "clear"


def test_outcomes_and_scores_of_one_value_are_critical() -> None:
    """No metric can be made of them."""
    train, validation = _pair()
    validation["outcome"] = 1
    validation["score"] = 0.25
    findings = look(constant_columns, validation, train).findings
    assert [finding.severity for finding in findings] == ["critical", "critical"]
    assert {finding.columns for finding in findings} == {("outcome",), ("score",)}


@pytest.mark.parametrize("told", [("b", "c"), ("b",)])
def test_scores_of_classes_are_constant_where_each_of_them_is(told: tuple[str, ...]) -> None:
    """A class that is never told has one score in every row; that is no fault while the others' scores vary."""
    train, validation = _pair()
    words = np.array(told)[np.arange(400) % len(told)]
    for frame in (train, validation):
        frame["outcome"] = np.array(["a", "b", "c"])[np.arange(400) % 3]
        for name in "abc":
            frame[f"scores.{name}"] = (words == name).astype(float)
    findings = look(constant_columns, validation, train, task="multiclass").findings
    assert [finding.columns for finding in findings] == ([("scores",)] if len(told) == 1 else [])


def test_a_column_with_holes_beside_its_value_is_not_constant() -> None:
    """Missing is a value of its own."""
    train, validation = (frame.assign(some=np.where(np.arange(400) % 2, 1.0, np.nan)) for frame in _pair())
    assert look(constant_columns, validation, train).state == "clear"


def test_honest_files_are_clear() -> None:
    """Over thirty pairs of honest files nothing is found."""
    states = {look(constant_columns, *_pair(seed, 120)[::-1]).state for seed in range(30)}
    assert states == {"clear"}


def test_infinite_huge_and_few_rows_say_nothing_wrong() -> None:
    """Infinity and the largest numbers are values; a handful of rows is too few to call anything constant."""
    train, validation = _pair()
    train["noise"], validation["noise"] = np.inf, 1e308
    (finding, *_) = look(constant_columns, validation, train).findings
    assert finding.columns == ("noise",)
    few = look(constant_columns, validation.head(5), train.head(5))
    assert few.state == "clear"
    assert "fewer than" in few.detail


def test_one_file_alone_is_looked_at() -> None:
    """Without training rows the validation rows are judged by themselves, batch by batch as in one go."""
    validation = rows(400, 1).assign(same=1)
    whole, parted = (look(constant_columns, validation, batch_rows=n) for n in (1 << 15, 7))
    assert [finding.columns for finding in whole.findings] == [("same",)]
    assert parted.findings == whole.findings
