"""Reports for the pages: whole ones of every task, and ones with holes wherever a report may have them."""

from __future__ import annotations

import msgspec

from sentinel.diagnosis.report import (
    Acknowledgement,
    Alert,
    Cause,
    Culprit,
    Report,
    SecondCause,
    TimelinePoint,
    Verdict,
)
from sentinel.evaluation.findings import (
    Calibration,
    Change,
    Delays,
    Finding,
    LaunchWindow,
    Maturity,
    Parts,
    Rate,
    ReliabilityBin,
    Residuals,
    Value,
)
from tests.exposition.reports import LEAKAGE_ALERT, NO_VALUE, feature, finding, full_report, report

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
LONG = "a_name_without_any_place_to_break_" * 12
RIGHT_TO_LEFT = "\u05de\u05d5\u05d3\u05dc \u05e0\u05d8\u05d9\u05e9\u05d4"
OWN_METRICS = {
    "binary": ("auc", "log_loss", "brier", "base_rate"),
    "multiclass": ("auc", "macro_auc", "macro_f1", "accuracy"),
    "regression": ("auc", "explained_variance", "r2", "mae", "rmse"),
    "ranking": ("auc", "ndcg", "mrr"),
}
TASKS = tuple(OWN_METRICS)


def rate(score: float, share: float) -> Rate:
    """A point of the reliability curve."""
    return Rate(score=score, rate=share, lower=max(share - 0.05, 0.0), upper=min(share + 0.05, 1.0), n=400)


def whole(task: str = "binary", *, n_slices: int = 3, n_points: int = 60, name: str = "churn") -> Report:
    """Everything that a report may hold, for a task."""
    offline, unknown = Value(value=1.02, lower=0.95, upper=1.1, n=2_000), NO_VALUE
    everywhere = full_report(name).findings[0]
    parts = msgspec.structs.replace(everywhere.parts, intervals={"outcome": (0.05, 0.15)}, slicing="region")
    overall = [
        msgspec.structs.replace(everywhere, metric=metric, parts=parts, alarm=metric == "auc")
        for metric in OWN_METRICS[task]
    ]
    residuals = Residuals(
        n=1_000, offline_n=2_000, quantiles={"p05": -20_500.0, "p50": 0.5, "p95": 18.0},
        offline_quantiles={"p05": -12.0, "p50": 0.0, "p95": 12.0}, beyond_ratio=0.03, excess_psi=0.2,
    )  # fmt: skip
    verdict = full_report(name).verdict
    return msgspec.structs.replace(
        full_report(name),
        task=task,
        verdict=msgspec.structs.replace(
            verdict,
            probabilities={**verdict.probabilities, Cause.NONE: 0.001},
            missing_evidence=("feature times",),
            minimum_detectable_gap={"auc": 0.03},
            second=SecondCause(cause=Cause.CONCEPT_DRIFT, probability=0.6),
            scorecard="0123456789abcdef",
        ),
        findings=(*overall, *many_slices(n_slices)),
        timeline=timeline(n_points),
        launch=LaunchWindow(
            complete=True, n_outcomes=1_000, through="2026-11-01T06:00:00Z", gap=0.125, log_evidence=9.5, alarm=True
        ),
        change=Change(
            none=0.0, launch=0.25, later=0.75, onset="2026-11-02T00:00:00Z",
            onset_lower="2026-11-01T12:00:00Z", onset_upper="2026-11-02T12:00:00Z",
        ),
        maturity=Maturity(
            seconds=604_800.0, judged_seconds=86_400.0, n_mature=900, n_outcomes=880, coverage_ratio=0.98,
            lowest_coverage_ratio=0.9, delay_p_value=0.5, delay_ratio=1.1,
        ),
        residuals=residuals if task == "regression" else None,
        offline_calibration=Calibration(slope=offline, intercept=offline),
        online_calibration=Calibration(slope=unknown, intercept=offline),
        reliability=tuple(
            ReliabilityBin(offline=rate(k / 10, k / 10), online=rate(k / 12, k / 10) if k > 1 else None)
            for k in range(10)
        ),
        delays=Delays(
            edges_seconds=(60.0, 3_600.0, 86_400.0), offline=(0.1, 0.2, 0.3, 0.4), online=(0.0, 0.5, 0.5, 0.0), n=900
        ),
    )  # fmt: skip


def many_slices(n: int) -> tuple[Finding, ...]:
    """Slices with gaps from -.1 to .2 of the AUC, and for every third one a log loss."""
    found = []
    for at in range(n):
        gap = 0.3 * at / max(n - 1, 1) - 0.1
        one = msgspec.structs.replace(finding(f"city=place {at}", gap=gap), lower=gap - 0.05, upper=gap + 0.05)
        found.append(msgspec.structs.replace(one, alarm=gap > 0.15))
        if at % 3 == 0:
            found.append(msgspec.structs.replace(one, metric="log_loss", alarm=True))
    return tuple(found)


def timeline(n: int) -> tuple[TimelinePoint, ...]:
    """Hourly points; the first ones without an estimate."""
    points = []
    for at in range(n):
        day, hour = divmod(at, 24)
        gap = None if at < 3 else 0.125 + 0.01 * (at % 3)
        points.append(
            TimelinePoint(
                at=f"2026-11-{day % 28 + 1:02}T{hour:02}:00:00Z",
                n_predictions=100 * at,
                n_outcomes=50 * at,
                metric="auc",
                online=None if gap is None else 0.9 - gap,
                gap=gap,
                lower=None if gap is None else gap - 1 / at,
                upper=None if gap is None else gap + 1 / at,
                log_evidence=None,
                cause=Cause.TARGET_LEAKAGE,
            )
        )
    return tuple(sorted(points, key=lambda point: point.at))


def empty(task: str = "binary") -> Report:
    """Before the first event: nothing is known."""
    return msgspec.structs.replace(
        report("young", "1", findings=[]),
        task=task,
        through=None,
        counts={},
        verdict=Verdict(
            cause=Cause.INSUFFICIENT_EVIDENCE, family="insufficient_evidence", confidence=1.0, probabilities={}
        ),
        launch=LaunchWindow(complete=False, n_outcomes=0, through=None, gap=None, log_evidence=None, alarm=False),
        timeline=(),
    )


def one_class() -> Report:
    """Outcomes of one class only: no AUC on the live side, no gap, no parts, features without an association."""
    unsplit = Parts(reason="too few outcomes")
    return msgspec.structs.replace(
        empty(),
        findings=(
            msgspec.structs.replace(finding(gap=None, log_evidence=None), parts=unsplit),
            finding("region=EU", gap=None),
        ),
        features=(msgspec.structs.replace(feature(collapse=None), online_auc=NO_VALUE, offline_auc=NO_VALUE),),
        through="2026-11-20T12:00:00Z",
        counts={"predictions": 12, "joined": 12},
        maturity=Maturity(seconds=None),
        change=Change(none=1.0, launch=0.0, later=0.0),
        reliability=(ReliabilityBin(offline=rate(0.5, 0.5), online=None),),
        timeline=tuple(msgspec.structs.replace(point, online=None, gap=None) for point in timeline(5)),
    )


def hostile(name: str = EVIL) -> Report:
    """A name from events wherever a report may hold one."""
    made = whole(name=name)
    one = made.findings[0]
    return msgspec.structs.replace(
        made,
        version=name,
        findings=(one, *(msgspec.structs.replace(f, slice=f"city={name}") for f in made.findings[-1:])),
        features=(feature(name),),
        verdict=msgspec.structs.replace(
            made.verdict,
            culprits=(Culprit(kind="feature", name=name, weight=1.0),),
            reasons=(name,),
            missing_evidence=(name,),
        ),
        counterfactuals=tuple(msgspec.structs.replace(each, name=f"feature:{name}") for each in made.counterfactuals),
        alerts=(alert(name),),
        acknowledgement=answered(made, name).acknowledgement,
        generated_by=name,
        dead_letters={name: 1},
        baseline=msgspec.structs.replace(made.baseline, split_protocol=name),
    )


def answered(one: Report, note: str = "the join was late", *, cause: Cause = Cause.TARGET_LEAKAGE) -> Report:
    """One whose verdict, or one of another cause, somebody has answered."""
    said = Acknowledgement(
        sequence=1, at="2026-11-21T09:00:00Z", who="alice", model=one.model, version=one.version, answer="other_cause",
        note=note, true_cause=Cause.TRAIN_SERVE_SKEW, cause=cause, confidence=0.75, baseline=one.baseline.digest,
    )  # fmt: skip
    return msgspec.structs.replace(one, acknowledgement=said)


def alert(text: str) -> Alert:
    """One whose slice and summary are a name from events."""
    return msgspec.structs.replace(LEAKAGE_ALERT, slice=text, summary=text)
