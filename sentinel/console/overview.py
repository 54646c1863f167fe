"""The overview page: every model with its verdict, the gap behind it, and where to read more. One file, no script."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from string import Template
from urllib.parse import quote

from sentinel.diagnosis.report import Alert, Report
from sentinel.evaluation.findings import Finding

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="15">
<title>sentinel</title>
<style>
:root { --ink: #1d2430; --dim: #5b6573; --line: #d9dee5; --page: #f6f7f9; --card: #fff;
        --leakage: #b3261e; --pipeline: #a15c00; --drift: #6b4fa0; --none: #1f7a45; --unknown: #5b6573; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ee; --dim: #9aa4b2; --line: #333b47; --page: #14181e; --card: #1c222b;
          --leakage: #ff8a80; --pipeline: #ffb95c; --drift: #c3aef0; --none: #7bd8a0; --unknown: #9aa4b2; }
}
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 68rem; padding: 1.5rem 1rem 3rem; background: var(--page); color: var(--ink);
       font: 16px/1.5 system-ui, sans-serif }
h1 { font-size: 1.3rem; margin: 0 } h2 { font-size: 1.1rem; margin: 0 }
a { color: inherit } .dim { color: var(--dim) }
header, footer { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: baseline; margin-bottom: 1rem }
article { background: var(--card); border: 1px solid var(--line); border-left: .35rem solid var(--tone);
          border-radius: .4rem; padding: .9rem 1.1rem; margin-bottom: 1rem }
.verdict { color: var(--tone); font-weight: 600 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: .6rem 0 }
dt { color: var(--dim) } dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums }
ul { margin: .3rem 0; padding-left: 1.2rem }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr } dd { margin-bottom: .4rem } }
</style>
</head>
<body>
<header><h1>sentinel</h1><span class="dim">$build</span></header>
<main>
$models
</main>
<footer class="dim"><a href="/api/v1/models">models as JSON</a> <a href="/metrics">metrics</a>
<a href="/readyz?verbose">ready?</a> <a href="/livez?verbose">alive?</a></footer>
</body>
</html>
""")

_MODEL = Template("""<article style="--tone: var(--$tone)">
<h2>$name</h2>
<p><span class="verdict">$cause</span> <span class="dim">confidence $confidence</span></p>
<dl>
<dt>$metric</dt><dd>$gap</dd>
<dt>top culprit</dt><dd>$culprit</dd>
<dt>alerts</dt><dd>$alerts</dd>
<dt>events through</dt><dd>$through</dd>
</dl>
$reasons
$missing
<p class="dim"><a href="$path/report">report</a> · <a href="$path/timeline">timeline</a></p>
</article>""")

_EMPTY = '<p class="dim">No model has been evaluated yet.</p>'
_TONES = ("leakage", "pipeline", "drift", "none")
_HEADLINE_METRICS = ("auc", "log_loss")
_MINUS = "\N{MINUS SIGN}"


def render_overview(reports: Sequence[Report], build: str) -> str:
    """The page. Every name in it comes from events or files and is escaped.

    Parameters
    ----------
    reports : sequence of Report
    build : str
        The version that is running.
    """
    models = "\n".join(_model(report) for report in reports) or _EMPTY
    return _PAGE.substitute(build=escape(build), models=models)


def _model(report: Report) -> str:
    verdict = report.verdict
    headline = _headline(report)
    culprit = max(verdict.culprits, key=lambda each: each.weight, default=None)
    active = [alert for alert in report.alerts if alert.resolved_at is None]
    return _MODEL.substitute(
        tone=verdict.family if verdict.family in _TONES else "unknown",
        name=escape(f"{report.model} {report.version}"),
        cause=escape(verdict.cause.replace("_", " ") if verdict.cause != "none" else "no gap"),
        confidence=f"{verdict.confidence:.0%}",
        metric=escape(f"{headline.metric} gap" if headline else "gap"),
        gap=_gap(headline),
        culprit=escape(f"{culprit.kind} {culprit.name}") + f" ({culprit.weight:.0%})" if culprit else "none",
        alerts=_alerts(active),
        through=escape(report.through or "no events yet"),
        reasons=_list(verdict.reasons),
        missing=_titled_list("What would settle it", verdict.missing_evidence),
        path=f"/api/v1/models/{quote(report.model, safe='')}/{quote(report.version, safe='')}",
    )


def _headline(report: Report) -> Finding | None:
    overall = {finding.metric: finding for finding in report.findings if finding.slice == "all"}
    named = (overall[metric] for metric in _HEADLINE_METRICS if metric in overall)
    return next(named, next(iter(overall.values()), None))


def _gap(finding: Finding | None) -> str:
    if finding is None:
        return "not known yet"
    if finding.gap is None:
        return escape(finding.online.reason or finding.offline.reason or "not enough data")
    bounds = f" ({_number(finding.lower)} to {_number(finding.upper)})"
    sides = f": offline {_number(finding.offline.value)}, live {_number(finding.online.value)}"
    return f"<strong>{_number(finding.gap)}</strong>{bounds}{sides}, {finding.online.n:,} outcomes"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}".replace("-", _MINUS)


def _alerts(alerts: Sequence[Alert]) -> str:
    if not alerts:
        return "none"
    where = [f"{alert.name} ({alert.severity}, {alert.slice})" for alert in alerts]
    return escape(", ".join(where))


def _titled_list(title: str, items: Sequence[str]) -> str:
    return f'<p class="dim">{escape(title)}</p>{_list(items)}' if items else ""


def _list(items: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>" if items else ""
