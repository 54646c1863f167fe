"""The baseline: the offline estimate as one file, with everything live counts are held against."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import msgspec

from sentinel.baseline.evidence import AuditEvidence, RepairedEstimate, StaticEvidence
from sentinel.errors import BaselineError, CorruptArtifactError
from sentinel.summaries import wire
from sentinel.summaries.algebra import Summary, array_specs
from sentinel.summaries.bloom import BloomFilter
from sentinel.summaries.layout import Layout
from sentinel.whole_files import replace_file

KIND = "baseline"
_SUMMARY_PREFIX = "summary."
_FILTERS = ("train_rows", "train_entities")

Severity = Literal["info", "warning", "critical"]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """Something about the offline data that whoever relies on the estimate has to know."""

    name: str
    severity: Severity
    detail: str


class OfflineEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """A metric of one slice with its 95 % interval, or the reason why there is none (then all numbers are null)."""

    metric: str
    slice: str
    value: float | None
    lower: float | None
    upper: float | None
    variance: float | None
    n: int
    reason: str | None = None


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Where a promoted baseline comes from: live panes that someone accepted as the new reference.

    ``since_us`` and ``until_us`` bound the panes in microseconds since the epoch; live traffic is held against the new
    reference from ``until_us`` on.
    """

    parent: str
    since_us: int
    until_us: int
    n_panes: int
    n_outcomes: int
    note: str


class BaselineMeta(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the offline evaluation besides its counts.

    Parameters
    ----------
    model, version, task : str
    schema_version : str
        SHA-256 over the names, kinds and vocabularies of the columns, first 12 hex digits.
    created_at : str
        RFC 3339.
    generated_by : str
    n_rows : int
        Validation rows counted as predictions.
    n_train_rows : int or None
    n_rejected : dict of reason to count
        Validation rows that broke a rule.
    validation_start, validation_end, train_start, train_end : str or None
        First and last prediction times, RFC 3339.
    manifest : dict
        As the team stated it.
    outcome_delay_seconds : dict or None
        Quantiles ``p50, p90, p99, max`` in seconds; None where the file does not say when outcomes were known.
    horizon_seconds : float
        How long a prediction waits for its outcome by default.
    n_row_overlap, n_entity_overlap : int or None
        Validation rows whose inputs, or whose entity, are in the training rows too. None without training rows.
    estimates : tuple of OfflineEstimate
    ignored : dict of column to reason
        Columns that are no features.
    checks : tuple of Check
        The worst first.
    provenance : Provenance or None
        None where it was built from files.
    static : StaticEvidence
    repairs : tuple of RepairedEstimate
        The offline AUC without time overlap, without copies of training rows, and with features at serving defaults.
    hash_key : str or None
        Fingerprint of the key in the hashes of entities and rows; None where there is no key.
    audit : AuditEvidence or None
        None where no audit was made: without training rows, when it was switched off, of live traffic, and of older
        baselines.
    """

    model: str
    version: str
    task: str
    schema_version: str
    created_at: str
    generated_by: str
    n_rows: int
    n_train_rows: int | None
    n_rejected: dict[str, int]
    validation_start: str | None
    validation_end: str | None
    train_start: str | None
    train_end: str | None
    manifest: dict[str, Any]
    outcome_delay_seconds: dict[str, float] | None
    horizon_seconds: float
    n_row_overlap: int | None
    n_entity_overlap: int | None
    estimates: tuple[OfflineEstimate, ...]
    ignored: dict[str, str]
    checks: tuple[Check, ...]
    provenance: Provenance | None = None
    static: StaticEvidence = StaticEvidence()
    repairs: tuple[RepairedEstimate, ...] = ()
    hash_key: str | None = None
    audit: AuditEvidence | None = None


@dataclass(frozen=True)
class Baseline:
    """The offline side of every comparison; equal inputs have equal bytes.

    Parameters
    ----------
    layout : Layout
        The frame that live Summaries share.
    summary : Summary
        Counts of the validation rows, outcomes included. Not to be written.
    meta : BaselineMeta
    train_rows, train_entities : BloomFilter or None
        Fingerprints of the training rows' inputs, and their entities.
    """

    layout: Layout
    summary: Summary
    meta: BaselineMeta
    train_rows: BloomFilter | None = None
    train_entities: BloomFilter | None = None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the bytes, in hex: names this very baseline."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def to_bytes(self) -> bytes:
        """Versioned, checksummed encoding."""
        arrays = {f"{_SUMMARY_PREFIX}{name}": array for name, array in self.summary.arrays.items()}
        salts: dict[str, int] = {}
        for name in _FILTERS:
            found: BloomFilter | None = getattr(self, name)
            if found is not None:
                arrays[name] = found.bits
                salts[name] = found.salt
        meta = msgspec.to_builtins(self.meta)
        for name in ("hash_key", "audit"):  # the bytes, and so the digest, of baselines without one are as ever
            if meta[name] is None:
                del meta[name]
        header = {"layout": self.layout.to_bytes(), "meta": meta, "salts": salts}
        return wire.pack(KIND, header, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> Baseline:
        """Read what :meth:`to_bytes` wrote.

        Raises
        ------
        CorruptArtifactError
            If the bytes were altered or cut, or are no baseline.
        """
        header, arrays = wire.unpack(KIND, data)
        try:
            layout = Layout.from_bytes(header["layout"])
            meta = msgspec.convert(header["meta"], BaselineMeta)
            salts = dict(header["salts"])
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptArtifactError(f"the baseline's header cannot be read: {error}") from error
        counts = {}
        for name, spec in array_specs(layout).items():
            array = arrays.get(f"{_SUMMARY_PREFIX}{name}")
            if array is None or array.shape != spec.shape or array.dtype.str != spec.dtype:
                raise CorruptArtifactError(f"the baseline lacks or misshapes the counts {name!r}: build it again")
            array.flags.writeable = False
            counts[name] = array
        filters = {
            name: BloomFilter(arrays[name], salts[name]) for name in _FILTERS if name in salts and name in arrays
        }
        return cls(layout, Summary(layout, counts), meta, **filters)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file whole or not at all.

        Raises
        ------
        BaselineError
            If it cannot be written; an older file of the name is then still there.
        """
        try:
            replace_file(path, self.to_bytes())
        except OSError as error:
            raise BaselineError(f"{os.fspath(path)}: cannot write the baseline: {error.strerror or error}") from error

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Baseline:
        """Read a file.

        Raises
        ------
        BaselineError
            If the file cannot be read.
        CorruptArtifactError
            If it is not what was written.
        """
        source = os.fspath(path)
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise BaselineError(f"{source}: cannot read the baseline: {error.strerror or error}") from error
        try:
            return cls.from_bytes(data)
        except CorruptArtifactError as error:
            raise CorruptArtifactError(f"{source}: {error}") from error
