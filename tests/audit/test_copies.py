"""Exact copies across the split: planted, honest, coarse, harmless."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sentinel.audit.checks import copies
from tests.audit.frames import look
from tests.audit.tables import NUMBERS, odd_tables, plant, repeated, table


@pytest.mark.parametrize("share", [0.005, 0.05, 0.3])
def test_planted_copies_are_counted_and_named(share: float) -> None:
    """Each copied validation row is found, with the row that it is a copy of, and what it is worth."""
    train, validation = table(5_000, 1), table(4_000, 2)
    given, places = plant(train, validation, share, 3)
    (finding,) = look(copies, given, train).findings
    assert finding.share is not None
    assert finding.share.value == len(places) / 4_000
    assert finding.n_rows == len(places)
    assert [pair.validation for pair in finding.rows] == places[:100].tolist()
    for pair in finding.rows:
        assert pair.train is not None
        assert pair.validation is not None
        assert train["x3"].to_numpy()[pair.train] == given["x3"].to_numpy()[pair.validation]
    assert finding.inflation is not None
    assert finding.inflation.gain.value > 0.0


def test_copies_that_were_learnt_by_heart_are_critical() -> None:
    """A third of the rows scored by their known outcome make the estimate worthless."""
    train, validation = table(5_000, 1), table(4_000, 2)
    given, _ = plant(train, validation, 0.3, 3)
    (finding,) = look(copies, given, train).findings
    assert finding.severity == "critical"


def test_copies_that_cost_nothing_are_information() -> None:
    """Copies of which it is proven that they add less than .005 are named without an alarm."""
    train, validation = table(5_000, 1), table(6_000, 2)
    given, _ = plant(train, validation, 0.02, 3, learnt=False)
    (finding,) = look(copies, given, train).findings
    assert finding.severity == "info"


def test_copies_of_unknown_cost_are_judged_by_their_share() -> None:
    """Without scores, copies of one row in a hundred are critical, of fewer a warning."""
    train, validation = table(5_000, 1), table(4_000, 2)
    for share, severity in ((0.005, "warning"), (0.1, "critical")):
        given, _ = plant(train, validation, share, 3)
        (finding,) = look(copies, given.drop(columns="score"), train).findings
        assert (finding.severity, finding.inflation) == (severity, None)
        assert finding.no_inflation


def test_coarse_inputs_raise_no_alarm() -> None:
    """Where rows agree by chance, 60 honest pairs of files of other sizes have no finding: under 6 % at 97.5 %.

    The excess has the standard error of both shares. A bare excess of .001 would be exceeded by 40 in 100 such files.
    """
    n_over = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        n_kinds = (30, 2_000, 100_000)[seed % 3]
        frames = []
        for n in (2_000, 600):
            kind = np.minimum(rng.zipf(1.3, n), n_kinds) if seed % 2 else rng.integers(0, n_kinds, n)
            frames.append(
                table(n, seed).assign(**(dict.fromkeys(NUMBERS, 0.0) | {"x0": kind}), plan="a", city="b", device="c")
            )
        train, validation = frames
        assert not look(copies, validation, train).findings, seed
        common = np.isin(validation.x0, train.x0).mean()
        n_over += int(common - train.x0.duplicated(keep=False).mean() >= 0.001)
    assert n_over > 10


def test_copies_are_seen_beyond_those_that_coarse_inputs_bring_about() -> None:
    """Of rows of which a tenth has a twin by chance, planted copies show as the excess."""
    rng = np.random.default_rng(4)
    train, validation = table(5_000, 1), table(4_000, 2)
    for frame in (train, validation):
        coarse = rng.random(len(frame)) < 0.1
        frame.loc[coarse, [*NUMBERS, "plan", "city", "device"]] = [0.0] * 6 + ["a", "b", "c"]
    given, places = plant(train, validation, 0.1, 3)
    (finding,) = look(copies, given, train).findings
    assert finding.share is not None
    assert finding.chance is not None
    assert finding.chance == pytest.approx(0.1, abs=0.02)
    # A tenth of the planted rows, and of the others, is coarse by itself.
    assert finding.share.value - finding.chance == pytest.approx(0.1 * 0.9, abs=0.02)
    assert len(places) == 400


def test_rows_repeated_among_training_rows_alone_are_no_copies() -> None:
    """Oversampling after the split concerns no validation row: it is good to know."""
    (finding,) = look(copies, table(2_000, 2), repeated(table(5_000, 1), 4.0, 3)).findings
    assert (finding.severity, finding.cause, finding.share) == ("info", "data_quality_fault", None)


@pytest.mark.parametrize("side", ["training", "validation"])
@pytest.mark.parametrize("share", [0.02, 0.06, 0.3])
def test_rows_repeated_in_all_classes_are_good_to_know(share: float, side: str) -> None:
    """A share of the rows of one file, drawn at random, stands there once more: s / (1 + s) are more than one."""
    train, validation = table(4_000, 1), table(4_000, 2)
    frames = {"training": train, "validation": validation}
    frames[side] = pd.concat([frames[side], frames[side].iloc[: round(share * 4_000)]], ignore_index=True)
    if side == "validation":  # a file with fewer rows than the other can be held against it
        frames["training"] = table(6_000, 1)
    (finding,) = look(copies, frames["validation"], frames["training"]).findings
    assert finding.severity == "info"
    assert finding.title == f"{share / (1.0 + share):.1%} of {side} rows repeat another {side} row"


@pytest.mark.parametrize("name", list(odd_tables()))
def test_odd_files_have_a_result(name: str) -> None:
    """One class, no outcomes, nothing but missing, constant or wild values, a row or two: no error, nothing serious."""
    train, validation = odd_tables()[name]
    assert all(finding.severity == "info" for finding in look(copies, validation, train).findings)


def test_without_training_rows_it_says_what_it_needs() -> None:
    """The check names the option."""
    result = look(copies, table(100, 1))
    assert (result.state, result.needs) == ("not_checked", "--train")


def test_batches_change_nothing() -> None:
    """Rows shown 97 at a time give what rows shown at once give."""
    train, validation = table(2_000, 1), table(1_000, 2)
    given, _ = plant(train, validation, 0.1, 3)
    one, other = (look(copies, given, train, batch_rows=n) for n in (97, 1 << 15))
    assert one.findings == other.findings
