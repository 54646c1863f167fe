"""Adds up over the validation rows what speaks of the split, and turns it into evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sentinel.audit.files.candidates import candidates_of
from sentinel.audit.preprocessing.fits import ColumnFit, judged, of_column
from sentinel.audit.preprocessing.known_words import KnownCategories
from sentinel.audit.times.blocks import Stretch, TimeBlocks
from sentinel.baseline.encodings import Encodings
from sentinel.baseline.evidence import StaticEvidence
from sentinel.baseline.training import Training, add_stated, merge_stated, timed
from sentinel.config.times import parse_time_us, rfc3339
from sentinel.events.batch import F64, I64, Bool
from sentinel.events.codecs.arrow import OfflineRows
from sentinel.stats.auc import auc_from_histogram
from sentinel.stats.estimate import Estimate
from sentinel.stats.selection import expected_optimism
from sentinel.summaries.algebra import Summary
from sentinel.summaries.fingerprints import row_fingerprints
from sentinel.summaries.metrics import auc_of_buckets
from sentinel.summaries.rows import Rows
from sentinel.summaries.trained import NAMED, SEEN_ENTITY, SEEN_ROW, n_marked, true_share

COPIED_RATIO: Final = 0.01
"""Copies that are worth an estimate without them."""
ALIKE: Final = 0.2
"""Classes whose shares differ by less than this are of one size: none is the rarer."""
_RATE_BINS = 64


@dataclass(slots=True)
class StaticTally:
    """What the second pass over the validation rows adds up besides the counts.

    ``later`` holds score bin by outcome of the rows after the last training row, ``originals`` of those that are no
    copy of one; ``rates`` the bin of the entity's mean training outcome by outcome.
    """

    training: Training
    manifest: Mapping[str, Any]
    later: npt.NDArray[np.int64]
    originals: npt.NDArray[np.int64]
    rates: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros((_RATE_BINS, 2), np.int64))
    blocks: TimeBlocks = field(default_factory=TimeBlocks)
    fits: dict[str, ColumnFit] = field(default_factory=dict)
    categories: dict[str, KnownCategories] = field(default_factory=dict)
    encodings: Encodings = field(default_factory=lambda: Encodings({}, is_asked=False))
    n_not_later: int = 0
    n_within: int = 0
    n_copied: int = 0
    n_rows: int = 0
    n_after_golive: int = 0
    _late_us: int | None = None
    _golive_us: int | None = None

    def __post_init__(self) -> None:
        self._late_us = self.training.late_us()
        stated = self.manifest.get("go_live")
        self._golive_us = None if stated is None else parse_time_us(stated)

    def add(self, offline: OfflineRows, rows: Rows, table: pa.Table) -> None:
        """Take in one table, decoded and binned."""
        known = offline.known
        times, outcomes = offline.predictions.predicted_at, offline.outcomes
        self.n_rows += len(times)
        self.blocks.add(times[known], outcomes[known])
        if self.training.last_us is not None:
            later = times > self.training.last_us
            self.n_not_later += int((~later).sum())
            self._count(self.later, rows, outcomes, later & known)
        if self.training.timed_rows is not None:
            copied = self.training.timed_rows.contains(timed(row_fingerprints(offline.predictions), times))
            self.n_copied += int(copied.sum())
            self._count(self.originals, rows, outcomes, ~copied & known)
        if self._late_us is not None:
            self.n_within += int((times <= self._late_us).sum())
        if self._golive_us is not None:
            self.n_after_golive += int((times > self._golive_us).sum())
        self._add_rates(offline)
        self.encodings.add(offline.predictions.numeric, outcomes, known, times, judged=True)
        add_stated(self.fits, self.categories, table, self.manifest)

    def merge(self, other: StaticTally) -> None:
        """Take in other validation rows, held against the same training rows."""
        for counts in ("later", "originals", "rates"):
            ours = getattr(self, counts)
            ours += getattr(other, counts)
        for number in ("n_not_later", "n_within", "n_copied", "n_rows", "n_after_golive"):
            setattr(self, number, getattr(self, number) + getattr(other, number))
        self.blocks.merge(other.blocks)
        self.encodings.merge(other.encodings)
        merge_stated(self.fits, other.fits)
        merge_stated(self.categories, other.categories)

    @property
    def has_copies(self) -> bool:
        """Whether more rows than the filter claims by chance are copies, and enough to matter."""
        timed_rows = self.training.timed_rows
        return (
            timed_rows is not None
            and true_share(self.n_copied, self.n_rows, timed_rows.false_positive_ratio()) > COPIED_RATIO
        )

    @staticmethod
    def _count(counts: I64, rows: Rows, outcomes: F64, chosen: Bool) -> None:
        np.add.at(counts, (rows["score_bin"][chosen], outcomes[chosen].astype(np.int64)), 1)

    def _add_rates(self, offline: OfflineRows) -> None:
        groups = offline.predictions.groups
        usable = offline.known & (groups != 0)
        means = self.training.rates.means(groups[usable])
        seen = ~np.isnan(means)
        bins = np.minimum((means[seen] * _RATE_BINS).astype(np.int64), _RATE_BINS - 1)
        np.add.at(self.rates, (bins, offline.outcomes[usable][seen].astype(np.int64)), 1)


def static_evidence(tally: StaticTally, summary: Summary) -> StaticEvidence:
    """Put all that is known of the offline data into one value.

    Parameters
    ----------
    tally : StaticTally
        Of all validation rows.
    summary : Summary
        Their counts.
    """
    training, manifest = tally.training, tally.manifest
    n = max(summary.n_predictions, 1)
    split = manifest.get("split") or {}
    protocol = split.get("protocol")
    is_timed = training.last_us is not None
    stretches = tally.blocks.one_class()
    longest = max(stretches, key=lambda one: one.n, default=None)
    return StaticEvidence(
        split_protocol=None if protocol is None else str(protocol),
        split_by_time_broken=tally.n_not_later > 0 if is_timed and protocol == "time" else None,
        **_overlaps(training, summary),
        copied_ratio=_copied(tally, n),
        entity_signal_auc=_rate_auc(tally),
        before_train_end_ratio=tally.n_not_later / n if is_timed else None,
        time_overlap_ratio=tally.n_within / n if is_timed else None,
        after_golive_ratio=tally.n_after_golive / n if manifest.get("go_live") is not None else None,
        **_one_class(stretches, longest, summary),
        fit_proof=_fit_proof(tally),
        encoder_proof=_encoder_proof(tally),
        oversampled_ratio=_oversampled(training, summary),
        **_selection(manifest, summary),
        encoded=tally.encodings.found(),
    )


def _overlaps(training: Training, summary: Summary) -> dict[str, Any]:
    marks = summary["marks"]
    found: dict[str, Any] = {}
    if training.rows is not None:
        by_chance = training.rows.false_positive_ratio()
        share, natural = _share(marks, SEEN_ROW, by_chance), training.repeated.row_ratio()
        found |= {"duplicate_ratio": share, "repeated_ratio": natural, "row_by_chance_ratio": by_chance}
        found["duplicate_excess_ratio"] = None if share is None else max(share - natural, 0.0)
    if training.entities is not None:
        by_chance = training.entities.false_positive_ratio()
        found |= {"entity_by_chance_ratio": by_chance, "entity_overlap_ratio": _share(marks, SEEN_ENTITY, by_chance)}
    return found


def _share(marks: npt.NDArray[Any], bit: int, by_chance: float) -> float | None:
    n = n_marked(marks, NAMED) if bit == SEEN_ENTITY else int(marks.sum())
    return true_share(n_marked(marks, bit), n, by_chance) if n else None


def _rate_auc(tally: StaticTally) -> float | None:
    measured = auc_from_histogram(tally.rates[:, 1], tally.rates[:, 0])
    return measured.value if isinstance(measured, Estimate) else None


def _one_class(stretches: tuple[Stretch, ...], longest: Stretch | None, summary: Summary) -> dict[str, Any]:
    share = sum(one.n for one in stretches) / max(summary.n_outcomes, 1)
    if longest is None:
        return {"one_class_share": share}
    since, until = rfc3339(longest.since_us), rfc3339(longest.until_us)
    return {"one_class_share": share, "one_class_since": since, "one_class_until": until}


def _fit_proof(tally: StaticTally) -> tuple[str, ...] | None:
    train, validation = tally.training.fits, tally.fits
    compared = {name: of_column(judged(train[name], validation[name])) for name in sorted(train) if name in validation}
    return tuple(name for name, rows in compared.items() if rows == "both") if compared else None


def _encoder_proof(tally: StaticTally) -> tuple[str, ...] | None:
    train, validation = tally.training.categories, tally.categories
    compared = {
        name: bool(((validation[name].n_rows > 0) & (train[name].n_rows == 0)).any())
        for name in sorted(train)
        if name in validation
    }
    return tuple(name for name, proof in compared.items() if proof) if compared else None


def _copied(tally: StaticTally, n: int) -> float | None:
    timed_rows = tally.training.timed_rows
    return None if timed_rows is None else true_share(tally.n_copied, n, timed_rows.false_positive_ratio())


def _oversampled(training: Training, summary: Summary) -> float | None:
    low, high = summary["outcomes"].sum(axis=0).tolist()
    if training.rows is None or not low + high or not all(keys.n_rows for keys in training.repeated_by_class):
        return None
    negative, positive = (keys.row_ratio() for keys in training.repeated_by_class)
    if abs(high - low) < ALIKE * (low + high):
        return abs(positive - negative)
    return max(positive - negative if high < low else negative - positive, 0.0)


def _selection(manifest: Mapping[str, Any], summary: Summary) -> dict[str, Any]:
    candidates = candidates_of(manifest)
    if candidates is None:
        return {}
    area = auc_of_buckets(summary["buckets"])
    error = area.standard_error if isinstance(area, Estimate) else None
    optimism = None if error is None else expected_optimism(candidates.n, error, candidates.correlation)
    return {"candidates": candidates.n, "expected_optimism": optimism}
