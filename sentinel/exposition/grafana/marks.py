"""Verdicts as Grafana's annotations: what a mark says, and how Grafana is brought to hold exactly the open ones."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from sentinel.diagnosis.report import Cause, Report
from sentinel.exposition.grafana.client import GrafanaClient
from sentinel.exposition.grafana.errors import GrafanaError, Reason
from sentinel.exposition.panels import VERDICT_TAGS

OPEN_TAG: Final = "open"
"""On a mark whose verdict still stands; what finds it again after a restart."""
_MOST_OPEN: Final = "100"
_MOST_REASONS: Final = 3
_UNNAMED: Final = (Cause.NONE, Cause.INSUFFICIENT_EVIDENCE)


class Mark(NamedTuple):
    """What should stand in Grafana from a moment on.

    Attributes
    ----------
    model, version : str
    cause : str or None
        None: no cause is named any more.
    at_ms : int, milliseconds since the epoch
        By the clock, as the time axis of the dashboards.
    text : str
    """

    model: str
    version: str
    cause: str | None
    at_ms: int
    text: str

    @property
    def tags(self) -> list[str]:
        """Without the one that says that it is open."""
        named = [] if self.cause is None else [f"cause:{self.cause}"]
        return [*VERDICT_TAGS, f"model:{self.model}", f"version:{self.version}", *named]


def mark_of(report: Report, at_ms: int) -> Mark:
    """The mark that a report asks for."""
    verdict = report.verdict
    if verdict.cause in _UNNAMED:
        return Mark(report.model, report.version, None, at_ms, "")
    # Grafana shows annotations as HTML, and names come from events.
    reasons = [html.escape(reason) for reason in verdict.reasons[:_MOST_REASONS]]
    head = f"{html.escape(report.model)} {html.escape(report.version)}: {verdict.cause} ({verdict.confidence:.0%})"
    through = [] if report.through is None else [f"event time {report.through}"]
    return Mark(report.model, report.version, verdict.cause, at_ms, "\n".join([head, *reasons, *through]))


def settle(client: GrafanaClient, mark: Mark) -> None:
    """Make Grafana hold this mark and no other open one of the model version.

    It asks before it writes, so that doing it again, after a lost answer or a restart, changes nothing.

    Raises
    ------
    GrafanaError
    """
    wanted = mark.tags
    query: dict[str, str | list[str]] = {
        "type": "annotation",
        "tags": [*Mark(mark.model, mark.version, None, 0, "").tags, OPEN_TAG],
        "limit": _MOST_OPEN,
    }
    found = client.call("GET", "/annotations", query=query)
    if not isinstance(found, list):
        raise GrafanaError(Reason.UNEXPECTED, f"GET {client.url}/api/annotations: the answer is no list")
    standing = False
    for each in found:
        if not standing and mark.cause is not None and wanted[-1] in each.get("tags", []):
            standing = True
        else:
            _end(client, each, mark.at_ms)
    if mark.cause is not None and not standing:
        body = {"time": mark.at_ms, "tags": [*wanted, OPEN_TAG], "text": mark.text}
        client.call("POST", "/annotations", body)


def _end(client: GrafanaClient, annotation: Mapping[str, Any], at_ms: int) -> None:
    end = max(at_ms, int(annotation.get("time") or 0))
    tags = [tag for tag in annotation.get("tags", []) if tag != OPEN_TAG]
    try:
        client.call("PATCH", f"/annotations/{int(annotation['id'])}", {"timeEnd": end, "tags": tags})
    except GrafanaError as error:
        if error.reason is not Reason.NOT_FOUND:  # somebody deleted it: then it has ended too
            raise
