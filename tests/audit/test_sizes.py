"""Too few validation rows: against the training rows, for the metric, and for any metric at all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sentinel.audit.checks import sizes
from sentinel.audit.findings import CheckResult
from tests.audit.contexts import context_of
from tests.audit.frames import look, rows
from tests.audit.tables import odd_tables


@pytest.mark.parametrize(
    ("n", "n_train", "severity"),
    [
        (10_000, 10_000, None),  # a standard error of .005
        (1_200, 40_000, "info"),  # .013, and 3 % of the training rows
        (1_200, 2_400, None),  # as unsure, but there are no rows to spare
        (300, 900, "info"),  # .027: no gap below .1 could be proven
        (60, 180, "warning"),  # .06: the interval is wider than a tenth either way
    ],
)
def test_few_rows_are_told_of_by_what_they_can_prove(n: int, n_train: int, severity: str | None) -> None:
    """Of an honest AUC of .76, at five sizes; an area is known to about .47 / sqrt(n) of standard error."""
    result = look(sizes, rows(n, 1), rows(n_train, 2))
    assert [one.severity for one in result.findings] == ([severity] if severity else [])
    assert f"{n:,} validation rows" in result.detail
    assert f"{n / n_train:.1%} as many" in result.detail


def test_fewer_rows_beside_many_training_rows_are_no_fault_where_they_prove_enough() -> None:
    """Two in a hundred of two million rows are plenty: what counts is how sure the metric is."""
    context = replace(context_of(rows(40_000, 3)), n_train=2_000_000)
    check = sizes.start(context)
    assert not isinstance(check, CheckResult)
    check.validation(context.validation)
    assert check.result().state == "clear"


def test_without_a_metric_it_warns() -> None:
    """Ten rows of one class give no area at all."""
    frame = rows(12, 4).assign(outcome=[1] * 10 + [0] * 2)
    (finding,) = look(sizes, frame).findings
    assert (finding.severity, finding.cause) == ("warning", "data_quality_fault")
    assert "too few" in finding.detail


def test_numbers_and_classes_have_an_error_too() -> None:
    """A root mean square is judged as a share of itself; no gap is told, whose scale is that of areas."""
    rng = np.random.default_rng(5)
    frame = rows(400, 5)
    frame = frame.assign(score=1e6 * frame["x"], outcome=1e6 * (frame["x"] + rng.normal(size=400)))
    assert look(sizes, frame, task="regression").state == "clear"  # known to about .07 of it
    (finding,) = look(sizes, frame[:40], task="regression").findings
    assert finding.severity == "warning"
    assert "gap" not in finding.title


@pytest.mark.parametrize("name", list(odd_tables()))
def test_odd_files_break_nothing(name: str) -> None:
    """One class, nothing but missing, constant or wild values, a row or two: a result, and nothing critical."""
    train, validation = odd_tables()[name]
    assert all(one.severity != "critical" for one in look(sizes, validation, train).findings)


def test_batches_change_nothing() -> None:
    """Rows shown 97 at a time give what rows shown at once give."""
    one, other = (look(sizes, rows(300, 6), rows(900, 7), batch_rows=n) for n in (97, 1 << 15))
    assert one.findings == other.findings


def test_without_scores_it_is_not_checked() -> None:
    """The metric is what is judged."""
    assert look(sizes, rows(50, 8).drop(columns="score")).state == "not_checked"
