"""Real evaluations whose truth is known: what leaks is named first, and what is honest is left in peace."""

from __future__ import annotations

import pytest

from benchmarks.audit_cases import TRUTHS, look, serious, suspects
from tests.support.real_streams import real_stream

ACCUSING = ("target_leakage", "group_leakage", "duplicate_leakage")


def _cases(loudness: str, *, honest: bool = False) -> list[str]:
    return [name for name, truth in TRUTHS.items() if truth.loudness == loudness and (truth.cause is None) == honest]


@pytest.mark.parametrize("case", _cases("nothing", honest=True))
def test_honest_evaluations_are_not_accused(case: str) -> None:
    """Nothing critical, and no warning of a leaking feature, of entities or of copies.

    Where rows were split at random although live ones come later, the audit rightly warns of that.
    """
    report = look(real_stream(*case.split("/")), with_fit=False)
    assert report.worst != "critical"
    assert [one.title for one in serious(report) if one.cause in ACCUSING] == []


@pytest.mark.parametrize("case", _cases("serious"))
def test_a_leaking_feature_is_named_first_and_alone(case: str) -> None:
    """Without a model: at least a warning, and no feature beside it is under suspicion."""
    truth = TRUTHS[case]
    report = look(real_stream(*case.split("/")), with_fit=False)
    assert suspects(report) == (truth.feature,)
    accused = [one for one in serious(report) if one.cause == truth.cause]
    assert accused
    assert all(one.columns == (truth.feature,) for one in accused)


@pytest.mark.parametrize("case", _cases("suspect"))
def test_a_count_of_what_is_to_come_is_the_first_suspect(case: str) -> None:
    """It tells more than any other feature, and files of the past show no more than that: no warning of a feature."""
    report = look(real_stream(*case.split("/")), with_fit=False)
    assert suspects(report)[0] == TRUTHS[case].feature


@pytest.mark.parametrize("case", _cases("information"))
def test_entities_in_both_files_that_cost_nothing_are_information(case: str) -> None:
    """A third of the validation rows are about patients of the training rows, as live ones: it costs nothing."""
    report = look(real_stream(*case.split("/")), with_fit=False)
    assert [one.severity for one in report.findings if one.cause == "group_leakage"] == ["info"]


@pytest.mark.parametrize("case", [name for name in _cases("nothing") if TRUTHS[name].feature is not None])
def test_a_modest_leak_does_not_put_others_under_suspicion(case: str) -> None:
    """Seen from the past it is a feature like others: nobody else is accused in its place."""
    report = look(real_stream(*case.split("/")), with_fit=False)
    assert set(suspects(report)) <= {TRUTHS[case].feature}
    assert [one.title for one in serious(report) if one.cause in ACCUSING] == []


def test_a_fit_without_the_suspect_tells_what_it_is_worth() -> None:
    """The duration of a call: .96 with it, and without it not what a model of the rest is worth offline, .62."""
    report = look(real_stream("bank_duration", "leaky"), with_fit=True)
    worth = [one.inflation for one in report.findings if one.columns == ("duration",) and one.inflation is not None]
    assert worth[0].stated == pytest.approx(0.96, abs=0.02)
    assert worth[0].repaired == pytest.approx(0.62, abs=0.04)
