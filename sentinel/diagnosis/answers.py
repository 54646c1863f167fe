"""Answers to verdicts: what somebody may say, what it teaches, and the file in which it goes to the training."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from sentinel.diagnosis.report import Answer, Cause
from sentinel.errors import CorruptArtifactError

MAX_NOTE_CHARS: Final = 2_000
FORMAT: Final = 1

_REFUSED_CATEGORIES = ("Cc", "Cs")
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class AnswerRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody says of the verdict that stands."""

    answer: Annotated[Answer, Meta(description="what is said of it")]
    note: Annotated[
        str, Meta(min_length=1, max_length=MAX_NOTE_CHARS, description="why; new lines are its only control characters")
    ]
    true_cause: Annotated[
        Cause | None,
        Meta(description="what it was: has to be there for other_cause, may be for expected_drift and fixed"),
    ] = None
    cause: Annotated[
        Cause | None, Meta(description="the cause that was read; if the verdict names another by now, status 409")
    ] = None

    def __post_init__(self) -> None:
        if not self.note.strip():
            raise ValueError("note: say why")
        if any(map(_is_control, self.note)):
            raise ValueError("note: no control characters but new lines")
        if self.answer == "other_cause" and self.true_cause is None:
            raise ValueError("true_cause: other_cause names it")
        if self.answer in ("confirmed", "false_alarm") and self.true_cause is not None:
            raise ValueError(f"true_cause: {self.answer} says it already")
        if self.true_cause in (Cause.NONE, Cause.INSUFFICIENT_EVIDENCE):
            raise ValueError(f"true_cause: {self.true_cause} is none; if nothing was wrong, answer false_alarm")
        if self.answer == "expected_drift" and self.true_cause is not None and self.true_cause.family != "drift":
            raise ValueError(f"true_cause: {self.true_cause} is no drift; answer other_cause")


def _is_control(character: str) -> bool:
    if character == "\n":
        return False
    return unicodedata.category(character) in _REFUSED_CATEGORIES or character in _REORDERING


def taught(answer: Answer, named: Cause, true_cause: Cause | None) -> Cause | None:
    """The truth that an answer tells, or None if it tells none.

    Examples
    --------
    >>> taught("false_alarm", Cause.CONCEPT_DRIFT, None).value, taught("fixed", Cause.TRAIN_SERVE_SKEW, None)
    ('none', None)
    """
    if answer == "false_alarm":
        return Cause.NONE
    if true_cause is not None:
        return true_cause
    says_drift = answer == "expected_drift" and named.family == "drift"
    confirms = answer == "confirmed" and named is not Cause.INSUFFICIENT_EVIDENCE
    return named if says_drift or confirms else None


class TaughtCase(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the file: the evidence of a verdict, and what was the matter."""

    format: int = FORMAT
    model: str
    version: str
    at: str
    through: str | None
    named: Cause
    cause: Annotated[Cause, Meta(description="the truth, as somebody answered")]
    scorecard: str | None
    signals: Annotated[dict[str, float | None], Meta(description="null where the evidence is missing")]


def encode_cases(cases: Iterable[TaughtCase]) -> bytes:
    """JSON lines."""
    return b"".join(msgspec.json.encode(case) + b"\n" for case in cases)


def decode_cases(data: bytes) -> list[TaughtCase]:
    """Read what :func:`encode_cases` wrote.

    Raises
    ------
    CorruptArtifactError
        Naming the first line that is no case, or one of another format.
    """
    cases = []
    for number, line in enumerate(data.splitlines(), 1):
        try:
            case = msgspec.json.decode(line, type=TaughtCase)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise CorruptArtifactError(f"line {number}: no answer to a verdict: {error}") from error
        if case.format != FORMAT:
            raise CorruptArtifactError(f"line {number}: format {case.format}, this version reads {FORMAT}")
        cases.append(case)
    return cases
