"""Columns that play a part by their name and that the rows lack: told before anything is concluded without them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from sentinel.config.columns import Columns
from sentinel.config.model import Model
from sentinel.errors import BaselineError
from sentinel.events.schema import Task

_MOST_NAMES: Final = 20
_OUTCOMES: Final[Mapping[Task, str]] = {"ranking": "relevance"}
_WITHOUT: Final = {
    "outcome": "what features tell of it",
    "relevance": "what features tell of it",
    "score": "what a finding is worth",
    "predicted_at": "time",
    "group": "entities",
}
"""What nothing can be said of without a column."""


def check_named(model: Model, names: Collection[str], source: object) -> None:
    """Find that an outcome or a score was given a name that the rows do not have: a slip that would pass for clean.

    Parameters
    ----------
    model : Model
    names : collection of str
        Columns of the validation rows.
    source : object
        What to call them in the message.

    Raises
    ------
    BaselineError
        If the configuration names a column that is not there; one that it leaves at its default may lack.
    """
    for part in _judged(model.task):
        name = getattr(model.columns, part)
        if name not in names and name != getattr(Columns(), part):
            raise BaselineError(f"{source}: there is no column {name!r}, as columns.{part} says; {_there(names)}")


def lacking(model: Model, names: Collection[str]) -> Iterator[str]:
    """One line on the parts that no column plays, and how to name one that does; none where all are there.

    Parameters
    ----------
    model : Model
    names : collection of str
        Columns of the validation rows.

    Examples
    --------
    >>> named = Columns(score="p", predicted_at="day", group="customer")
    >>> next(lacking(Model(name="m", version="1", columns=named), ["p", "day", "customer", "churned"]))
    "There is no column 'outcome', so nothing is said of what features tell of it. If one has another name, name it \
under columns (outcome: NAME); the validation rows have p, day, customer, churned."
    """
    wanted = (*_judged(model.task), *(() if model.task == "ranking" else ("group",)), "predicted_at")
    parts = [part for part in wanted if getattr(model.columns, part) not in names]
    if not parts:
        return
    named = ", ".join(repr(getattr(model.columns, part)) for part in parts)
    unsaid = ", ".join(_WITHOUT[part] for part in parts)
    how = ", ".join(f"{part}: NAME" for part in parts)
    yield (
        f"There is no column {named}, so nothing is said of {unsaid}. If one has another name, name it under columns "
        f"({how}); {_there(names)}."
    )


def _judged(task: Task) -> tuple[str, ...]:
    """Outcome and score, where rows have one of each: of several classes each has its own, and a ranking has items."""
    outcome = _OUTCOMES.get(task, "outcome")
    return (outcome, "score") if task in ("binary", "regression") else (outcome,)


def _there(names: Collection[str]) -> str:
    shown = ", ".join(list(names)[:_MOST_NAMES])
    return f"the validation rows have {shown}" + (" and more" if len(names) > _MOST_NAMES else "")
