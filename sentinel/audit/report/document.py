"""The audit as a file: JSON that can be read back, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from sentinel.audit.findings import AuditReport
from sentinel.errors import FatalError
from sentinel.whole_files import read_document


def to_json(report: AuditReport) -> bytes:
    """Encode an audit as indented UTF-8 JSON, ending in a newline."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def from_json(data: bytes) -> AuditReport:
    """Read what :func:`to_json` wrote.

    Raises
    ------
    msgspec.ValidationError
        If it is no audit of this version; the message names the field.
    """
    return msgspec.json.decode(data, type=AuditReport)


def read_report(path: str | os.PathLike[str]) -> AuditReport:
    """Read the file of an audit.

    Raises
    ------
    FatalError
        If it cannot be read.
    CorruptArtifactError
        If it is no audit of this version.
    """
    return read_document(path, from_json, "audit of sentinel")


def audit_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the audit."""
    schema = msgspec.json.schema(AuditReport)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "sentinel audit", **schema}


def check_writable(outputs: Mapping[str, Path | None], inputs: Mapping[str, Path | None]) -> None:
    """Find before the work what would keep an output from being written after it.

    Parameters
    ----------
    outputs, inputs : mapping of str to Path or None
        By the option that names them; None where it is not given.

    Raises
    ------
    FatalError
        If an output has no folder, is one, is not allowed, or is one of the other files as well.
    """
    taken = {_real(path): option for option, path in inputs.items() if path is not None}
    for option, path in outputs.items():
        if path is None:
            continue
        fault = _fault(path)
        if fault is not None:
            raise FatalError(f"cannot write {path}: {fault}")
        other = taken.setdefault(_real(path), option)
        if other != option and (path.is_file() or not path.exists()):
            raise FatalError(f"{other} and {option} both name {path}: give each a file of its own")


def _real(path: Path) -> str:
    return os.path.realpath(path)


def _fault(path: Path) -> str | None:
    if path.is_dir():
        return "it is a folder"
    if not path.parent.is_dir():
        return "there is no such folder"
    ordinary = path.is_file() or not path.exists()
    if not os.access(path.parent if ordinary else path, os.W_OK):
        return "permission denied"
    return None
