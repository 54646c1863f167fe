"""Orders of rows that tell the outcome: ids, dates to come, sorted files; what only follows the time says nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sentinel.audit.checks import telltale_ids
from tests.audit.frames import look, rows

N = 3_000


def files(seed: int, n: int = N) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Validation and training rows, in no order of time."""
    rng = np.random.default_rng(1_000 + seed)
    first, second = rows(n, 2 * seed, first_hour=n), rows(n, 2 * seed + 1)
    return tuple(frame.iloc[rng.permutation(n)].reset_index(drop=True) for frame in (first, second))  # type: ignore[return-value]


def named(validation: pd.DataFrame, train: pd.DataFrame | None = None) -> list[tuple[str, tuple[str, ...]]]:
    """Severity and columns of each finding."""
    return [(one.severity, one.columns) for one in look(telltale_ids, validation, train).findings]


@pytest.mark.parametrize(("apart", "severity"), [(1.0, "critical"), (0.5, "warning"), (0.2, "info")])
def test_ids_given_outcome_by_outcome_are_named(apart: float, severity: str) -> None:
    """Numbers that start higher for positive rows: all of them, half of them, a fifth (AUC 1, .75, .6)."""
    pair = []
    for seed, frame in enumerate(files(1)):
        rng = np.random.default_rng(seed)
        late = (frame["outcome"] == 1) & (rng.random(N) < apart)
        frame["ticket"] = [f"T{number:07d}" for number in rng.permutation(N) + 1_000_000 * late.to_numpy()]
        pair.append(frame)
    findings = [one for one in look(telltale_ids, *pair).findings if "number" in one.title]
    assert [(one.severity, one.columns, one.cause) for one in findings] == [(severity, ("ticket",), "target_leakage")]


@pytest.mark.parametrize("form", ["{:03d}", "{}-{}"])
def test_length_and_beginning_of_an_id_count(form: str) -> None:
    """Ids of another length or another prefix give their rows away."""
    pair = []
    for seed, frame in enumerate(files(2)):
        letters = np.random.default_rng(seed).integers(97, 123, (N, 12)).astype(np.uint8)
        words = [bytes(row).decode() for row in letters]
        if form == "{}-{}":
            words = [f"{'xyz' if y else 'abc'}-{word}" for y, word in zip(frame["outcome"], words, strict=True)]
        else:
            words = [word + "qq" * y for y, word in zip(frame["outcome"], words, strict=True)]
        pair.append(frame.assign(ticket=words))
    assert named(*pair) == [("critical", ("ticket",))]


def test_prediction_ids_are_a_warning_at_most() -> None:
    """The model does not read them: they are a sign that rows were put together by outcome."""
    pair = [
        frame.assign(prediction_id=[f"{'q' if y else 'p'}{i}" for i, y in enumerate(frame["outcome"])])
        for frame in files(3)
    ]
    assert named(*pair) == [("warning", ("prediction_id",))]


@pytest.mark.parametrize(("share", "severity"), [(1.0, "warning"), (0.5, "warning"), (0.12, "info")])
def test_a_file_sorted_by_outcome_is_a_fault(share: float, severity: str) -> None:
    """A share s sorted, the rest in between at random: an AUC of 1 - (1 - s)^2 / 2; a fault, and no leak by itself."""
    validation, train = files(4)
    rng = np.random.default_rng(4)
    key = np.where(rng.random(N) < share, validation["outcome"], rng.random(N))
    validation = validation.iloc[np.argsort(key, kind="stable")].reset_index(drop=True)
    validation["prediction_id"] = [f"{i:x}" for i in rng.permutation(1 << 20)[:N]]
    (finding,) = look(telltale_ids, validation, train).findings
    assert (finding.cause, finding.severity, finding.columns) == ("data_quality_fault", severity, ())


@pytest.mark.parametrize("keys", [["score"], ["x"], ["plan", "x"], ["plan"]], ids=",".join)
def test_a_file_sorted_by_what_tells_the_outcome_says_nothing_more(keys: list[str]) -> None:
    """Look-alike: the order of rows tells the outcome as well as the column they are sorted by, which is no fault."""
    pair = []
    for seed in (1, 2):
        frame = rows(N, seed)
        frame["x"] *= 3.0
        frame["score"] = 1.0 / (1.0 + np.exp(-frame["x"]))
        frame["outcome"] = (np.random.default_rng(seed).random(N) < frame["score"]).astype(np.int64)
        if keys == ["plan"]:
            frame["plan"] = np.where(frame["outcome"] == (np.random.default_rng(9).random(N) < 0.95), "a", "b")
        pair.append(frame.sort_values(keys, ascending=seed == 1, ignore_index=True))
    assert named(*pair) == []
    mixed = pair[0].sort_values(["outcome", *keys], ignore_index=True)
    assert named(mixed, pair[1]) == [("warning", ())]  # what says more than the column is the outcome itself


def test_what_follows_the_time_says_nothing() -> None:
    """Look-alike: the base rate drifts and swings within the day; places and ids follow the time."""
    for seed in range(5):
        pair = []
        for frame in files(seed):
            frame = frame.sort_values("predicted_at").reset_index(drop=True)
            hour = frame["predicted_at"].dt.hour
            rng = np.random.default_rng(seed)
            rate = 0.2 + 0.4 * np.arange(N) / N + 0.2 * np.sin(2 * np.pi * hour / 24)
            pair.append(frame.assign(outcome=(rng.random(N) < rate).astype(int)))
        assert named(*pair) == [], seed


def test_honest_ids_are_clear() -> None:
    """Numbers, random words and prefixes that know nothing: none of 30 files has a finding."""
    for seed in range(30):
        rng = np.random.default_rng(seed)
        pair = []
        for frame in files(seed, 600):
            frame["ticket"] = [f"{'abc'[i % 3]}{number:06d}" for i, number in enumerate(rng.permutation(10**6)[:600])]
            frame["customer_id"] = rng.integers(0, 900, 600)
            pair.append(frame)
        assert named(*pair) == [], seed


def test_a_number_that_names_rows_is_an_id() -> None:
    """A whole number of its own for each row is looked at as an id; an amount, which is as distinct, is not."""
    pair = []
    for frame in files(6):
        order = np.argsort(np.argsort(frame["outcome"] + 0.1 * frame["noise"]))
        pair.append(frame.assign(record=order, amount=(order * 1_000_003 + 17) % 10**9 * (1 + frame["outcome"])))
    assert named(*pair) == [("critical", ("record",))]


def test_a_date_to_come_is_named() -> None:
    """A date after the prediction where the outcome is positive, and before it elsewhere."""
    pair = [
        frame.assign(closed=frame["predicted_at"] + pd.to_timedelta((frame["outcome"] - 0.5) * 48, "h"))
        for frame in files(7)
    ]
    (finding,) = look(telltale_ids, *pair).findings
    assert (finding.severity, finding.columns, finding.cause) == ("critical", ("closed",), "target_leakage")


@pytest.mark.parametrize("outcome", [1, None])
def test_without_two_outcomes_it_is_not_checked(outcome: int | None) -> None:
    """One class, or no outcome at all, is no ground to judge by."""
    frame = rows(200, 9).assign(outcome=pd.Series([outcome] * 200, dtype="Int64"))
    assert look(telltale_ids, frame).state == "not_checked"


def test_numbers_and_classes_are_outcomes_as_well() -> None:
    """Files sorted by a number, or class by class, are found."""
    frame = files(10)[0]
    numbers = frame.assign(outcome=np.sort(frame["x"])).drop(columns="x")
    result = look(telltale_ids, numbers, task="regression")
    (finding,) = result.findings
    assert finding.cause == "data_quality_fault"
    assert "AUC" not in finding.title + finding.detail + result.detail  # of a number it is the concordance
    scores = {f"scores.{name}": 1 / 3 for name in "abc"}
    words = frame.drop(columns="score").assign(outcome=np.repeat(list("abc"), N // 3), **scores)
    (finding,) = look(telltale_ids, words, task="multiclass").findings
    assert finding.cause == "data_quality_fault"


@pytest.mark.parametrize("column", [None, "", "x"])
def test_odd_ids_break_nothing(column: str | None) -> None:
    """Ids that are missing, empty or all the same say nothing; nor do rows without times."""
    frame = files(11, 400)[0].assign(prediction_id=pd.Series([column] * 400, dtype="str"))
    assert named(frame) == []
    assert named(frame.drop(columns="predicted_at")) == []


@pytest.mark.parametrize(("apart", "severity"), [(1.0, "warning"), (0.5, "warning"), (0.2, "info")])
def test_entities_numbered_by_outcome_are_named_once_each(apart: float, severity: str) -> None:
    """Of 1,500 entities with two rows each, those that end well have the higher numbers: in training rows alone."""
    validation, train = files(12)
    rng = np.random.default_rng(12)
    entity = np.repeat(np.arange(N // 2), 2)
    good = rng.random(N // 2) < 0.5
    number = rng.permutation(N // 2) + 1_000_000 * (good & (rng.random(N // 2) < apart))
    train = train.assign(group=number[entity], outcome=good[entity].astype(int))
    validation = validation.assign(group=rng.permutation(N) + 5_000_000)
    findings = [one for one in look(telltale_ids, validation, train).findings if "number" in one.title]
    assert [(one.severity, one.columns, one.cause) for one in findings] == [(severity, ("group",), "target_leakage")]
    assert findings[0].no_inflation


@pytest.mark.parametrize("form", ["{}", "c{:05d}", "{}.0"])
def test_entities_that_differ_are_honest(form: str) -> None:
    """Look-alike: each entity has a rate of its own, from none to all, and twenty rows; its name knows nothing of it.

    A tree that may split on the number of such an entity would tell its outcomes with an AUC of .83.
    """
    for seed in range(6):
        rng = np.random.default_rng(seed)
        rate, names = rng.random(60), rng.permutation(100_000)[:60]
        pair = []
        for frame in files(seed, 1_200):
            entity = rng.integers(0, 60, 1_200)
            written = np.array([form.format(name) for name in names])
            outcome = (rng.random(1_200) < rate[entity]).astype(int)
            group = written.astype(np.float64)[entity] if form == "{}.0" else written[entity]
            pair.append(frame.assign(group=group, outcome=outcome))
        assert named(*pair) == [], seed


@pytest.mark.parametrize("group", [None, "", "one", 7])
def test_odd_entities_break_nothing(group: object) -> None:
    """Entities that are missing, empty or all the same have no order."""
    frame = files(13, 400)[0].assign(group=pd.Series([group] * 400))
    assert named(frame) == []
