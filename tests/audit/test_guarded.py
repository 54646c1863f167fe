"""A check on guard that fails is not made, says where, and leaves the others alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pytest

from sentinel.audit.check import Started
from sentinel.audit.checks import constant_columns
from sentinel.audit.findings import not_checked
from sentinel.audit.guarded import guarded
from sentinel.audit.scan import Given, audit
from sentinel.config.model import Model
from tests.audit.frames import rows

STEPS = ("start", "train", "validation", "result")


def _failing(step: str) -> Started:
    """A check that raises at one step, with a value in its message."""

    def at(name: str) -> Any:
        if name == step:
            raise ValueError("4111 1111 1111 1111")
        return not_checked("failing", "", "")

    def start(context: object) -> Any:
        at("start")
        return SimpleNamespace(
            train=lambda _: at("train"), validation=lambda _: at("validation"), result=lambda: at("result")
        )

    return cast(Started, SimpleNamespace(NAME="failing", TITLE="fails", start=start))


@pytest.mark.parametrize("step", STEPS)
def test_a_failure_at_any_step_is_a_check_that_was_not_made(step: str) -> None:
    """The result names the kind of error and the line, not the message; the other check has its result."""
    tables = [pa.Table.from_pandas(rows(100, seed)) for seed in (1, 2)]
    given = Given(Model(name="m", version="1"), *tables)
    checks = guarded([_failing(step), cast(Started, constant_columns)])
    other, failed = audit(given, now_us=0, checks=checks).checks
    assert (failed.name, failed.state) == ("failing", "not_checked")
    assert "ValueError in test_guarded.py:" in failed.detail
    assert "4111" not in failed.detail
    assert (other.name, other.state) == ("constant_columns", "clear")
