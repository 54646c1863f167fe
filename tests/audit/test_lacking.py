"""Columns that the rows lack are told of, and a slip in a name does not pass for clean rows."""

from __future__ import annotations

import pyarrow as pa
import pytest

from sentinel.audit.choosing import chosen_checks
from sentinel.audit.files.lacking import check_named, lacking
from sentinel.audit.scan import Given, audit
from sentinel.config.columns import Columns
from sentinel.config.model import Model
from sentinel.errors import BaselineError
from sentinel.events.schema import Task
from tests.audit.frames import rows


def _model(task: Task = "binary", columns: Columns | None = None) -> Model:
    return Model(name="m", version="1", task=task, columns=columns or Columns())


@pytest.mark.parametrize(
    ("part", "name", "columns"),
    [("outcome", "churnd", Columns(outcome="churnd")), ("score", "p_chrn", Columns(score="p_chrn"))],
)
def test_a_name_that_is_not_there_ends_the_audit(part: str, name: str, columns: Columns) -> None:
    """An outcome or a score that the configuration names has to be there; the message has the names that are."""
    table = pa.Table.from_pandas(rows(100, 1))
    with pytest.raises(BaselineError) as caught:
        audit(Given(_model(columns=columns), table), now_us=0)
    assert f"there is no column '{name}', as columns.{part} says; the validation rows have " in str(caught.value)


def test_what_is_not_named_may_lack() -> None:
    """Names by default promise nothing, and entities and times may be of live events alone."""
    check_named(_model(columns=Columns(group="customer", predicted_at="day")), ["x"], "rows")
    check_named(_model("multiclass", Columns(score="p")), ["outcome"], "rows")


def test_the_report_tells_what_lacks() -> None:
    """The note names the columns that lack, what is not said without them, and how to name them."""
    frame = rows(100, 1).rename(columns={"score": "p_churn", "outcome": "churned"}).assign(group="g")
    report = audit(Given(_model(), pa.Table.from_pandas(frame)), now_us=0, checks=chosen_checks(["constant_columns"]))
    (note,) = report.notes
    assert note.startswith("There is no column 'outcome', 'score', so nothing is said of ")
    assert "name it under columns (outcome: NAME, score: NAME); the validation rows have " in note
    assert "p_churn" in note


@pytest.mark.parametrize(
    ("task", "there"),
    [
        ("binary", ["outcome", "score", "group", "predicted_at"]),
        ("regression", ["outcome", "score", "group", "predicted_at"]),
        ("multiclass", ["outcome", "group", "predicted_at"]),
        ("ranking", ["relevance", "predicted_at"]),
    ],
)
def test_nothing_is_said_where_nothing_lacks(task: Task, there: list[str]) -> None:
    """Each task has the parts of its own; each one that is taken away is told of."""
    assert not list(lacking(_model(task), there))
    for name in there:
        (note,) = lacking(_model(task), [other for other in there if other != name])
        assert f"There is no column '{name}', " in note


def test_a_wide_file_does_not_flood_the_note() -> None:
    """Of very many columns the first twenty are named."""
    (note,) = lacking(_model(), [f"c{at}" for at in range(500)])
    assert note.endswith(", c19 and more.")
