"""Repeated rows of one class: before the split, after it, and classes that are uniform by themselves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sentinel.audit.checks import oversampled
from tests.audit.frames import look
from tests.audit.tables import NUMBERS, odd_tables, repeated, split, table


@pytest.mark.parametrize(("times", "copied"), [(1.3, 0.25), (2.0, 0.5), (5.0, 0.8)])
def test_rows_repeated_before_the_split_are_found_in_the_validation_rows(times: float, copied: float) -> None:
    """Drawing positive rows again before a random split puts at least so many of the validation rows into training."""
    train, validation = split(repeated(table(6_000, 1), times, 2), 0.3, 3)
    validation["score"] = np.where(validation.outcome == 1, 0.9, validation.score)  # all positive rows learnt by heart
    (finding,) = look(oversampled, validation, train).findings
    assert finding.share is not None
    assert finding.share.value > copied
    assert finding.chance == 0.0
    assert finding.severity in ("warning", "critical")
    assert "before the split" in finding.title
    for pair in finding.rows[:20]:
        assert pair.train is not None
        assert pair.validation is not None
        assert train["x2"].to_numpy()[pair.train] == validation["x2"].to_numpy()[pair.validation]
        assert validation["outcome"].to_numpy()[pair.validation] == 1


@pytest.mark.parametrize("times", [1.3, 2.0, 5.0])
def test_rows_repeated_after_the_split_are_information(times: float) -> None:
    """Where only training rows are repeated nothing leaks; that is said, and against a manifest it is a warning."""
    train, validation = split(table(6_000, 1), 0.3, 3)
    train = repeated(train, times, 2)
    for stated, severity in (("after_split", "info"), ("none", "warning")):
        (finding,) = look(oversampled, validation, train, manifest={"oversampling": stated}).findings
        assert finding.severity == severity
        assert finding.inflation is None


def test_copies_learnt_by_heart_are_critical() -> None:
    """Positive rows that are scored right because they were trained on make the area larger."""
    rows = table(6_000, 1)
    train, validation = split(repeated(rows, 1.5, 2), 0.3, 3)
    known = validation.prediction_id.isin(train.prediction_id) & (validation.outcome == 1)
    validation.loc[known, "score"] = 0.999
    (finding,) = look(oversampled, validation, train).findings
    assert finding.severity == "critical"
    assert finding.inflation is not None
    assert finding.inflation.gain.lower > 0.0


def test_honest_files_have_no_finding() -> None:
    """Of 40 honest pairs of files, half of them of coarse inputs, none has one: under 9 % at 97.5 %."""
    for seed in range(40):
        digits = None if seed % 2 else 0
        train, validation = table(1_500, 3_000 + seed, digits=digits), table(700, 4_000 + seed, digits=digits)
        assert not look(oversampled, validation, train).findings, seed


def test_a_class_that_is_uniform_by_itself_is_not_oversampled() -> None:
    """Rows of which the rarer class is mostly in a few coarse places, as are some of the other class, are honest."""
    rng = np.random.default_rng(5)
    frames = []
    for n, seed in ((5_000, 6), (2_500, 7)):
        frame = table(n, seed)
        coarse = rng.random(n) < np.where(frame.outcome == 1, 0.6, 0.1)
        frame.loc[coarse, list(NUMBERS)] = 0.0
        frames.append(frame)
    assert not look(oversampled, frames[1], frames[0]).findings


def test_a_statement_of_oversampling_before_the_split_is_a_warning() -> None:
    """What the manifest admits is said even where no row shows it."""
    result = look(oversampled, table(700, 2), table(1_500, 1), manifest={"oversampling": "before_split"})
    assert [finding.severity for finding in result.findings] == ["warning"]


@pytest.mark.parametrize("name", list(odd_tables()))
def test_odd_files_have_a_result(name: str) -> None:
    """One class, no outcomes, nothing but missing, constant or wild values, a row or two: no error, no finding."""
    train, validation = odd_tables()[name]
    assert look(oversampled, validation, train).state in ("clear", "not_checked")


def test_it_says_what_it_needs() -> None:
    """Training rows, and an outcome of classes."""
    assert look(oversampled, table(100, 1)).needs == "--train"
    result = look(oversampled, table(100, 1), table(100, 2), task="regression")
    assert (result.state, result.needs) == ("not_checked", "a binary or multiclass task")


def test_batches_change_nothing() -> None:
    """Rows shown 97 at a time give what rows shown at once give."""
    train, validation = split(repeated(table(2_000, 1), 2.0, 2), 0.3, 3)
    one, other = (look(oversampled, validation, train, batch_rows=n) for n in (97, 1 << 15))
    assert one.findings == other.findings
    assert one.findings


def test_many_rows_are_sampled_by_their_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for a fifth of the rows the share of repeated rows is still seen: twins are kept together."""
    monkeypatch.setattr("sentinel.audit.similarity.cells.MOST_CELLS", 1_000)
    train, validation = split(repeated(table(5_000, 1), 3.0, 2), 0.3, 3)
    (finding,) = look(oversampled, validation, train).findings
    whole = pd.concat([train, validation]).query("outcome == 1")
    assert finding.share is not None
    assert finding.share.value == pytest.approx(float(whole.prediction_id.duplicated(keep=False).mean()), abs=0.15)
