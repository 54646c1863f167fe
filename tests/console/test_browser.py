"""The pages in a real browser: nothing breaks, nothing is fetched, everything can be read and reached."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sentinel.console.pages import render_file
from sentinel.diagnosis.report import Report
from tests.console.browser import Browser
from tests.console.conftest import Site
from tests.console.reports import EVIL, LONG, RIGHT_TO_LEFT, TASKS, empty, hostile, one_class, whole
from tests.exposition.reports import LEAKAGE_ALERT, finding, report

FIRST_PAINT_MS = 500
LOADS = 5
"""Of these the fastest counts: a test machine may do something else meanwhile."""
REPORTS: dict[str, Report] = {
    **{task: whole(task) for task in TASKS},
    "empty": empty(),
    "one class": one_class(),
    "200 slices": whole(n_slices=200, n_points=720),
    "hostile": hostile(EVIL),
    "long": hostile(LONG),
    "right to left": hostile(RIGHT_TO_LEFT),
}
VIEWS = {"desktop": (1280, False), "phone in the dark": (390, True), "small phone": (320, False)}
_PAINT = (
    "new Promise(done => new PerformanceObserver(list => done(list.getEntries().at(-1).startTime))"
    ".observe({ type: 'paint', buffered: true }))"
)
_WIDER = "document.documentElement.scrollWidth - innerWidth"


def serve(site: Site, name: str) -> str:
    """Serve one report as model ``m``; the address of its page."""
    site.reports = (msgspec.structs.replace(REPORTS[name], model="m", version="1"),)
    return f"{site.root}/models/m/1"


@pytest.mark.parametrize("name", REPORTS)
def test_pages_fit_and_nothing_complains(browser: Browser, site: Site, name: str) -> None:
    """On every screen: no error in the console, no request to elsewhere, nothing wider than the screen."""
    model = serve(site, name)
    for width, dark in VIEWS.values():
        browser.view(width, dark=dark)
        for address in (model, f"{site.root}/"):
            browser.open(address)
            assert browser.complaints() == []
            assert [url for url in browser.requests() if not url.startswith((site.root, "data:"))] == []
            assert browser.run(_WIDER) <= 0


@pytest.mark.parametrize("name", REPORTS)
def test_the_file_needs_nothing(browser: Browser, tmp_path: Path, name: str) -> None:
    """Opened from a disk, the file asks for nothing but itself and says nothing in the console."""
    path = tmp_path / "report.html"
    path.write_text(render_file(REPORTS[name]), encoding="utf-8")
    browser.view(390)
    browser.open(path.as_uri())
    assert browser.complaints() == []
    assert [url for url in browser.requests() if not url.startswith("data:")] == [path.as_uri()]
    assert browser.run(_WIDER) <= 0


def test_two_hundred_slices_are_painted_at_once(browser: Browser, site: Site) -> None:
    """The first paint of a model with 200 slices and a full timeline comes in under half a second."""
    model = serve(site, "200 slices")
    browser.view(1280)
    paints = []
    for _ in range(LOADS):
        browser.open(model)
        paints.append(browser.run(_PAINT))
    assert min(paints) < FIRST_PAINT_MS


@pytest.mark.parametrize("name", REPORTS)
def test_accessibility(browser: Browser, site: Site, axe: str, name: str) -> None:
    """Axe finds nothing wrong, folded parts included, in the light and in the dark."""
    model = serve(site, name)
    browser.call("Page.setBypassCSP", enabled=True)
    try:
        for width, dark in (VIEWS["desktop"], VIEWS["phone in the dark"]):
            browser.view(width, dark=dark)
            for address in (model, f"{site.root}/"):
                browser.open(address)
                browser.run("document.querySelectorAll('details').forEach(fold => { fold.open = true })")
                browser.run(f"{axe}; 0")
                found: dict[str, Any] = browser.run(
                    "axe.run(document).then(found => ({ passes: found.passes.length,"
                    " violations: found.violations.map(v => [v.id, v.impact, v.nodes.map(n => n.html)]) }))"
                )
                assert found["violations"] == []
                assert found["passes"] > 10
    finally:
        browser.call("Page.setBypassCSP", enabled=False)


def test_the_keyboard_reaches_everything_in_order(browser: Browser, site: Site) -> None:
    """Tab goes through links, folds and buttons in the order of the page, each marked; Enter opens a fold."""
    browser.view(1280)
    browser.open(serve(site, "binary"))
    wanted = browser.run(
        "window.stops = [...document.querySelectorAll('a, summary, button')]"
        ".filter(e => e.checkVisibility()); stops.length"
    )
    reached = []
    for _ in range(wanted):
        browser.press("Tab", code=9)
        at, marked = browser.run(
            "[stops.indexOf(document.activeElement), getComputedStyle(document.activeElement).outlineStyle]"
        )
        assert marked == "solid"
        reached.append(at)
    assert reached == list(range(wanted))
    browser.run("stops.find(e => e.tagName === 'SUMMARY').focus()")
    browser.press("Enter", code=13, text="\r")
    assert browser.run("document.activeElement.parentElement.open") is True


def test_refresh_keeps_the_place(browser: Browser, site: Site) -> None:
    """New numbers come in while folds stay open, the page stays where it is and the focus on its element."""
    browser.view(1280)
    hold = "window.setInterval = work => { window.tick = work; return 0 }"
    script = browser.call("Page.addScriptToEvaluateOnNewDocument", source=hold)["identifier"]
    try:
        browser.open(serve(site, "binary"))
        browser.run(
            "[...document.querySelectorAll('main summary')].slice(-2)"
            ".forEach(e => { e.parentElement.open = true; e.focus() })"
        )
        browser.run("scrollTo(0, 1500)")
        before = browser.run("[scrollY, document.activeElement.textContent]")
        assert before[0] == 1500
        site.reports = tuple(msgspec.structs.replace(each, alerts=(_alert(),)) for each in site.reports)
        browser.run("tick()")
        assert browser.run("[scrollY, document.activeElement.textContent]") == before
        assert browser.run("[...document.querySelectorAll('main details')].filter(e => e.open).length") == 2
        assert "news from the slice" in browser.run("document.querySelector('main').textContent")
        assert browser.complaints() == []
        site.reports = ()
        browser.run("tick()")
        assert "does not answer" in browser.run("document.querySelector('[role=status]').textContent")
        assert "news from the slice" in browser.run("document.querySelector('main').textContent")
    finally:
        browser.call("Page.removeScriptToEvaluateOnNewDocument", identifier=script)


def test_refresh_can_be_paused(browser: Browser, site: Site) -> None:
    """The button stops it and starts it again, and says which."""
    hold = "window.setInterval = work => { window.tick = work; return 0 }"
    script = browser.call("Page.addScriptToEvaluateOnNewDocument", source=hold)["identifier"]
    try:
        browser.open(serve(site, "empty"))
        browser.run("window.button = document.querySelector('button'); button.click()")
        site.reports = ()
        browser.run("tick()")
        assert browser.run("[button.textContent, document.querySelector('[role=status]').textContent]") == [
            "refresh again",
            "",
        ]
        browser.run("button.click()")
        assert browser.run("button.textContent") == "pause refresh"
    finally:
        browser.call("Page.removeScriptToEvaluateOnNewDocument", identifier=script)


def test_tables_are_sorted_by_the_reader(browser: Browser, site: Site) -> None:
    """A press on a column sorts all of its table, folded rows too, another turns it round; a refresh keeps it."""
    gaps = (0.05, None, 0.2, -0.1, 0.15, *(0.01 * at for at in range(12)))
    slices = [
        msgspec.structs.replace(finding(f"a={at:02}", gap=gap), lower=gap, upper=gap)
        for at, gap in enumerate(gaps)
        if gap is not None
    ]
    hold = "window.setInterval = work => { window.tick = work; return 0 }"
    names = "[...document.querySelectorAll('#slices tbody th bdi')].map(e => e.textContent)"
    states = "[...document.querySelectorAll('#slices thead th[aria-sort]')].map(e => e.ariaSort)"
    press = "[...document.querySelectorAll('#slices th button')].find(e => e.textContent.endsWith('{}')).click()"
    script = browser.call("Page.addScriptToEvaluateOnNewDocument", source=hold)["identifier"]
    try:
        site.reports = (msgspec.structs.replace(report("m", "1"), findings=(finding(), *slices)),)
        browser.view(1280)
        browser.open(f"{site.root}/models/m/1")
        by_gap = sorted(slices, key=lambda each: -(each.gap or 0.0))
        browser.run(press.format("gap"))
        assert browser.run(states) == ["descending"] * 2
        assert browser.run(names)[:3] == [each.slice.removeprefix("slice:") for each in by_gap[:3]]
        browser.run(press.format("gap"))
        assert browser.run(states) == ["ascending"] * 2
        assert browser.run(names)[0] == "a=03"
        browser.run(press.format("Slice"))
        assert browser.run(names) == sorted(each.slice for each in slices)
        browser.run("tick()")
        assert browser.run(names) == sorted(each.slice for each in slices)
        assert browser.run(states) == ["ascending"] * 2
        assert browser.complaints() == []
    finally:
        browser.call("Page.removeScriptToEvaluateOnNewDocument", identifier=script)


def _alert() -> Any:
    return msgspec.structs.replace(LEAKAGE_ALERT, summary="news from the slice")
