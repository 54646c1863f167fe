"""Scores and outcomes of every task, from JSON and from tables: what is read, and what is refused with which words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sentinel.config.columns import Columns
from sentinel.events import Column, EventSchema
from sentinel.events.batch import Reason
from sentinel.events.classes import asked_classes, class_code, normalised
from sentinel.events.codecs.arrow import ArrowCodec
from tests.events.canonical import CHURN, PREDICTED_AT, decode, encoded, only_dead_letter, outcome, prediction

COLUMNS = (Column("tenure", "numeric"),)
AMOUNT = EventSchema("churn", "7", COLUMNS, "regression")
ANIMAL = EventSchema("churn", "7", COLUMNS, "multiclass", ("bird", "cat", "3"))


def scored(**scores: Any) -> bytes:
    """A prediction of three classes."""
    return encoded(prediction(score=None, scores=scores))


@pytest.mark.parametrize("score", [-12.5, 0, 1e300, 7])
def test_a_regression_takes_any_finite_number(score: float) -> None:
    """Scores and outcomes beyond [0, 1], which a binary task refuses, are numbers of a regression."""
    [batch] = decode(encoded(prediction(score=score)), schemas=(AMOUNT,)).predictions
    [outcomes] = decode(encoded(outcome(outcome=score)), role="outcome", schemas=(AMOUNT,)).outcomes
    assert batch.scores.tolist() == outcomes.outcomes.tolist() == [float(score)]
    refused = decode(encoded(outcome(outcome=-12.5)), role="outcome")
    assert only_dead_letter(refused).reason == Reason.INVALID_OUTCOME


@pytest.mark.parametrize(
    ("event", "role", "reason", "detail"),
    [
        (prediction(score=float("nan")), "prediction", Reason.SCORE_NOT_FINITE, "score is nan"),
        (prediction(score=float("inf")), "prediction", Reason.SCORE_NOT_FINITE, "score is inf"),
        (prediction(score=10**400), "prediction", Reason.SCORE_NOT_FINITE, "score is inf"),
        (prediction(score="high"), "prediction", Reason.WRONG_TYPE, "score is a string, not a number"),
        (prediction(score=True), "prediction", Reason.WRONG_TYPE, "score is a boolean, not a number"),
        (outcome(outcome=float("inf")), "outcome", Reason.INVALID_OUTCOME, "outcome is inf"),
        (outcome(outcome="cat"), "outcome", Reason.WRONG_TYPE, "outcome is a string, not a number"),
    ],
)
def test_what_is_no_number_is_refused(event: dict[str, Any], role: Any, reason: Reason, detail: str) -> None:
    """NaN, infinities, numbers beyond a double, texts and booleans are dead letters that say so."""
    letter = only_dead_letter(decode(encoded(event), role=role, schemas=(AMOUNT,)))
    assert (letter.reason, letter.detail) == (reason, detail)


def test_probabilities_of_classes_are_read_and_normalised() -> None:
    """A class that is left out has probability 0; a sum within .001 of 1 becomes 1; the score is the largest."""
    [batch] = decode(
        scored(bird=0.75, cat=0.2505), scored(cat=0.5, bird=0.25, **{"3": 0.25}), schemas=(ANIMAL,)
    ).predictions
    assert batch.probabilities is not None
    assert batch.probabilities == pytest.approx(np.array([[0.75 / 1.0005, 0.2505 / 1.0005, 0.0], [0.25, 0.5, 0.25]]))
    assert batch.scores == pytest.approx([0.75 / 1.0005, 0.5])


@pytest.mark.parametrize(
    ("event", "reason", "detail"),
    [
        (scored(bird=0.5, cat=0.4), Reason.SCORE_OUT_OF_RANGE, "scores are no probabilities: they sum to less than 1"),
        (scored(bird=1.5, cat=-0.5), Reason.SCORE_OUT_OF_RANGE, "scores are no probabilities: one is below 0"),
        (
            scored(bird=0.5, fish=0.5),
            Reason.SCORE_OUT_OF_RANGE,
            "scores names a class that is unknown offline, a text of 4 characters",
        ),
        (scored(bird="much"), Reason.WRONG_TYPE, "scores.bird is a string, not a number"),
        (scored(bird=float("nan"), cat=1), Reason.SCORE_NOT_FINITE, "scores.bird is nan"),
        (scored(bird=10**400), Reason.SCORE_NOT_FINITE, "scores.bird is inf"),
        (scored(bird=True), Reason.WRONG_TYPE, "scores.bird is a boolean, not a number"),
        (scored(), Reason.SCORE_OUT_OF_RANGE, "scores are no probabilities: they sum to less than 1"),
        (encoded(prediction(score=None, scores=[1])), Reason.WRONG_TYPE, "scores is a list, not an object"),
        (encoded(prediction()), Reason.MISSING_FIELD, "scores is missing"),
    ],
)
def test_what_is_no_distribution_is_refused(event: bytes, reason: Reason, detail: str) -> None:
    """Sums other than 1, negative, unknown, missing and odd probabilities are dead letters that say so."""
    letter = only_dead_letter(decode(event, schemas=(ANIMAL,)))
    assert (letter.reason, letter.detail) == (reason, detail)


def test_one_bad_prediction_costs_the_others_nothing() -> None:
    """The good neighbours of a refused prediction keep their own probabilities."""
    found = decode(scored(bird=1), scored(bird=2), scored(cat=1), schemas=(ANIMAL,))
    [batch] = found.predictions
    assert batch.probabilities is not None
    assert batch.probabilities.tolist() == [[1, 0, 0], [0, 1, 0]]
    assert [letter.offset for letter in found.dead_letters] == [101]


@pytest.mark.parametrize(("written", "name"), [("cat", "cat"), (3, "3"), (3.0, "3"), ("3", "3")])
def test_an_outcome_of_a_class_is_its_code(written: object, name: str) -> None:
    """Texts and whole numbers name a class as a file would."""
    [outcomes] = decode(encoded(outcome(outcome=written)), role="outcome", schemas=(ANIMAL,)).outcomes
    assert outcomes.outcomes.tolist() == [class_code(name)]


@pytest.mark.parametrize("written", ["fish", 4, True, [1], None])
def test_an_unknown_class_is_refused(written: object) -> None:
    """An outcome that was never a class offline is a dead letter, whatever its type."""
    letter = only_dead_letter(decode(encoded(outcome(outcome=written)), role="outcome", schemas=(ANIMAL,)))
    assert letter.reason in (Reason.INVALID_OUTCOME, Reason.WRONG_TYPE, Reason.MISSING_FIELD)


def test_tasks_share_a_topic() -> None:
    """Outcomes of a binary and of a multiclass model in one topic are each read by their own rules."""
    binary = EventSchema("fraud", "1", CHURN.columns)
    events = [outcome(outcome="cat"), outcome(model="fraud", outcome=1), outcome(model="fraud", outcome="cat")]
    found = decode(*map(encoded, events), role="outcome", schemas=(ANIMAL, binary))
    assert {batch.model: batch.outcomes.tolist() for batch in found.outcomes} == {
        "churn": [class_code("cat")],
        "fraud": [1.0],
    }
    assert [letter.offset for letter in found.dead_letters] == [102]


@pytest.mark.parametrize("flat", [True, False])
def test_a_table_reads_as_the_events_do(flat: bool) -> None:
    """Struct columns and columns by class give the probabilities that JSON gives, and refuse what it refuses."""
    rows: list[dict[str, float | None]] = [
        {"bird": 0.75, "cat": 0.25},
        {"bird": 2.0, "cat": 0.0},
        {"bird": None, "cat": 1.0},
        {"bird": 0.5, "cat": 0.5},
    ]
    columns: dict[str, Any] = {"scores": pa.array(rows)}
    if flat:
        columns = {f"scores.{name}": pa.array([row[name] for row in rows]) for name in ("bird", "cat")}
    table = pa.table(
        {
            "prediction_id": ["a", "b", "c", "d"],
            "predicted_at": [PREDICTED_AT] * 4,
            "outcome_at": [PREDICTED_AT] * 4,
            "outcome": ["cat", "bird", "fish", None],
            **columns,
        }
    )
    found, letters = ArrowCodec(ANIMAL, Columns()).offline_rows(table)
    assert found is not None
    assert found.predictions.probabilities is not None
    assert found.predictions.probabilities.tolist() == [[0.75, 0.25, 0.0], [0.0, 1.0, 0.0], [0.5, 0.5, 0.0]]
    assert found.known.tolist() == [True, False, False]
    assert found.outcomes[0] == class_code("cat")
    assert [(x.offset, x.reason) for x in letters] == [(1, Reason.SCORE_OUT_OF_RANGE), (2, Reason.INVALID_OUTCOME)]


def test_half_of_the_rows_are_asked_about_their_likeliest_class() -> None:
    """The class asked about is the first or the second by the key, each in half of the rows: 4 sd of 20,000 coins."""
    rng = np.random.default_rng(1)
    chances = rng.dirichlet(np.ones(5), 20_000)
    asked = asked_classes(chances, rng.integers(0, 2**64 - 1, 20_000, dtype=np.uint64, endpoint=True))
    rank = (chances > chances[np.arange(20_000), asked][:, None]).sum(axis=1)
    assert set(rank.tolist()) == {0, 1}
    assert rank.mean() == pytest.approx(0.5, abs=4 * 0.5 / 20_000**0.5)


def test_no_row_leaves_normalisation_with_a_nan() -> None:
    """NaN, infinite, negative and empty rows come back finite, marked as wrong."""
    values, right = normalised(np.array([[np.nan, 1.0], [np.inf, 0.0], [-1.0, 2.0], [0.0, 0.0], [0.3, 0.7]]))
    assert right.tolist() == [False] * 4 + [True]
    assert np.isfinite(values).all()
