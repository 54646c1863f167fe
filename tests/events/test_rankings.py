"""Lists and grades from JSON and from tables: the same columns, and what is refused with which words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sentinel.config.columns import Columns
from sentinel.events import Column, EventSchema
from sentinel.events.batch import Reason
from sentinel.events.codecs.arrow import ArrowCodec
from sentinel.events.rankings import item_hashes, read_grades
from tests.events.canonical import (
    CHURN,
    OUTCOME_AT,
    PREDICTED_AT,
    decode,
    encoded,
    only_dead_letter,
    outcome,
    prediction,
)

SCHEMA = EventSchema("churn", "7", (Column("tenure", "numeric"),), "ranking", n_ranked=3)
LIST = [{"id": "a", "score": 0.5}, {"id": "b", "score": 2.5}, {"id": "c", "score": -1.0}, {"id": "d", "score": -9.0}]


def ranked(items: Any, **changes: Any) -> dict[str, Any]:
    """A prediction of a list."""
    return prediction(score=None, items=items, **changes)


def graded(relevance: Any, **changes: Any) -> dict[str, Any]:
    """An outcome of graded items."""
    return outcome(outcome=None, relevance=relevance, **changes)


def table(items: pa.Array | None = None, relevance: pa.Array | None = None) -> pa.Table:
    """A file of lists, or of grades, with an id and times."""
    columns = {name: column for name, column in (("items", items), ("relevance", relevance)) if column is not None}
    n = len(next(iter(columns.values())))
    ids = [f"p-{i}" for i in range(n)]
    return pa.table(
        {"prediction_id": ids, "predicted_at": [PREDICTED_AT] * n, "outcome_at": [OUTCOME_AT] * n, **columns}
    )


@pytest.mark.parametrize("changes", [{}, {"prediction_id": 17}])
def test_a_list_is_its_first_ranks(changes: dict[str, Any]) -> None:
    """Largest score first, hashes of the ids, the largest score beside them; the slow path says the same."""
    [batch] = decode(encoded(ranked(LIST, **changes)), schemas=(SCHEMA,)).predictions
    assert batch.items is not None
    assert batch.items.tolist() == [item_hashes(["b", "a", "c"]).tolist()]
    assert batch.scores.tolist() == [2.5]


@pytest.mark.parametrize(
    ("items", "reason", "detail"),
    [
        (None, Reason.MISSING_FIELD, "items is missing"),
        ({"a": 1}, Reason.WRONG_TYPE, "items is an object, not a list"),
        ([], Reason.INVALID_ITEMS, "items is an empty list"),
        (["a"], Reason.WRONG_TYPE, "items holds a string, not an object"),
        ([{"score": 1}], Reason.INVALID_ITEMS, "items holds an item without an id"),
        ([{"id": [1], "score": 1}], Reason.WRONG_TYPE, "id of an item is a list, not a string"),
        ([{"id": "a"}], Reason.MISSING_FIELD, "score is missing"),
        ([{"id": "a", "score": "much"}], Reason.WRONG_TYPE, "score is a string, not a number"),
        ([{"id": "a", "score": True}], Reason.WRONG_TYPE, "score is a boolean, not a number"),
        ([{"id": "a", "score": float("nan")}], Reason.SCORE_NOT_FINITE, "score of an item is nan"),
        ([{"id": "a", "score": 10**400}], Reason.SCORE_NOT_FINITE, "score of an item is inf"),
        ([*LIST, LIST[0]], Reason.INVALID_ITEMS, "items names an item twice"),
        ([{"id": 1, "score": 1}, {"id": "1", "score": 2}], Reason.INVALID_ITEMS, "items names an item twice"),
    ],
)
def test_what_is_no_list_is_refused(items: Any, reason: Reason, detail: str) -> None:
    """Each fault has its reason and its words, and costs the neighbours nothing."""
    found = decode(encoded(ranked(LIST)), encoded(ranked(items)), encoded(ranked(LIST)), schemas=(SCHEMA,))
    [letter] = found.dead_letters
    assert (letter.reason, letter.detail, letter.offset) == (reason, detail, 101)
    assert sum(map(len, found.predictions)) == 2


@pytest.mark.parametrize("changes", [{}, {"prediction_id": 17}])
def test_grades_are_kept_by_worth(changes: dict[str, Any]) -> None:
    """The best first, those of grade 0 left out, beside the code of their content; an empty object is an outcome."""
    events = [graded({"a": 1, "b": 0, "c": 2.5}, **changes), graded({}, **changes)]
    [batch] = decode(*map(encoded, events), role="outcome", schemas=(SCHEMA,)).outcomes
    assert batch.relevances is not None
    assert batch.relevances["items"][:, :2].tolist() == [item_hashes(["c", "a"]).tolist(), [0, 0]]
    assert batch.relevances["grades"][:, :3].tolist() == [[20, 8, 0], [0, 0, 0]]
    assert batch.outcomes.tolist() == read_grades([{"c": 2.5, "a": 1.0}, {}])[0].tolist()


@pytest.mark.parametrize(
    ("relevance", "reason", "detail"),
    [
        (None, Reason.MISSING_FIELD, "relevance is missing"),
        ([1], Reason.WRONG_TYPE, "relevance is a list, not an object"),
        ({"a": -1}, Reason.INVALID_OUTCOME, "relevance of an item is no grade in [0, 30]"),
        ({"a": 31}, Reason.INVALID_OUTCOME, "relevance of an item is no grade in [0, 30]"),
        ({"a": 1e300}, Reason.INVALID_OUTCOME, "relevance of an item is no grade in [0, 30]"),
        ({"a": float("nan")}, Reason.INVALID_OUTCOME, "relevance of an item is no grade in [0, 30]"),
        ({"a": True}, Reason.WRONG_TYPE, "relevance of an item is a boolean, not a number"),
        ({"a": "good"}, Reason.WRONG_TYPE, "relevance of an item is a string, not a number"),
    ],
)
def test_what_is_no_grade_is_refused(relevance: Any, reason: Reason, detail: str) -> None:
    """Negative, huge and odd grades are dead letters that say so."""
    letter = only_dead_letter(decode(encoded(graded(relevance)), role="outcome", schemas=(SCHEMA,)))
    assert (letter.reason, letter.detail) == (reason, detail)


def test_rankings_share_a_topic_with_other_tasks() -> None:
    """Outcomes of a binary model and grades in one topic are each read by their own rules."""
    binary = EventSchema("fraud", "1", CHURN.columns)
    events = [graded({"a": 1}), outcome(model="fraud", outcome=1), outcome(model="fraud", outcome=None), graded(None)]
    found = decode(*map(encoded, events), role="outcome", schemas=(SCHEMA, binary))
    assert {batch.model: len(batch) for batch in found.outcomes} == {"churn": 1, "fraud": 1}
    assert [(one.offset, one.detail) for one in found.dead_letters] == [
        (102, "outcome is missing"),
        (103, "relevance is missing"),
    ]


@pytest.mark.parametrize("kind", [None, pa.large_list(pa.struct([("id", pa.string()), ("score", pa.float64())]))])
def test_tables_hold_the_same_lists(kind: pa.DataType | None) -> None:
    """Lists of structs read as JSON does; a slice of a table reads its own rows."""
    column = pa.array([LIST[:1], LIST, LIST[2:]], kind)
    batch, letters = ArrowCodec(SCHEMA, Columns()).predictions(table(column).slice(1))
    assert not letters
    assert batch is not None
    assert batch.items is not None
    assert batch.items.tolist() == [item_hashes(["b", "a", "c"]).tolist(), [*item_hashes(["c", "d"]).tolist(), 0]]
    assert batch.scores.tolist() == [2.5, -1.0]


def test_tables_say_what_is_no_list() -> None:
    """Null, empty, nameless, repeated and odd lists are refused one by one."""
    rows = [LIST, None, [], [{"id": None, "score": 1.0}], [LIST[0]] * 2, [{"id": "a", "score": float("nan")}], LIST]
    batch, letters = ArrowCodec(SCHEMA, Columns()).predictions(table(pa.array(rows)))
    assert batch is not None
    assert len(batch) == 2
    assert [(one.offset, one.reason, one.detail) for one in letters] == [
        (1, Reason.MISSING_FIELD, "items is missing"),
        (2, Reason.INVALID_ITEMS, "items is an empty list"),
        (3, Reason.INVALID_ITEMS, "items holds an item without an id"),
        (4, Reason.INVALID_ITEMS, "items names an item twice"),
        (5, Reason.SCORE_NOT_FINITE, "items holds a score that is no finite number"),
    ]
    _, [letter] = ArrowCodec(SCHEMA, Columns()).predictions(table(pa.array([1.5])))
    assert (letter.reason, letter.detail) == (Reason.WRONG_TYPE, "items is a double, not lists of id and score")


GRADES: list[dict[str, float] | None] = [{"a": 1.0, "c": 2.5}, None, {}, {"b": 3.0}]
FORMS = {
    "structs": pa.array([None if g is None else [{"id": k, "grade": v} for k, v in g.items()] for g in GRADES]),
    "map": pa.array([None if g is None else list(g.items()) for g in GRADES], pa.map_(pa.string(), pa.float64())),
    "fields": pa.array(GRADES, pa.struct([(name, pa.float64()) for name in "abc"])),
}


@pytest.mark.parametrize("form", FORMS)
def test_tables_hold_the_same_grades(form: str) -> None:
    """Lists of structs, maps and structs of items give what JSON gives; null is no outcome yet; names are free."""
    renamed = table(relevance=FORMS[form]).rename_columns(["prediction_id", "predicted_at", "outcome_at", "clicks"])
    found, letters = ArrowCodec(SCHEMA, Columns(relevance="clicks")).outcomes(renamed)
    assert not letters
    assert found is not None
    assert found.relevances is not None
    values, relevances = read_grades([{"a": 1.0, "c": 2.5}, {}, {"b": 3.0}])
    assert found.outcomes.tolist() == values.tolist()
    assert np.array_equal(found.relevances, relevances)


def test_tables_say_what_is_no_grade() -> None:
    """Negative and huge grades, items graded twice or without a name are refused."""
    rows = [{"id": "a", "grade": -1.0}], [{"id": "a", "grade": 99.0}], [{"id": "a", "grade": 1.0}] * 2, [{"id": None}]
    found, letters = ArrowCodec(SCHEMA, Columns()).outcomes(table(relevance=pa.array(rows)))
    assert found is None
    twice = "relevance grades an item twice, or not in [0, 30]"
    assert [one.detail for one in letters] == [twice, twice, twice, "relevance holds an item without an id"]
    assert {one.reason for one in letters} == {Reason.INVALID_OUTCOME}
