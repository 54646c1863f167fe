"""Answers to verdicts: what may be said, and what it teaches."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from sentinel.diagnosis.answers import AnswerRequest, TaughtCase, decode_cases, encode_cases, taught
from sentinel.diagnosis.report import Acknowledgement, Answer, Cause, is_acknowledged
from sentinel.diagnosis.words import explain
from sentinel.errors import CorruptArtifactError
from tests.exposition.reports import report

LEAK, DRIFT, SKEW = Cause.TARGET_LEAKAGE, Cause.CONCEPT_DRIFT, Cause.TRAIN_SERVE_SKEW


def _asked(**fields: Any) -> AnswerRequest:
    return msgspec.json.decode(json.dumps({"answer": "fixed", "note": "mended", **fields}), type=AnswerRequest)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"answer": "yes"}, "Invalid enum value 'yes'"),
        ({"note": ""}, "length >= 1"),
        ({"note": " \n"}, "note: say why"),
        ({"note": "x" * 2_001}, "length <= 2000"),
        ({"note": "bell \a"}, "note: no control characters"),
        ({"note": "nul \0"}, "note: no control characters"),
        ({"note": "turned \u202e round"}, "note: no control characters"),
        ({"answer": "other_cause"}, "true_cause: other_cause names it"),
        ({"answer": "confirmed", "true_cause": "concept_drift"}, "true_cause: confirmed says it already"),
        ({"answer": "other_cause", "true_cause": "none"}, "if nothing was wrong, answer false_alarm"),
        ({"answer": "other_cause", "true_cause": "insufficient_evidence"}, "insufficient_evidence is none"),
        ({"answer": "expected_drift", "true_cause": "target_leakage"}, "target_leakage is no drift"),
        ({"true_cause": "weather"}, "Invalid enum value 'weather'"),
        ({"who": "mallory"}, "unknown field `who`"),
    ],
)
def test_what_may_not_be_said(fields: dict[str, Any], fault: str) -> None:
    """Each fault is refused with what is wrong."""
    with pytest.raises(msgspec.ValidationError, match=fault):
        _asked(**fields)


def test_a_note_may_have_lines_and_any_script() -> None:
    """New lines and letters of all kinds are a note; two thousand of them are not too many."""
    note = "eins\nzwei ü 三 " + "x" * 1_986
    assert len(note) == 2_000
    assert _asked(note=note).note == note


@pytest.mark.parametrize(
    ("answer", "named", "true_cause", "truth"),
    [
        ("confirmed", LEAK, None, LEAK),
        ("confirmed", Cause.NONE, None, Cause.NONE),
        ("confirmed", Cause.INSUFFICIENT_EVIDENCE, None, None),
        ("false_alarm", LEAK, None, Cause.NONE),
        ("other_cause", LEAK, SKEW, SKEW),
        ("expected_drift", DRIFT, None, DRIFT),
        ("expected_drift", LEAK, None, None),
        ("expected_drift", LEAK, DRIFT, DRIFT),
        ("fixed", SKEW, None, None),
        ("fixed", SKEW, SKEW, SKEW),
    ],
)
def test_what_an_answer_teaches(answer: Answer, named: Cause, true_cause: Cause | None, truth: Cause | None) -> None:
    """A truth only where somebody told one: that it is fixed says not what it was."""
    assert taught(answer, named, true_cause) is truth


def test_an_answer_is_to_its_cause_and_baseline() -> None:
    """A verdict counts as answered while its cause and baseline are those of the latest answer."""
    plain = report()
    answer = Acknowledgement(
        sequence=1, at="2026-11-20T12:00:00Z", who="alice", model="churn", version="7", answer="confirmed", note="so",
        cause=plain.verdict.cause, confidence=0.75, baseline=plain.baseline.digest,
    )  # fmt: skip
    answered = msgspec.structs.replace(plain, acknowledgement=answer)
    assert not is_acknowledged(plain)
    assert is_acknowledged(answered)
    assert "\nalice answered on 2026-11-20T12:00:00Z: confirmed. so\n" in explain(answered)
    assert "answered" not in explain(plain)
    earlier = msgspec.structs.replace(plain, acknowledgement=msgspec.structs.replace(answer, cause=DRIFT))
    assert "alice answered to an earlier verdict, concept_drift on 2026" in explain(earlier)
    for other in ({"cause": DRIFT}, {"baseline": "e"}):
        stale = msgspec.structs.replace(answer, **other)
        assert not is_acknowledged(msgspec.structs.replace(plain, acknowledgement=stale))


def test_cases_come_back_from_their_file() -> None:
    """What is written is read; a line that is no case is named, as is one of a later format."""
    case = TaughtCase(
        model="churn", version="7", at="2026-11-20T12:00:00Z", through=None, named=LEAK, cause=SKEW, scorecard="d",
        signals={"growth": None, "collapse": 1.5},
    )  # fmt: skip
    data = encode_cases([case, case])
    assert decode_cases(data) == [case, case]
    with pytest.raises(CorruptArtifactError, match="line 2: no answer to a verdict"):
        decode_cases(encode_cases([case]) + b"{}\n")
    with pytest.raises(CorruptArtifactError, match="line 1: format 2, this version reads 1"):
        decode_cases(encode_cases([msgspec.structs.replace(case, format=2)]))
