"""The form that answers a verdict: what may be said, who may say it, and what is wrong with what was sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from sentinel.diagnosis.report import Answer, Cause
from sentinel.exposition.access import Principal
from sentinel.exposition.answers import RefusedAnswer

ANSWERS: Final[Mapping[Answer, tuple[str, str]]] = MappingProxyType(
    {
        "confirmed": ("It is right", "the named cause is what was wrong"),
        "other_cause": ("It was something else", "choose below what it was"),
        "false_alarm": ("False alarm", "nothing was wrong"),
        "expected_drift": ("Expected drift", "the world moved, and that is accepted"),
        "fixed": ("Mended", "it is put right"),
    }
)
"""What may be said of a verdict: its name and what it means."""
CAUSES: Final[Mapping[str, Sequence[Cause]]] = MappingProxyType(
    {family: tuple(cause for cause in Cause if cause.family == family) for family in ("leakage", "pipeline", "drift")}
)
"""What it may have been, by family."""

_FORBIDDEN, _NOT_FOUND, _CONFLICT, _INVALID = 403, 404, 409, 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """Who reads a page of a process that keeps answers.

    Attributes
    ----------
    principal : Principal
    writers : sequence of str
        Who may answer, by name.
    """

    principal: Principal
    writers: Sequence[str]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an answer.

    Attributes
    ----------
    words : str
        For who sent it.
    field : str
        The field that has to change; empty if none has.
    """

    words: str
    field: str = ""


def fault_of(refused: RefusedAnswer) -> Fault:
    """Why an answer was not kept, and what to do about it."""
    if refused.status == _NOT_FOUND:
        return Fault("The model is not watched any more: the configuration has changed since the page was drawn.")
    if refused.status == _CONFLICT:
        return Fault("The verdict has changed since you read it. Read it again, then choose anew.")
    if refused.status == _FORBIDDEN:
        return Fault(f"You may not answer: {refused.message}.")
    if refused.status == _INVALID:
        return _invalid(refused.fields) or Fault(f"The form cannot be read: {refused.message}.")
    return Fault(f"It could not be written down: {refused.message}. Send it again when that is mended.")


def _invalid(fields: Mapping[str, str]) -> Fault | None:
    answer, true_cause = fields.get("answer", ""), fields.get("true_cause", "")
    if answer not in ANSWERS:
        return Fault("Choose what you say of the verdict.", "answer")
    if not fields.get("note", "").strip():
        return Fault("Say why: the note is what others will read.", "note")
    if answer == "other_cause" and not true_cause:
        return Fault("Choose what it was, if it was something else.", "true_cause")
    if answer in ("confirmed", "false_alarm") and true_cause:
        return Fault(f"“{ANSWERS[answer][0]}” says already what it was: leave that open.", "true_cause")  # type: ignore[index] # it is in ANSWERS
    if answer == "expected_drift" and true_cause not in ("", *CAUSES["drift"]):
        return Fault("That is no drift: choose one, or say that it was something else.", "true_cause")
    return None
