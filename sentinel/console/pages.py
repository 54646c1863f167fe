"""The pages: all models, one model, and one report as a file of its own, from the same templates."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from sentinel.console import numbers, wording
from sentinel.console.answering import ANSWERS, CAUSES, Answering, fault_of
from sentinel.console.audit import PAGE, audit_rows
from sentinel.console.charts.axis import Axis
from sentinel.console.charts.bars import bar
from sentinel.console.charts.dumbbell import dumbbell
from sentinel.console.charts.reliability import reliability
from sentinel.console.charts.timeline import timeline
from sentinel.console.charts.waterfall import waterfall
from sentinel.console.fleet import belongs, filters, firing_of, fleet, headline_of
from sentinel.console.markup import Html
from sentinel.console.slices import slices_of
from sentinel.diagnosis.evidence import RANKED_SCORE
from sentinel.diagnosis.particulars import PART_WORDS
from sentinel.diagnosis.report import WORTH_NAMING, Report, is_acknowledged
from sentinel.evaluation.findings import Delays, FeatureFinding, Finding
from sentinel.exposition.answers import RefusedAnswer
from sentinel.exposition.reports import path_of
from sentinel.exposition.rules import runbook_url
from sentinel.exposition.security import content_policy
from sentinel.pipeline.audit_log import KINDS, AuditEntry

if TYPE_CHECKING:
    from jinja2 import Environment

_STATIC = files("sentinel.console") / "static"
_STYLE: Final = Html((_STATIC / "console.css").read_text(encoding="utf-8"))
_SCRIPT: Final = Html((_STATIC / "console.js").read_text(encoding="utf-8"))
POLICY: Final = f"{content_policy(styles=[_STYLE], scripts=[_SCRIPT], forms=True)}; connect-src 'self'"
"""The ``Content-Security-Policy`` of the served pages: their own style, script and form, and themselves to refresh."""
_FILE_POLICY: Final = content_policy(styles=[_STYLE]).partition("; frame-ancestors")[0]
"""That of the file, which stands in the file, where nothing can be said of frames."""
_REASONS_SHOWN: Final = 3
_FEATURES_SHOWN: Final = 12
_DELAY_SHARE: Final = 0.005
"""Spans at either end with fewer outcomes than this are pooled."""
_ALERTS_SHOWN: Final = 10
_NO_ASSOCIATION: Final = 0.5
_CONFLICT: Final = 409


def render_overview(
    reports: Sequence[Report], build: str, *, now_us: int | None = None, show: str = "", audited: bool = False
) -> str:
    """All models, the worst first.

    Parameters
    ----------
    reports : sequence of Report
    build : str
        What is running, with its version.
    now_us : int or None, microseconds since the epoch, UTC
        What freshness is measured by; None leaves it out.
    show : str
        A filter of `sentinel.console.fleet.FILTERS`; an unknown one shows none.
    audited : bool
        Whether there is a page of the audit log.
    """
    rows = fleet(reports, now_us)
    shown = [row for row in rows if belongs(row, show)]
    page = environment().get_template("overview.html")
    told = {"rows": shown, "n": len(rows), "filters": filters(rows, show)}
    return page.render(**told, build=build, served=True, live=True, audited=audited)


def render_model(report: Report, build: str, *, runbooks: str | None = None, answering: Answering | None = None) -> str:
    """One model version.

    Parameters
    ----------
    report : Report
    build : str
        What is running, with its version.
    runbooks : str or None
        Address of the folder of runbooks, or one with ``{alert}`` in it; None names the files without a link.
    answering : Answering or None
        Who reads, to answer the verdict; None where answers are not kept.
    """
    return _render(report, build, runbooks, answering, served=True)


def render_file(report: Report, *, runbooks: str | None = None) -> str:
    """The same as a file that needs nothing else: no server, no network, no script."""
    return _render(report, report.generated_by, runbooks, None, served=False)


def render_collector(build: str, evaluator: str | None) -> str:
    """What stands in place of the models where a process judges none.

    Parameters
    ----------
    build : str
        What is running, with its version.
    evaluator : str or None
        Address of the process that judges.
    """
    page = environment().get_template("collector.html")
    return page.render(evaluator=evaluator, build=build, served=True, live=False, audited=False)


def render_refused(refused: RefusedAnswer, build: str) -> str:
    """Why an answer was not kept, in words, with what was filled in and the way back."""
    report, conflict = refused.report, refused.status == _CONFLICT
    # What was said of the former verdict is not put to the new one unasked.
    typed = {name: value for name, value in refused.fields.items() if name == "note" or not conflict}
    return (
        environment()
        .get_template("refused.html")
        .render(
            r=report,
            path=None if report is None else path_of(report.model, report.version),
            fault=fault_of(refused),
            typed=typed,
            who=refused.principal.name,
            conflict=conflict,
            may_write=refused.principal.may_write and bool(refused.fields),
            build=build,
            served=True,
            live=False,
            audited=True,
        )
    )


def render_audit(entries: Sequence[AuditEntry], build: str, *, kind: str = "", before: int | None = None) -> str:
    """A page of the audit log, newest first.

    Parameters
    ----------
    entries : sequence of AuditEntry
        Those that are remembered, newest first.
    build : str
        What is running, with its version.
    kind : str
        Of this kind alone; empty for all, an unknown one shows none.
    before : int or None
        The number of an entry: older ones alone.
    """
    found = [e for e in entries if kind in ("", e.kind) and (before is None or e.sequence < before)]
    rows = audit_rows(found[:PAGE])
    return (
        environment()
        .get_template("audit.html")
        .render(
            rows=rows,
            kinds=KINDS,
            kind=kind if kind in KINDS else "",
            chosen=kind,
            older=rows[-1].sequence if len(found) > PAGE else None,
            paged=before is not None,
            build=build,
            served=True,
            live=True,
            audited=True,
        )
    )


def _render(report: Report, build: str, runbooks: str | None, answering: Answering | None, *, served: bool) -> str:
    causes = sorted(report.verdict.probabilities.items(), key=lambda pair: pair[1], reverse=True)
    headline = headline_of(report)
    alerts = sorted(report.alerts, key=lambda alert: alert.fired_at, reverse=True)
    return (
        environment()
        .get_template("model.html")
        .render(
            r=report,
            path=path_of(report.model, report.version),
            build=build,
            served=served,
            live=served,
            audited=answering is not None,
            answering=answering,
            typed={},
            fault=None,
            runbook=lambda alert: None if runbooks is None else runbook_url(runbooks, alert),
            headline=headline,
            firing=[alert for alert in firing_of(report) if alert.severity != "info"],
            line=timeline(report),
            parts=_parts(headline),
            likely=[pair for pair in causes if pair[1] >= WORTH_NAMING],
            unlikely=[pair for pair in causes if pair[1] < WORTH_NAMING],
            metrics=[finding for finding in report.findings if finding.slice == "all"],
            slices=slices_of(report.findings),
            n_reasons=_REASONS_SHOWN,
            acknowledged=is_acknowledged(report),
            features=_features(report.features),
            n_features=_FEATURES_SHOWN,
            curve=reliability(report.reliability) if report.reliability else None,
            delays=_delays(report.delays),
            alerts=alerts,
            n_alerts=_ALERTS_SHOWN,
        )
    )


def _parts(headline: Finding | None) -> list[tuple[str, float, str, Html]]:
    """Rows of the waterfall: what, how much, its interval, the bar. Empty where the gap was not split."""
    if headline is None or headline.gap is None:
        return []
    found = headline.parts
    known = [(name, words, value) for name, words in PART_WORDS if (value := getattr(found, name)) is not None]
    if not known:
        return []
    steps = [(words, value, numbers.bounds(*found.intervals.get(name, (None, None)))) for name, words, value in known]
    rest = headline.gap - sum(value for _, value, _ in steps)
    if abs(rest) > 1e-9 * max(abs(headline.gap), 1.0):
        steps.append(("not attributed", rest, ""))
    steps.append(("gap", headline.gap, numbers.bounds(headline.lower, headline.upper)))
    bars = waterfall([value for _, value, _ in steps[:-1]], headline.gap)
    return [(*step, drawn) for step, drawn in zip(steps, bars, strict=True)]


def _features(found: Sequence[FeatureFinding]) -> list[tuple[FeatureFinding, Html]]:
    """Features with their dumbbells, the greatest loss first."""
    known = [value for f in found for value in (f.offline_auc.value, f.online_auc.value)]
    axis = Axis.over([*known, _NO_ASSOCIATION], least_span=0.1)
    ranked = sorted(found, key=lambda f: (f.collapse is None, -(f.collapse or 0.0), f.name))
    return [(f, dumbbell(axis, f.offline_auc, f.online_auc, reference=_NO_ASSOCIATION)) for f in ranked]


def _delays(found: Delays | None) -> list[tuple[str, float | None, float, Html]]:
    """Rows of the histogram: span, share offline, share live, the bar."""
    if found is None:
        return []
    before = found.offline or (0.0,) * len(found.online)
    used = [at for at, pair in enumerate(zip(before, found.online, strict=True)) if max(pair) >= _DELAY_SHARE]
    if not used:
        return []
    first, last = used[0], used[-1]
    shares = [_pooled(side, first, last) for side in (before, found.online)]
    most = max(map(max, shares))
    edges = ["", *map(numbers.span, found.edges_seconds), ""]
    rows = []
    for at, (offline, online) in enumerate(zip(*shares, strict=True), start=first):
        words = f"{edges[at]} to {edges[at + 1]}"
        if at == last and at > 0:
            words = f"over {edges[at]}"
        elif at == first:
            words = f"under {edges[at + 1]}"
        rows.append((words, None if found.offline is None else offline, online, bar(online, most=most)))
    return rows


def _pooled(shares: Sequence[float], first: int, last: int) -> list[float]:
    """What lies beyond the rows that are shown goes with the outermost of them."""
    if first == last:
        return [sum(shares)]
    return [sum(shares[: first + 1]), *shares[first + 1 : last], sum(shares[last:])]


@functools.cache
def environment() -> Environment:
    """The templates of all pages, compiled once. They escape whatever they are given."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("sentinel.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    for words in (numbers, wording):
        public = {name: function for name, function in vars(words).items() if _is_filter(words.__name__, function)}
        environment.filters.update(public)
    environment.globals.update(
        style=_STYLE,
        script=_SCRIPT,
        file_policy=_FILE_POLICY,
        glossary=wording.GLOSSARY,
        bar=bar,
        answers=ANSWERS,
        causes=CAUSES,
        ranked_score=RANKED_SCORE,
    )
    return environment


def _is_filter(module: str, function: Any) -> bool:
    return callable(function) and getattr(function, "__module__", None) == module
