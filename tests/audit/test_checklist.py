"""The checklist says yes only where a check looked, and no only where something misleads."""

from __future__ import annotations

import msgspec
import pytest

from sentinel.audit.checklist import QUESTIONS, checklist
from sentinel.audit.checks import all_checks
from sentinel.audit.findings import (
    Cause,
    CheckResult,
    Finding,
    Interval,
    Severity,
    SplitProposal,
    found,
    not_checked,
)
from sentinel.audit.guarded import FAILED
from sentinel.stats.estimate import NotEnough

COPIES = QUESTIONS[0].text
NO_SCORE = NotEnough("the validation rows have no score", 0, 1)


def _finding(check: str, cause: Cause, severity: Severity) -> CheckResult:
    one = Finding(check=check, cause=cause, severity=severity, title="it is so", detail="", mend="")
    return found(check, [one], "")


def _answers(*results: CheckResult) -> dict[str, tuple[str, str]]:
    return {item.question: (item.answer, item.because) for item in checklist(results, NO_SCORE)}


def test_every_check_answers_a_question() -> None:
    """A check that is in no question, or a question that asks a check there is not, is a gap in the list."""
    asked = {name for question in QUESTIONS for name in (*question.essential, *question.further)}
    there = {module.NAME for module in all_checks()}
    assert sorted(there - asked) == [], "answers no question: name it in QUESTIONS of sentinel/audit/checklist.py"
    assert sorted(asked - there) == [], "named in QUESTIONS of sentinel/audit/checklist.py, but no check"


def test_a_clear_check_is_a_yes() -> None:
    """The essential check being clear is enough; what could not be checked beside it is said."""
    answer, because = _answers(found("copies", (), ""), not_checked("similar_text", "no text", "audit.text"))[COPIES]
    assert answer == "yes"
    assert because.startswith("copies: nothing")
    assert because.endswith("(not made: similar_text)")


@pytest.mark.parametrize("severity", ["critical", "warning"])
def test_a_finding_that_misleads_is_a_no(severity: Severity) -> None:
    """From whichever check it comes: the cause decides which question it answers."""
    answers = _answers(found("copies", (), ""), _finding("some_other", "duplicate_leakage", severity))
    assert answers[COPIES] == ("no", "some_other: it is so")


def test_a_leak_that_may_cost_nothing_is_neither_yes_nor_no() -> None:
    """An info is told, and a person decides; a fault that is good to know leaves the yes."""
    told = "copies: it is so, which may cost nothing"
    assert _answers(_finding("copies", "duplicate_leakage", "info"))[COPIES] == ("unknown", told)
    question = next(question for question in QUESTIONS if question.essential == ("conflicting_outcomes",))
    assert _answers(_finding("conflicting_outcomes", "data_quality_fault", "info"))[question.text][0] == "yes"


def test_a_check_that_failed_is_no_yes() -> None:
    """Even one that merely adds to a question leaves it open when it breaks off."""
    broken = not_checked("similar_text", f"{FAILED}KeyError in odd.py:3", "a report")
    answer, because = _answers(found("copies", (), ""), broken)[COPIES]
    assert answer == "unknown"
    assert "KeyError in odd.py:3" in because


def test_a_fault_answers_only_the_question_that_asks_its_check() -> None:
    """Faults of the data are of many kinds: one of the schema says nothing about conflicts of outcomes."""
    answers = _answers(_finding("schema_differences", "data_quality_fault", "warning"))
    assert [text for text, (answer, _) in answers.items() if answer == "no"] == [
        question.text for question in QUESTIONS if "schema_differences" in question.essential
    ]


def test_what_was_not_checked_is_unknown() -> None:
    """An essential check that was not made or not run leaves the question open, with what it needs."""
    answers = _answers(not_checked("copies", "there are no training rows", "--train"))
    assert answers[COPIES] == ("unknown", "copies could not be checked: there are no training rows (--train)")
    assert answers[QUESTIONS[1].text] == ("unknown", f"{QUESTIONS[1].essential[0]} was not run")


def test_only_people_can_answer_some() -> None:
    """Even with every check clear, two questions are for people."""
    items = checklist(
        [found(module.NAME, (), "") for module in all_checks()], Interval(value=0.8, lower=0.7, upper=0.9)
    )
    assert [item.answer for item in items].count("unknown") == 3  # and the second split, which was not tried
    assert all(item.because.startswith("no file tells") for item in items[-2:])


def test_a_metric_that_is_not_known_has_its_own_reason() -> None:
    """Scores of too few outcomes are not said to be no scores."""
    few = NotEnough("too few outcomes of a class", 3, 10)
    items = {item.question: item for item in checklist([], few)}
    item = items["Is it known how sure the offline metric is?"]
    assert (item.answer, item.because) == ("unknown", "too few outcomes of a class (3 of at least 10)")


@pytest.mark.parametrize(
    ("metric", "other", "answer"),
    [("auc", 0.7, "no"), ("auc", 0.89, "yes"), ("auc", 0.99, "yes"), ("rmse", 1.3, "no"), ("rmse", 0.5, "yes")],
)
def test_a_stricter_split_is_compared(metric: str, other: float, answer: str) -> None:
    """Worse beyond both intervals is a no; as good, better, or fitted to far fewer rows, a yes."""

    def proposal(protocol: str, value: float) -> SplitProposal:
        around = Interval(value=value, lower=value - 0.02, upper=value + 0.02)
        return SplitProposal(
            protocol=protocol,
            why="",
            n_train=100,
            n_validation=1,
            code="",
            metric_name=metric,
            metric=around,
            folds=(value,),
        )

    items = checklist([], NO_SCORE, [proposal("time", other), proposal("as given", 0.9)])
    assert items[-3].answer == answer
    smaller = msgspec.structs.replace(proposal("time", other), n_train=60)
    assert checklist([], NO_SCORE, [smaller, proposal("as given", 0.9)])[-3].answer == "yes"
