"""What a fit is told besides its rows: whatever of it the fit has a parameter for."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from sentinel.audit.check import FitWith
from sentinel.audit.files.columns import AuditColumns
from sentinel.config.model import Model


def told(fit_with: Callable[..., Any], model: Model, columns: AuditColumns, classes: tuple[str, ...]) -> FitWith:
    """Bind the parameters that a fit names to what the audit knows.

    ``features`` are the names of the columns that are numbers or categories and no ids, times, entities or outcomes;
    ``outcome`` is the name of the outcome column, ``task`` that of the task, ``classes`` those of a multiclass task in
    the order that probabilities are wanted in. A fit that takes two frames and nothing else is left as it is.

    Parameters
    ----------
    fit_with : callable
    model : Model
    columns : AuditColumns
    classes : tuple of str
    """
    known: Mapping[str, Any] = {
        "features": (*columns.numeric, *columns.categorical),
        "outcome": columns.outcome,
        "task": model.task,
        "classes": classes,
    }
    try:
        asked = inspect.signature(fit_with).parameters
    except (TypeError, ValueError):  # a compiled callable that does not say what it takes
        return fit_with
    given = {name: known[name] for name, one in asked.items() if name in known and one.kind is one.KEYWORD_ONLY}
    return functools.partial(fit_with, **given) if given else fit_with
