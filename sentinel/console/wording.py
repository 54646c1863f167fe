"""The words of the pages: what each verdict is called, and what every number on them means."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sentinel.diagnosis.evidence import RANKED_SCORE
from sentinel.diagnosis.report import Alert
from sentinel.diagnosis.words import MEANINGS, QUESTIONS
from sentinel.evaluation.drift import LARGE
from sentinel.summaries.metrics import METRICS

_TITLES: Final = {"none": "no gap", "insufficient_evidence": "not enough evidence yet"}
TONES: Final = ("leakage", "pipeline", "drift", "none")
"""Families with a colour of their own; all else is told in grey."""

_INTERVAL: Final = "95 % interval: an estimate from a sample can be off by as much either way."
_EVERY_LOOK: Final = (
    "Bounds of the gap: 95 %, with the error of both sides counted, and true at every look, however often you look."
)
GLOSSARY: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "verdict": {
            "Verdict": "The likeliest cause of the likeliest family: leakage, pipeline or drift; or that there is no "
            "gap, or that nobody can tell yet.",
            "Confidence": "Probability of that cause, given the evidence. The other causes share the rest.",
            "Suspects": "What carries the gap. Their shares of the suspicion sum to at most 100 %.",
            "Smallest gap that could be shown": "The offline estimate comes from a sample, too. A gap smaller than "
            "this cannot be proven with it, whatever number of outcomes arrive.",
        },
        "timeline": {
            "Offline": "What validation promised, with its 95 % interval as a band.",
            "Live": "The estimate from all judged predictions until then.",
            "Band around live": _EVERY_LOOK + " Where the band leaves the offline line out, the gap is real.",
            "Launch window": "The first outcomes. A leak shows there already; drift comes later.",
            "Began": "Likeliest start of a gap that was not there at launch.",
            "Dots at the foot": "Alerts of severity critical or warning: full where one fired, hollow where one was "
            "resolved.",
        },
        "parts": {
            "Gap": "Offline less live, signed so that above 0 means that live is worse.",
            "Another mix of slices": "What the gap would be if only the shares of the slices had changed.",
            "Other scores within slices": "What other scores add, where they still mean the same.",
            "Other outcomes at the same scores": "What is left: equal scores no longer mean the same. Leaks show here.",
            "Outcomes known more often at some scores": "What comes of outcomes that are not known evenly.",
        },
        "probabilities": {
            "Probability": "By the evidence, of each cause. They sum to 100 %.",
            "Second cause": "Explains the part of the gap that the first cause leaves, given the first.",
        },
        "repairs": {
            "Without it, offline would be": "The offline estimate with one suspected leak taken out.",
            "Explains": "Share of the gap that vanishes by that: 100 % explains all of it. " + _INTERVAL,
            "Left": "What remains of the gap, in standard errors. Beyond 2 or 3 something else is at work.",
        },
        "slices": {
            "Slice": "Part of the traffic: column=value. Names that begin with @ are built in. “Found” slices were not "
            "configured; they turned up as weak.",
            "Gap": "Against the slice's own offline estimate; above 0 live is worse. " + _EVERY_LOOK,
            "Alarm": "The evidence has passed its threshold, with the number of slices taken into account.",
            "Outcomes": "Live predictions of the slice with a known outcome.",
        },
        "features": {
            "AUC alone": "How well this feature by itself tells the outcomes apart: 0.5 knows nothing, 1 or 0 all. "
            "A leak knows much offline and little live.",
            "Collapse": f"Loss of that association, in standard errors. Beyond {RANKED_SCORE:g} it is no chance.",
            "Drift": "How far the served values have moved: population stability index beyond chance. "
            f"From {LARGE:g} on it is large. Drift alone harms nothing.",
            "Missing": "Share of predictions without a value, offline and live.",
        },
        "calibration": {
            "Curve": "Share of positive outcomes among predictions of about that score; on the dashed line a score "
            "means what it says. Whiskers: 95 % interval.",
            "Slope": "1 is right; below 1 scores are too sure, above 1 too shy.",
            "Intercept": "Log-odds of the outcome where the score says one half; 0 is right.",
        },
        "residuals": {
            "Residual": "Prediction less outcome, in the unit of the outcome; above 0 predicts too high.",
            "p05 to p95": "5, 25, 50, 75 and 95 % of the residuals lie below.",
        },
        "outcomes": {
            "Settled after": "Age of a prediction from which its outcome is expected to be known.",
            "Judged at": "Age at which both sides are held against each other until enough predictions are that old.",
            "Coverage": "Share of predictions of that age whose outcome is known. Where it differs by score, estimates "
            "may be biased.",
            "Delay": "Time from prediction to outcome; the ratio compares medians, live over offline.",
        },
        "alerts": {
            "Fired": "Event time of the evaluation that raised it, and the outcomes known then.",
            "Severity": "critical wakes someone, warning makes a ticket, info is read here.",
        },
        "metrics": {
            "Offline, live": "The metric on the validation rows and on judged predictions. " + _INTERVAL,
            "Expected": "What the metric would be by the live scores alone, if they meant what they meant offline. "
            "Needs no outcome.",
            "Gap": "Signed so that above 0 means that live is worse. " + _EVERY_LOOK,
        },
    }
)
"""Definitions by section of the page, then by the word that stands there."""


def title_of(cause: str) -> str:
    """A cause as a heading names it.

    Examples
    --------
    >>> title_of("target_leakage"), title_of("none")
    ('target leakage', 'no gap')
    """
    return _TITLES.get(cause, cause.replace("_", " "))


def meaning_of(cause: str) -> str:
    """What that verdict says."""
    return MEANINGS.get(cause, "")


def tone_of(family: str) -> str:
    """The class that colours a verdict."""
    return family if family in TONES else "unknown"


def alert_words(alert: Alert) -> str:
    """An alert in few words: how grave, what, and of which metric where it is not the headline."""
    of = "" if alert.metric is None or alert.metric == "auc" else f", {metric_name(alert.metric)}"
    return f"{alert.severity}: {alert.name.removeprefix('Sentinel')}{of}"


def sentence(text: str) -> str:
    """The same with a capital at its start, and whatever stands in capitals left so.

    Examples
    --------
    >>> sentence("single features by AUC")
    'Single features by AUC'
    """
    return text[:1].upper() + text[1:]


def metric_name(metric: str) -> str:
    """A metric as a reader names it.

    Examples
    --------
    >>> metric_name("auc"), metric_name("log_loss")
    ('AUC', 'log loss')
    """
    return _METRIC_NAMES.get(metric, metric.replace("_", " "))


_METRIC_NAMES: Final = {
    name: name.upper() for name in ("auc", "mae", "rmse", "ndcg", "mrr")
} | {
    "r2": "R²",
    "f1": "F1",
    "brier": "Brier score",
    "macro_auc": "macro AUC",
    "macro_f1": "macro F1",
    "class_auc": "AUC of a class",
    "class_f1": "F1 of a class",
}  # fmt: skip


def metric_meaning(metric: str, task: str) -> str:
    """What a metric measures; an AUC of the task's question says which one."""
    if metric == "auc" and task in QUESTIONS:
        return f"how well predictions tell {QUESTIONS[task]}; 0.5 is chance, 1 perfect"
    known = METRICS.get(metric)
    if known is None:
        return ""
    unit = {"nats": ", in nats", "ratio": ", 0 to 1"}.get(known.unit, "")
    better = "" if known.higher_is_better is None else f"; {'higher' if known.higher_is_better else 'lower'} is better"
    return f"{known.description}{unit}{better}"
