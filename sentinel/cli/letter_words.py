"""Refused events in words: what is kept of one, and the event itself with its values masked."""

from __future__ import annotations

import json
from typing import Any

from sentinel.config.times import rfc3339
from sentinel.events.codecs.shown import form
from sentinel.ingest.dead_letters import KeptDeadLetter
from sentinel.ingest.kafka_originals import Original


def described(original: Original, *, values: bool) -> list[str]:
    """The lines that show an event: its fields and their forms, or as it is."""
    value = original.value
    lines = [f"timestamp   {original.timestamp_ms} ms"]
    for name, content in original.headers:
        shown = printable((content or b"").decode(errors="replace")) if values else f"{len(content or b'')} bytes"
        lines.append(f"header      {printable(name)}: {shown}")
    if value is None:
        return [*lines, "value       none (a tombstone)"]
    if values:
        return [*lines, f"value       {printable(value.decode(errors='replace'))}"]
    return [*lines, f"value       {len(value)} bytes", *(f"  {line}" for line in _masked(value))]


def _masked(value: bytes) -> list[str]:
    try:
        event = json.loads(value)
    except (ValueError, RecursionError):
        return ["no JSON"]
    if not isinstance(event, dict):
        return [form(event)]
    lines = []
    for name, content in event.items():
        lines.append(f"{printable(name)}: {form(content)}")
        if isinstance(content, dict):
            lines += [f"  {printable(inner)}: {form(one)}" for inner, one in content.items()]
    return lines


def fields_of(kept: KeptDeadLetter) -> dict[str, Any]:
    """What is kept of a refused event, by name, for people and programs."""
    letter = kept.letter
    fields: dict[str, Any] = {
        "letter": name_of(kept),
        "refused_at": refused_at(kept),
        "reason": str(letter.reason),
        "detail": letter.detail,
        "kind": letter.kind,
    }
    known = {"bytes": kept.n_bytes, "hash": kept.digest or None}
    return fields | {name: value for name, value in known.items() if value is not None}


def name_of(kept: KeptDeadLetter) -> str:
    """Where its event was read: ``topic/partition/offset``."""
    return f"{kept.letter.topic}/{kept.letter.partition}/{kept.letter.offset}"


def refused_at(kept: KeptDeadLetter) -> str:
    """When it was refused, RFC 3339."""
    return rfc3339(kept.refused_at, to_second=True)


def printable(text: str) -> str:
    """Text that does nothing to a terminal but stand there."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
