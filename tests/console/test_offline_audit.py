"""The page of an offline audit: whole, with holes, with hostile names; it loads nothing and shows no value unasked."""

from __future__ import annotations

import itertools
import re

import pytest

from sentinel.api.settings import settings_of
from sentinel.audit.files.values import RowValues
from sentinel.audit.findings import Plot, RowPair, Series
from sentinel.console.charts.forest import forest
from sentinel.console.charts.series import picture
from sentinel.console.offline_audit import render_audit_report
from tests.audit import reports
from tests.audit.reports import EVIL
from tests.console.markup import Page

AUDITS = {
    "whole": reports.whole(),
    "clean": reports.clean(),
    "bare": reports.bare(),
    "hostile": reports.hostile(),
    "right to left": reports.hostile("\u202eאבג"),
    "not finite": reports.not_finite(),
}
MODEL = settings_of("churn", "7", {})
VALUES: RowValues = {
    ("validation", 0): {"prediction_id": "v0", "age": EVIL, "plan": "free"},
    ("train", 7): {"prediction_id": "t7", "age": "41", "plan": "free"},
}


@pytest.mark.parametrize("name", AUDITS)
def test_pages_are_well_formed(name: str) -> None:
    """Tags match, identifiers are unique, what refers to one finds it, and headings skip no level."""
    page = Page(render_audit_report(AUDITS[name]))
    assert page.faults == []
    assert len(page.ids) == len(set(page.ids))
    referred = {*page.values("aria-labelledby"), *(h[1:] for h in page.values("href") if h.startswith("#"))}
    assert referred <= set(page.ids)
    assert page.headings.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(page.headings))


@pytest.mark.parametrize("name", AUDITS)
def test_pages_load_and_run_nothing(name: str) -> None:
    """No script, no inline handler or style, no address but anchors, and a policy that allows but the own style."""
    text = render_audit_report(AUDITS[name])
    page = Page(text)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "img", "iframe", "object", "form"}
    assert not [key for _, attributes in page.elements for key in attributes if key.startswith("on") or key == "style"]
    assert all(href.startswith("#") or href == "data:," for href in page.values("href"))
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org)", text)
    (policy,) = (a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy
    assert "nan" not in re.findall(r'(?:x1|x2|cx|width)="(\w+)', text)


def test_the_page_says_what_was_found() -> None:
    """Each finding has a row in the overview with its inflation, and a card with evidence, mend and rows."""
    page = Page(render_audit_report(reports.whole()))
    words = " ".join(" ".join(page.words).split())
    for finding in reports.whole().findings:
        assert finding.detail in words
        assert finding.mend in words
    assert "The offline estimate cannot be trusted." in words
    assert "+0.110 to +0.130" in words
    assert "By how much it inflates is not known: no score" in words
    assert "validation 1 training 7 100 %" in words
    assert (
        "2,000 in all, the first 12 here; numbered as they stand in their file, from 0. Their values are not" in words
    )
    assert {f"finding-{at}" for at in range(1, 5)} <= set(page.ids)


def test_the_page_says_what_was_not() -> None:
    """Clear checks and those that were not made are folded, with what to give; splits have code, the list answers."""
    text = render_audit_report(reports.whole())
    words = " ".join(" ".join(Page(text).words).split())
    assert "no fit statistic is stated . Give --manifest" in words
    assert "3 of 900 entities are in both files" in words
    assert "from sklearn.model_selection import GroupKFold" in words
    assert "0.780 (0.770 to 0.790)" in words
    assert "not known: no --fit-with was given" in words
    assert "Was preprocessing fitted to training rows? unknown not checked." in words
    assert "values of type struct are not compared" in words
    assert '<pre class="copy" tabindex="0"' in text


def test_values_are_shown_when_they_are_given() -> None:
    """With values a row has a cell for each column, escaped, those that differ marked; and the page warns of itself."""
    audit = reports.report(reports.finding(rows=(RowPair(train=7, validation=0),)))
    text = render_audit_report(audit, model=MODEL, values=VALUES)
    assert '<td dir="auto"><b>41</b></td>' in text
    assert '<td dir="auto">free</td>' in text
    assert "&lt;img src=x" in text
    assert "<img" not in text
    assert "This page holds values" in text
    bare = render_audit_report(audit, model=MODEL)
    assert "This page holds values" not in bare
    assert ">free<" not in bare


def test_a_likeness_that_was_not_measured_is_left_out() -> None:
    """Rows that share an entity are pairs without a likeness, and have no column for it."""
    rows = (RowPair(train=7, validation=0, similarity=0.0, note="the same entity"),)
    text = render_audit_report(reports.report(reports.finding(rows=rows)))
    words = " ".join(" ".join(Page(text).words).split())
    assert "Row Goes with Note validation 0 training 7 the same entity" in words


def test_an_audit_of_many_findings_stays_small() -> None:
    """A page of fifty findings with a hundred rows each can be sent by mail."""
    rows = tuple(RowPair(train=at, validation=at) for at in range(100))
    many = reports.report(
        *(reports.finding(title=f"finding {at}", rows=rows, plots=(reports.bars(),)) for at in range(50))
    )
    assert len(render_audit_report(many).encode()) < 1_500_000


def test_findings_share_an_axis() -> None:
    """Equal gains are drawn at one place, a larger one to the right; one that is not known has no row."""
    drawn = forest([reports.inflation(0.1), None, reports.inflation(0.1), reports.inflation(0.2)])
    places = [None if one is None else float(re.findall(r'cx="([\d.]+)%"', one)[0]) for one in drawn]
    assert places[0] == places[2]
    assert places[1] is None
    assert places[3] > places[0] > 0  # type: ignore[operator]


def test_metrics_of_other_units_have_an_axis_of_their_own() -> None:
    """A gain of 300 in RMSE does not squeeze one of .1 in AUC."""
    alone = forest([reports.inflation(0.1)])
    beside = forest([reports.inflation(0.1), reports.inflation(300.0, metric="rmse")])
    assert beside[0] == alone[0]


def test_the_tone_says_whether_it_is_proven() -> None:
    """An interval beyond nothing is drawn as worse, one that holds nothing as neither, one below as better."""
    drawn = [str(forest([reports.inflation(gain)])[0]) for gain in (0.1, 0.0, -0.1)]
    assert [re.findall(r'class="(\w+)-fill"', one) for one in drawn] == [["worse"], ["live"], ["better"]]


def test_bars_begin_at_nothing() -> None:
    """A bar is as long as its number, and one below nothing goes the other way."""
    plot = Plot(
        kind="bars",
        title="t",
        x_label="x",
        y_label="y",
        x=("a", "b", "c"),
        series=(Series(name="s", y=(1.0, 0.5, -1.0)),),
    )
    drawn = [str(place.bars) for place in picture(plot).places]
    found = [tuple(map(float, re.findall(r'(?:x|width)="([\d.]+)%"', one.split("<rect")[1]))) for one in drawn]
    assert found == [(50.0, 50.0), (50.0, 25.0), (0.0, 50.0)]


def test_every_number_of_a_plot_is_in_its_table() -> None:
    """What is drawn stands beside it in words, with its interval; a place without a number says so."""
    drawn = picture(reports.line(holes=True))
    assert drawn.drawing is not None
    assert [place.name for place in drawn.places][:3] == ["0", "10", "20"]
    assert drawn.places[1].values == [("0.083", ""), ("0.100", "0.050 to 0.150")]
    assert drawn.places[5].values[1] == ("not known", "")


def test_a_line_is_parted_where_a_number_is_missing() -> None:
    """The line with a hole is two lines, and so is the band around it."""
    whole, parted = (str(picture(reports.line(holes=holes)).drawing) for holes in (False, True))
    assert (whole.count('class="s1-path"'), parted.count('class="s1-path"')) == (1, 2)
    assert (whole.count('class="s1-band"'), parted.count('class="s1-band"')) == (1, 2)
