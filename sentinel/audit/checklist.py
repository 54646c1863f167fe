"""The questions of a clean experiment, answered from what the checks found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sentinel.audit.findings import Cause, ChecklistItem, CheckResult, Finding, Interval, SplitProposal
from sentinel.audit.guarded import FAILED
from sentinel.stats.estimate import NotEnough

SIMILAR: Final = 0.7
"""Share of the rows fitted to as they are split that another split has to leave, to be compared with it."""
_FAULT: Final = "data_quality_fault"
_MOST_SAID: Final = 3
"""Findings that an answer names: more are counted, and stand in the report."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question, and who answers it.

    Attributes
    ----------
    text : str
        A yes is good.
    causes : tuple of Cause
        A finding of one of these, from whichever check, answers no; of faults only those of the checks named here do.
    essential : tuple of str
        Checks that all have to be clear for a yes.
    further : tuple of str
        Checks that add to it where the files hold what they need.
    """

    text: str
    causes: tuple[Cause, ...]
    essential: tuple[str, ...]
    further: tuple[str, ...] = ()


QUESTIONS: Final = (
    Question(
        "Is no validation row, and no near copy of one, among the training rows?",
        ("duplicate_leakage",),
        ("copies",),
        ("near_copies", "similar_text", "similar_images", "similar_vectors", "interpolated", "oversampled"),
    ),
    Question(
        "Is everything that learns from data before the model fitted to training rows alone: scaling, filling of "
        "gaps, encoders, choice of features, oversampling?",
        ("preprocessing_leakage",),
        ("fit_statistics",),
        ("encoders", "feature_selection", "encoded_outcomes"),
    ),
    Question(
        "Were the validation rows kept out of the choice of the model?",
        ("selection_optimism",),
        ("selection",),
        ("reference_period",),
    ),
    Question(
        "Do scores and outcomes of the validation rows give the metric that is stated?",
        (_FAULT,),
        ("stated_metrics",),
    ),
    Question(
        "Is every feature known, as it stands in the file, when the prediction is made?",
        ("target_leakage",),
        ("single_features",),
        ("null_patterns", "telltale_ids", "feature_times", "encoded_outcomes", "explanations"),
    ),
    Question(
        "Do the validation rows come after the training rows, as live rows do, with outcomes known by then?",
        ("temporal_leakage",),
        ("period",),
        ("outcome_windows", "feature_times", "resplit_by_time"),
    ),
    Question(
        "Are the entities of the validation rows as new to the model as live ones will be?",
        ("group_leakage",),
        ("entities",),
        ("entity_names",),
    ),
    Question(
        "Do both files hold the same columns, types, units and ranges, but for what time explains?",
        (_FAULT,),
        ("schema_differences", "range_differences", "constant_columns", "spellings"),
        ("pair_differences",),
    ),
    Question(
        "Do equal rows have one outcome, as far as chance allows?",
        (_FAULT,),
        ("conflicting_outcomes",),
    ),
    Question(
        "Are the validation rows enough to prove a gap that matters?",
        (_FAULT,),
        ("sizes",),
    ),
)
"""In our own words, after the kinds of leakage of Kapoor & Narayanan (2023), Leakage and the reproducibility crisis in
machine-learning-based science, Patterns 4(9), and what REFORMS (Kapoor et al., 2024, Science Advances 10(18)) asks."""

_ONLY_PEOPLE: Final = (
    (
        "Is the outcome in the files what the decision is about, recorded alike for every row?",
        "no file tells: ask who records it, when, and for whom it is missing",
    ),
    (
        "Were the rows drawn as live rows will come, with nobody chosen by what happened later?",
        "no file tells: write down which rows were left out, and why; live monitoring compares the inputs",
    ),
)


def checklist(
    results: Sequence[CheckResult], offline: Interval | NotEnough, splits: Sequence[SplitProposal] = ()
) -> tuple[ChecklistItem, ...]:
    """Answer every question.

    Parameters
    ----------
    results : sequence of CheckResult
        Of the checks that were made.
    offline : Interval or NotEnough
        The metric of all validation rows, or why it is not known.
    splits : sequence of SplitProposal
        Where splits were proposed and measured.

    Returns
    -------
    tuple of ChecklistItem
        ``yes`` where every essential check is clear, ``no`` where a finding is more than good to know, else
        ``unknown`` with what would tell: also where a check failed, or found a leak that may cost nothing. A fault that
        is good to know leaves the yes.
    """
    by_name = {result.name: result for result in results}
    items = [_answer(question, by_name) for question in QUESTIONS]
    items += [_uncertainty(offline), _second_split(splits)]
    items += [ChecklistItem(question=text, answer="unknown", because=why) for text, why in _ONLY_PEOPLE]
    return tuple(items)


def _answer(question: Question, results: Mapping[str, CheckResult]) -> ChecklistItem:
    against = list(_against(question, results))
    if against:
        said = "; ".join(f"{finding.check}: {finding.title}" for finding in against[:_MOST_SAID])
        more = f"; and {len(against) - _MOST_SAID} more" if len(against) > _MOST_SAID else ""
        return ChecklistItem(question=question.text, answer="no", because=said + more)
    lacking = [name for name in question.essential if name not in results or results[name].state == "not_checked"]
    lacking += [name for name in question.further if name in results and results[name].detail.startswith(FAILED)]
    if lacking:
        said = "; ".join(_why_not(name, results.get(name)) for name in lacking)
        return ChecklistItem(question=question.text, answer="unknown", because=said)
    noted = [finding for name in question.essential for finding in results[name].findings]
    open_ones = [finding for finding in noted if finding.cause in question.causes and finding.cause != _FAULT]
    if open_ones:
        said = "; ".join(f"{finding.check}: {finding.title}" for finding in open_ones)
        return ChecklistItem(question=question.text, answer="unknown", because=f"{said}, which may cost nothing")
    names = [name for name in (*question.essential, *question.further) if name in results]
    made = [name for name in names if results[name].state != "not_checked"]
    left = [name for name in names if name not in made]
    because = f"{', '.join(made)}: nothing that misleads" + (f" (not made: {', '.join(left)})" if left else "")
    return ChecklistItem(question=question.text, answer="yes", because=because)


def _against(question: Question, results: Mapping[str, CheckResult]) -> Iterator[Finding]:
    asked = {*question.essential, *question.further}
    for result in results.values():
        for finding in result.findings:
            here = result.name in asked or finding.cause != _FAULT
            if here and finding.cause in question.causes and finding.severity != "info":
                yield finding


def _why_not(name: str, result: CheckResult | None) -> str:
    if result is None:
        return f"{name} was not run"
    return f"{name} could not be checked: {result.detail}" + (f" ({result.needs})" if result.needs else "")


def _uncertainty(offline: Interval | NotEnough) -> ChecklistItem:
    question = "Is it known how sure the offline metric is?"
    if isinstance(offline, NotEnough):
        there = f" ({offline.n} of at least {offline.needed})" if offline.n else ""
        return ChecklistItem(question=question, answer="unknown", because=f"{offline.reason}{there}")
    said = (
        f"{offline.value:.4f}, with 95 % confidence {offline.lower:.4f} to {offline.upper:.4f}, entities kept together"
    )
    return ChecklistItem(question=question, answer="yes", because=said)


def _second_split(splits: Sequence[SplitProposal]) -> ChecklistItem:
    """Whether a stricter split of the same rows, by the same fit, gives a metric as good."""
    question = "Does a stricter split of the same rows, by the same fit, give as good a metric?"
    given = next((one for one in splits if one.protocol == "as given" and one.metric is not None), None)
    others = [one for one in splits if one.protocol != "as given" and one.metric is not None]
    if given is None or given.metric is None or not others:
        return ChecklistItem(question=question, answer="unknown", because="not tried (--propose-split, --fit-with)")
    worse = next((one for one in others if _is_worse(one, given, given.metric)), None)
    if worse is not None and worse.metric is not None:
        stated, repaired = given.metric.value, worse.metric.value
        said = f"{given.metric_name} {stated:.4f} as the rows are split, {repaired:.4f} split by {worse.protocol}"
        return ChecklistItem(question=question, answer="no", because=said)
    tried = ", ".join(other.protocol for other in others)
    said = f"no worse when split by {tried}, as far as intervals tell"
    return ChecklistItem(question=question, answer="yes", because=said)


def _is_worse(other: SplitProposal, given: SplitProposal, before: Interval) -> bool:
    """Whether the intervals are apart, and the fold with the most rows to fit to falls short as well.

    Earlier folds of a split by time have fewer rows to learn from than the split as it is, and purged ones far fewer:
    that alone costs something.
    """
    after = other.metric
    if (
        after is None
        or other.n_train < SIMILAR * given.n_train
        or max(before.lower, after.lower) <= min(before.upper, after.upper)
    ):
        return False
    if given.metric_name == "rmse":
        return after.value > before.value and other.folds[-1] > before.upper
    return after.value < before.value and other.folds[-1] < before.lower
