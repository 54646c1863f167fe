"""Entries of the audit log as a reader sees them. Their details may have been altered by hand, and so be anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sentinel.console.wording import title_of
from sentinel.exposition.reports import path_of
from sentinel.pipeline.audit_log import AuditEntry

PAGE: Final = 50
"""Entries of one page."""
_DIGEST_SHOWN: Final = 12
_TO_THE_SECOND: Final = len("2026-11-21T09:00:00")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One entry.

    Attributes
    ----------
    sequence : int
    at, who, kind : str
    what : str
        What was done, in a line.
    model, version, path : str
        Which model version it is about, and its page; empty where it is about none.
    note : str
        Why, in the words of who did it.
    settings : sequence of str
        Names of those that changed.
    """

    sequence: int
    at: str
    who: str
    kind: str
    what: str
    model: str = ""
    version: str = ""
    path: str = ""
    note: str = ""
    settings: Sequence[str] = ()


def audit_rows(entries: Iterable[AuditEntry]) -> list[AuditRow]:
    """Rows in the order of the entries."""
    return [_row(entry) for entry in entries]


def _row(entry: AuditEntry) -> AuditRow:
    told = entry.details
    model, version = _text(told.get("model")), _text(told.get("version"))
    promoted = told.get("promoted")
    changed = told.get("changed")
    return AuditRow(
        sequence=entry.sequence,
        at=_at(entry.at),
        who=entry.who,
        kind=entry.kind,
        what=_what(entry.kind, entry.who, told),
        model=model,
        version=version,
        path=f"/models/{path_of(model, version)}" if model and version else "",
        note=_text(told.get("note") or (promoted.get("note") if isinstance(promoted, dict) else None)),
        settings=tuple(map(str, changed)) if isinstance(changed, list) else (),
    )


def _what(kind: str, who: str, told: Mapping[str, Any]) -> str:
    if kind == "acknowledgement":
        truth = f" ({title_of(_text(told.get('true_cause')))})" if told.get("true_cause") else ""
        return f"{title_of(_text(told.get('cause')))}, answered: {_text(told.get('answer')).replace('_', ' ')}{truth}"
    if kind == "configuration":
        return _configured(who, told)
    if kind == "baseline":
        before, after = (_text(told.get(name))[:_DIGEST_SHOWN] for name in ("before", "after"))
        promoted = ", promoted from live traffic" if told.get("promoted") else ""
        return f"{after} in place of {before}{promoted}" if before else f"{after}, the first{promoted}"
    return f"cut off {_text(told.get('cut_bytes')) or 'some'} bytes of a line that was never confirmed"


def _configured(who: str, told: Mapping[str, Any]) -> str:
    if told.get("succeeded") is False:
        return "refused, the old one stands"
    by = f" by sentinel {_text(told.get('sentinel'))}" if told.get("sentinel") else ""
    if told.get("changed"):
        return f"taken up{by}"
    # A start that changes nothing is noted only where there is nothing to compare with.
    return f"taken up{by}; none before it is known" if who == "start" else f"taken up{by}, nothing changed"


def _at(text: str) -> str:
    return f"{text[:_TO_THE_SECOND].replace('T', ' ')} UTC" if text.endswith("Z") else text


def _text(value: object) -> str:
    return "" if value is None else str(value)
