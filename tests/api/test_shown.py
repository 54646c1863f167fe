"""What a notebook shows: charts and summaries that load nothing, and frames that hold every finding."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pandas as pd
import pytest

import sentinel
from sentinel.api import Baseline, Result
from sentinel.api.charts import Kind
from sentinel.errors import FatalError
from tests.baseline.frames import scored_rows

KINDS: tuple[Kind, ...] = ("time", "slices", "features", "calibration")
SVG = "{http://www.w3.org/2000/svg}"
OUTWARD = re.compile(r"https?://(?!www\.w3\.org/2000/svg)|url\(|@import|<script|<image|href", re.IGNORECASE)


@pytest.fixture(scope="module")
def bare() -> Result:
    """A report before anything is known: no outcome, no timeline."""
    built = sentinel.build_baseline(scored_rows(400))
    rows = scored_rows(50, seed=2).drop(columns="outcome_at").assign(outcome=None)
    return sentinel.replay(rows, built)


def _drawn(svg: str) -> Iterator[ET.Element]:
    return ET.fromstring(svg).iter()


@pytest.mark.parametrize("kind", KINDS)
def test_a_chart_is_whole_by_itself(result: Result, kind: Kind, tmp_path: Path) -> None:
    """It parses as SVG, says what it shows, refers to nothing outside, and colours every class that it uses."""
    chart = result.plot(kind)
    svg = chart._repr_svg_()
    (title, *_) = (node.text for node in _drawn(svg) if node.tag == f"{SVG}title")
    assert title == chart.title
    assert not OUTWARD.search(svg)
    used = {node.get("class") for node in _drawn(svg)} - {None, "sentinel", "row", "plot", "square"}
    styled = set(re.findall(r"\.sentinel \.([\w-]+)", svg))
    assert used <= styled
    assert "var(" not in svg
    chart.save(tmp_path / "chart.svg")
    assert (tmp_path / "chart.svg").read_text(encoding="utf-8") == svg
    assert repr(chart) == f"Chart({chart.title!r})"


@pytest.mark.parametrize("kind", KINDS)
def test_a_chart_without_data_says_why(bare: Result, kind: Kind) -> None:
    """Before there is anything live a chart is its title and a reason; what is known offline is drawn alone."""
    chart = bare.plot(kind)
    assert ET.fromstring(chart.svg).tag == f"{SVG}svg"
    assert kind in ("features", "calibration") or re.search("no live|enough outcomes", chart.title)


def test_the_planted_feature_heads_the_chart(result: Result) -> None:
    """The feature that lost most stands first, with its AUC on both sides."""
    texts = [node.text for node in _drawn(result.plot("features").svg) if node.tag == f"{SVG}text"]
    assert texts[1] == "cancellation_calls"


def test_an_unknown_chart_is_refused(result: Result, tmp_path: Path) -> None:
    """The error lists the charts that there are; one that cannot be written says so."""
    with pytest.raises(FatalError, match="there is no chart 'gaps': draw one of time, slices, features, calibration"):
        result.plot("gaps")  # type: ignore[arg-type]
    with pytest.raises(FatalError, match="cannot write"):
        result.plot().save(tmp_path / "no" / "chart.svg")
    with pytest.raises(FatalError, match="cannot write"):
        result.to_html(tmp_path / "no" / "page.html")


class _Tags(HTMLParser):
    """Counts what is open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        """Open."""
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close what was opened last."""
        assert self.open.pop() == tag


def test_the_summary_is_short_and_whole(result: Result) -> None:
    """Every tag is closed, nothing is loaded, and verdict, headline metric and alert are there."""
    html = result._repr_html_()
    parser = _Tags()
    parser.feed(html)
    assert parser.open == []
    assert not OUTWARD.search(html)
    assert len(html) < 6_000
    for word in ("target leakage", "auc", "SentinelLeakageSuspected"):
        assert word in html


def test_names_from_the_rows_are_escaped(result: Result) -> None:
    """A model called like a script is shown, not run, in the summary and in the charts."""
    report = msgspec.structs.replace(result.report, model="<script>alert(1)</script>")
    named = Result(report)
    for shown in (named._repr_html_(), named.plot("time").svg):
        assert "<script" not in shown
        assert "&lt;script&gt;" in shown


def test_frames_hold_every_finding(result: Result, baseline: Baseline) -> None:
    """One row each, under the names of the report; the gap is offline less online where more is better."""
    report = result.report
    findings = result.findings_frame()
    assert len(findings) == len(report.findings)
    auc = findings.query("metric == 'auc' and slice == 'all'")
    assert auc["gap"].to_numpy() == pytest.approx((auc["offline"] - auc["online"]).to_numpy())
    assert auc["alarm"].to_list() == [True]
    assert list(result.features_frame()["name"]) == [feature.name for feature in report.features]
    timeline = result.timeline_frame()
    assert len(timeline) == len(report.timeline)
    assert str(timeline["at"].dt.tz) == "UTC"
    assert list(result.alerts_frame()["name"]) == [alert.name for alert in report.alerts]
    assert len(baseline.estimates_frame()) == len(baseline.artifact.meta.estimates)
    assert list(baseline.checks_frame()["severity"]) == [check.severity for check in baseline.artifact.meta.checks]


def test_frames_of_nothing_are_frames(bare: Result) -> None:
    """Without alerts or refusals the frames are empty and have their columns; missing numbers are NaN, not None."""
    assert bare.refused_frame().empty
    assert list(bare.refused_frame()) == ["rows", "row", "reason", "detail"]
    assert "severity" in bare.alerts_frame()
    assert bare.findings_frame()["online"].dtype == "float64"
    assert pd.api.types.is_datetime64_any_dtype(bare.timeline_frame()["at"])


def test_the_baseline_is_shown_as_the_command_shows_it(baseline: Baseline) -> None:
    """``show`` is text that a cell prints line by line."""
    shown = baseline.show()
    assert repr(shown) == str(shown)
    assert shown.startswith(f"baseline    churn 1 (binary), {baseline.digest[:12]}\n")
