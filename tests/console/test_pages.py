"""The pages: whole, with holes, with hostile names; served and as a file."""

from __future__ import annotations

import itertools
import re

import msgspec
import pytest

from sentinel.console.pages import POLICY, render_file, render_model, render_overview
from sentinel.console.wording import GLOSSARY
from sentinel.diagnosis.report import Cause, Report
from sentinel.evaluation.findings import Delays, LaunchWindow
from tests.console.markup import Page
from tests.console.reports import EVIL, LONG, RIGHT_TO_LEFT, TASKS, answered, empty, hostile, one_class, timeline, whole
from tests.exposition.reports import LEAKAGE_ALERT, finding, report

FILE_BYTES = 250_000
"""A report of 200 slices opens at once and goes through mail."""
REPORTS = {
    **{task: whole(task) for task in TASKS},
    **{f"{task} before the first event": empty(task) for task in TASKS},
    "one class": one_class(),
    "nothing but a finding": report(),
    "200 slices": whole(n_slices=200, n_points=720),
    "hostile": hostile(),
    "long": hostile(LONG),
    "right to left": hostile(RIGHT_TO_LEFT),
}


def pages(one: Report) -> list[str]:
    """All ways in which a report is shown."""
    return [
        render_overview([one], "0.1.0", now_us=1_900_000_000_000_000),
        render_model(one, "0.1.0", runbooks="https://runbooks.test/of"),
        render_file(one),
    ]


@pytest.mark.parametrize("name", REPORTS)
def test_pages_are_well_formed(name: str) -> None:
    """Tags match, identifiers are unique, what refers to one finds it, and headings skip no level."""
    for text in pages(REPORTS[name]):
        page = Page(text)
        assert page.faults == []
        assert len(page.ids) == len(set(page.ids))
        referred = {*page.values("aria-labelledby"), *(h[1:] for h in page.values("href") if h.startswith("#"))}
        assert referred <= set(page.ids)
        assert page.headings[0] == 1
        assert page.headings.count(1) == 1
        assert all(after <= before + 1 for before, after in itertools.pairwise(page.headings))


@pytest.mark.parametrize("name", REPORTS)
def test_pages_load_nothing_and_run_only_their_own_script(name: str) -> None:
    """No page names another address but the runbooks that were given; no inline handler and no inline style."""
    for text, scripts in zip(pages(REPORTS[name]), (1, 1, 0), strict=True):
        page = Page(text)
        assert page.count("script") == scripts
        assert page.count("img") == page.count("iframe") == 0
        assert page.values("style", "src", "srcset", "onerror", "onclick") == []
        places = [href for href in page.values("href") if not re.match(r"#|/|data:,$", href)]
        assert all(place.startswith("https://runbooks.test/of/Sentinel") for place in places)
        assert not re.search(r"url\(|@import|https?://(?!runbooks\.test)", text)


@pytest.mark.parametrize("name", REPORTS)
def test_no_hole_shows_as_python(name: str) -> None:
    """What is not known is said in words: no None, no NaN, no infinity."""
    for text in pages(REPORTS[name]):
        assert not re.search(r"\b(None|nan|inf|NaN|True|False)\b", Page(text).seen)
        assert not re.search(r'="[^"]*\b(?:None|nan|inf)\b[^"]*"', text)


def test_names_from_events_are_text() -> None:
    """A name that is markup is shown as it was written, wherever it stands, and makes no element."""
    for text in pages(hostile()):
        assert EVIL not in text
        assert EVIL in Page(text).seen
    for text in pages(hostile(RIGHT_TO_LEFT)):
        assert f"<bdi>{RIGHT_TO_LEFT}</bdi>" in text


def test_the_model_page_says_what_is_wrong_first() -> None:
    """Verdict, confidence, the gap with its bounds, the alert, the reason and what would settle it open the page."""
    seen = Page(render_model(whole(), "0.1.0")).seen
    first = seen[: seen.index("live against offline, over time")]
    wanted = (
        "Target leakage",
        "75 % sure",
        "0.900",
        "0.775",
        "0.125 worse",
        "(0.062 to 0.188)",
        "What would settle it",
        "feature times",
        "tenure_days lost its association",
        "critical: LeakageSuspected",
    )
    for words in wanted:
        assert words in first


def test_the_model_page_tells_everything_that_the_report_holds() -> None:
    """Second cause, parts, repairs, overlaps, coverage, calibration, delays, identity and counts are on the page."""
    seen = Page(render_model(whole(), "0.1.0")).seen
    wanted = (
        "concept drift",
        "60 %",
        "other outcomes at the same scores",
        "+0.100",
        "0.050 to 0.150",
        "duplicates",
        "50 % to 100 %",
        "of them known 98 %",
        "7 d",
        "slope",
        "1.020",
        "1 min to 1 h",
        "0123456789ab",
        "SentinelLeakageSuspected",
        "launch window",
        "likeliest start",
    )
    for words in wanted:
        assert words in seen


@pytest.mark.parametrize(("task", "words"), [("regression", "p95"), ("ranking", "NDCG"), ("multiclass", "macro AUC")])
def test_tasks_show_their_own_metrics(task: str, words: str) -> None:
    """Each task has its metrics, and its AUC says which question it is about."""
    seen = Page(render_file(whole(task))).seen
    assert words in seen
    assert "how well predictions tell" in seen


def test_every_section_defines_its_numbers() -> None:
    """Each glossary of the page stands behind one tap where its numbers are; a page needs them all."""
    text = render_file(whole("regression"))
    page = Page(text)
    assert text.count('<details class="define">') == len(GLOSSARY)
    for words in GLOSSARY.values():
        for word, meaning in words.items():
            assert f"{word} {meaning}" in page.seen


def test_slices_are_read_worst_first() -> None:
    """An alarm comes before none, a surer gap before a wider one; the rest is folded; those not judged are named."""
    slices = [
        msgspec.structs.replace(finding("a=sure", gap=0.1), lower=0.08, upper=0.12),
        msgspec.structs.replace(finding("a=wide", gap=0.3), lower=-0.2, upper=0.8),
        msgspec.structs.replace(finding("a=alarm", gap=0.05), lower=0.01, upper=0.09, alarm=True),
        finding("a=few", gap=None),
    ]
    seen = Page(render_file(report(findings=[finding(), *slices]))).seen
    seen = seen[seen.index("Slices, the worst first") :]
    places = [seen.index(name) for name in ("a=alarm", "a=sure", "a=wide", "a=few")]
    assert places == sorted(places)
    assert "4 slices, 1 with an alarm, 1 with too few outcomes" in seen


def test_two_hundred_slices_are_all_there_and_small() -> None:
    """Every slice is on the page, most of them folded, and the file stays small."""
    text = render_file(whole(n_slices=200, n_points=720))
    assert len(text.encode()) < FILE_BYTES
    assert {f"city=place {at}" for at in range(200)} <= set(re.findall(r"<bdi>(city=place \d+)</bdi>", text))
    assert "188 more" in text


def test_a_cause_of_the_parts_that_is_not_known_is_named() -> None:
    """Parts that do not sum to the gap leave a rest that says so."""
    made = whole()
    parts = msgspec.structs.replace(made.findings[0].parts, score_mix=None)
    made = msgspec.structs.replace(made, findings=(msgspec.structs.replace(made.findings[0], parts=parts),))
    assert "not attributed +0.025" in Page(render_file(made)).seen


def test_alerts_link_to_their_runbooks() -> None:
    """A folder gets the alert's name and .md, a pattern the name alone; without either the file is named."""
    one = report(alerts=[LEAKAGE_ALERT])
    assert "https://r.test/b/SentinelLeakageSuspected.md" in Page(
        render_file(one, runbooks="https://r.test/b/")
    ).values("href")
    assert "https://r.test/SentinelLeakageSuspected/" in Page(
        render_file(one, runbooks="https://r.test/{alert}/")
    ).values("href")
    assert "docs/runbooks/SentinelLeakageSuspected.md" in Page(render_file(one)).seen


def test_resolved_and_many_alerts() -> None:
    """A resolved alert says when, the newest come first, and old ones are folded."""
    old = [msgspec.structs.replace(LEAKAGE_ALERT, fired_at=f"2026-10-{day:02}T00:00:00Z") for day in range(1, 12)]
    resolved = msgspec.structs.replace(LEAKAGE_ALERT, resolved_at="2026-11-21T00:00:00Z")
    seen = Page(render_file(report(alerts=[*old, resolved]))).seen
    assert "resolved 2026-11-21 00:00 UTC" in seen
    assert seen.index("2026-10-11") < seen.index("2026-10-02")
    assert "2 older" in seen


def test_an_answer_to_the_verdict_is_shown() -> None:
    """Who answered what and why stands with the verdict; an answer to another cause says so, and does not count."""
    made = answered(report())
    seen = Page(render_model(made, "0.1.0")).seen
    assert "Other cause : train serve skew, said alice at 2026-11-21 09:00 UTC. the join was late" in seen
    assert "answered: other cause" in Page(render_overview([made], "0.1.0")).seen
    other = answered(report(), cause=Cause.CONCEPT_DRIFT)
    assert "of another verdict (concept drift)" in Page(render_model(other, "0.1.0")).seen
    assert "answered" not in Page(render_overview([other], "0.1.0")).seen


def test_the_overview_puts_the_worst_first_and_links() -> None:
    """A critical alert, then leakage without one, then what cannot be told, then no gap; each leads to its page."""
    fine = report("fine", "1")
    fine = msgspec.structs.replace(
        fine, verdict=msgspec.structs.replace(fine.verdict, cause=Cause.NONE, family="none", culprits=())
    )
    page = Page(
        render_overview([fine, empty(), report("leaky/x", "7"), report("firing", "2", alerts=[LEAKAGE_ALERT])], "0")
    )
    models = [href for href in page.values("href") if href.startswith("/models/")]
    assert models == ["/models/firing/2", "/models/leaky%2Fx/7", "/models/young/1", "/models/fine/1"]


@pytest.mark.parametrize(("show", "shown"), [("", 2), ("firing", 1), ("leakage", 2), ("none", 0), ("nonsense", 0)])
def test_the_overview_is_filtered_by_links(show: str, shown: int) -> None:
    """``show`` narrows it down, the link of the filter is marked as current, and an unknown one shows nothing."""
    page = Page(render_overview([report("a"), report("b", alerts=[LEAKAGE_ALERT])], "0.1.0", show=show))
    assert sum(href.startswith("/models/") for href in page.values("href")) == shown
    assert len(page.values("aria-current")) == (show != "nonsense")


def test_the_overview_without_a_model() -> None:
    """Before the first evaluation it says so."""
    assert "No model has been evaluated yet" in render_overview((), "0.1.0")


def test_freshness_is_measured_by_the_clock_it_is_given() -> None:
    """An hour after the last event it says so."""
    at_us = 1_795_176_000_000_000 + 3_600_000_000  # 2026-11-20T13:00:00Z
    assert "1 h ago" in Page(render_overview([report()], "0.1.0", now_us=at_us)).seen


def test_the_policy_allows_what_the_pages_hold_and_no_more() -> None:
    """Style and script are allowed by their hashes, nothing is unsafe, and the file carries its own policy."""
    assert "unsafe" not in POLICY
    assert "default-src 'none'" in POLICY
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', render_file(report()))
    assert "script-src" not in policy
    assert "style-src" in policy


def test_a_timeline_of_one_point_and_one_without_times() -> None:
    """One point is drawn; a time that is none, as a file from elsewhere may hold it, is left out."""
    point = timeline(5)[-1]
    strange = msgspec.structs.replace(point, at="yesterday")
    drawn = render_file(msgspec.structs.replace(whole(), timeline=(point, strange)))
    assert "live against offline, over time" in drawn
    window = LaunchWindow(complete=False, n_outcomes=0, through="soon", gap=None, log_evidence=None, alarm=False)
    bare = render_file(msgspec.structs.replace(whole(), timeline=(strange,), launch=window))
    assert "live against offline, over time" not in bare


@pytest.mark.parametrize("online", [(1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0)])
def test_outcomes_that_all_take_as_long_are_one_row(online: tuple[float, ...]) -> None:
    """One span holds everything: one row, with a bound that exists."""
    made = msgspec.structs.replace(
        whole(), delays=Delays(edges_seconds=(60.0, 3_600.0), offline=None, online=online, n=9)
    )
    seen = Page(render_file(made)).seen
    told = seen[seen.index("How long outcomes take") :]
    assert re.search(r"(under|over) 1 (h|min) 100 % not known", told)
