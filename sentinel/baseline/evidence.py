"""What the offline rows and the manifest show of the split, as numbers that a verdict can weigh."""

from __future__ import annotations

from typing import Final

import msgspec

BY_PERIOD: Final = 0.3
"""Largest `EncodedOutcome.time_spread` of a feature that was made period by period."""


class EncodedOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """A feature that follows the outcomes of the validation rows closer than chance allows: it was made from them.

    Parameters
    ----------
    name : str
    dispersion : float
        Squared distance of the mean outcomes of rows that share a value from what the value says, in binomial
        variances of the validation rows: 1 or more where the feature is honest.
    p_value : float
        Chance of it with an honest feature.
    n_values, n : int
        Values compared, and validation rows that have them.
    pure_ends : bool
        Found by its ends instead: no row at 0 is positive, every row at 1 is, and those between are true means.
    time_spread : float or None
        Variance of the times of rows that share a value, over that of all times: near 0 where it was made period by
        period, near 1 where over all rows.
    """

    name: str
    dispersion: float
    p_value: float
    n_values: int
    n: int
    pure_ends: bool = False
    time_spread: float | None = None


class StaticEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """Findings about the offline data alone. None means unknown, never zero.

    Parameters
    ----------
    split_protocol : str or None
        As the manifest states it: ``random``, ``time``, ``group``.
    split_by_time_broken : bool or None
        A split by time is stated, yet validation rows are no later than the last training row.
    duplicate_ratio : float or None
        Share of validation rows whose inputs are in the training rows, chance claims of the filter taken off.
    duplicate_excess_ratio : float or None
        The same less the share of training rows that have a twin among the other training rows: what coarse inputs
        do by themselves.
    repeated_ratio : float or None
        That share.
    copied_ratio : float or None
        Share of validation rows whose inputs and time are both those of a training row: copies, not coincidence.
    entity_overlap_ratio : float or None
        Share of validation rows that name an entity whose entity is in the training rows.
    entity_signal_auc : float or None
        AUC of the mean training outcome of each validation row's entity, among rows whose entity is in training.
    before_train_end_ratio, time_overlap_ratio : float or None
        Share of validation rows no later than the last training row, and no later than 99 % of the training rows.
    after_golive_ratio : float or None
        Share of validation rows dated after the manifest's ``go_live``.
    one_class_share : float or None
        Share of outcomes in stretches of time whose outcomes are all the same, which chance does not explain.
    one_class_since, one_class_until : str or None
        The longest such stretch, RFC 3339.
    fit_proof, encoder_proof : tuple of str, or None
        Features whose stated statistics are those of training and validation rows together, and features whose
        encoder knows categories of validation rows only. Empty: compared, and nothing found.
    oversampled_ratio : float or None
        By how much training rows of the rarer class have a twin in it more often than the others have in theirs;
        coarse inputs make it the other way round.
    candidates : int or None
        Models compared on the validation rows.
    expected_optimism : float or None, AUC
        What the best of so many gains by chance.
    encoded : tuple of EncodedOutcome, or None
        Features that were made from the outcomes they are judged by, the surest first. Empty: compared, none found.
    row_by_chance_ratio, entity_by_chance_ratio : float
        Chance that a filter claims a row, or an entity, that training has not seen.
    """

    split_protocol: str | None = None
    split_by_time_broken: bool | None = None
    duplicate_ratio: float | None = None
    duplicate_excess_ratio: float | None = None
    repeated_ratio: float | None = None
    copied_ratio: float | None = None
    entity_overlap_ratio: float | None = None
    entity_signal_auc: float | None = None
    before_train_end_ratio: float | None = None
    time_overlap_ratio: float | None = None
    after_golive_ratio: float | None = None
    one_class_share: float | None = None
    one_class_since: str | None = None
    one_class_until: str | None = None
    fit_proof: tuple[str, ...] | None = None
    encoder_proof: tuple[str, ...] | None = None
    oversampled_ratio: float | None = None
    candidates: int | None = None
    expected_optimism: float | None = None
    encoded: tuple[EncodedOutcome, ...] | None = None
    row_by_chance_ratio: float = 0.0
    entity_by_chance_ratio: float = 0.0


class AuditedFinding(msgspec.Struct, frozen=True, kw_only=True):
    """A finding of the offline audit, without rows and values.

    Parameters
    ----------
    check, cause, severity, title : str
        As the audit's report has them.
    columns : tuple of str
    share, chance : float or None
        Share of validation rows concerned, and what honest data would show, 0..1.
    metric : str or None
    inflation, inflation_lower, inflation_upper : float or None
        By how much the offline metric looks better than it is, with its 95 % interval.
    """

    check: str
    cause: str
    severity: str
    title: str
    columns: tuple[str, ...] = ()
    share: float | None = None
    chance: float | None = None
    metric: str | None = None
    inflation: float | None = None
    inflation_lower: float | None = None
    inflation_upper: float | None = None


class Unaudited(msgspec.Struct, frozen=True, kw_only=True):
    """A check of the audit that could not be made, why, and what it needs."""

    check: str
    why: str
    needs: str | None = None


class AuditEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """What the offline audit said of the files that a baseline was built from.

    Parameters
    ----------
    findings : tuple of AuditedFinding
        The worst first.
    clear : tuple of str
        Checks that found nothing.
    not_checked : tuple of Unaudited
    failed : str or None
        Why there was no audit at all; everything else is then empty.
    """

    findings: tuple[AuditedFinding, ...] = ()
    clear: tuple[str, ...] = ()
    not_checked: tuple[Unaudited, ...] = ()
    failed: str | None = None

    @property
    def made(self) -> frozenset[str]:
        """Checks that gave an answer."""
        return frozenset(self.clear) | {finding.check for finding in self.findings}


class RepairedEstimate(msgspec.Struct, frozen=True, kw_only=True):
    """The offline AUC with one leak taken out; null numbers come with a reason.

    ``covariance`` is that with the AUC as stated.
    """

    name: str
    cause: str
    value: float | None
    variance: float | None
    covariance: float | None
    n: int
    n_positive: int
    reason: str | None = None
    needed: int = 0
