"""Alerts fire once their condition lasts, resolve once it stays away, and say what an operator needs."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from sentinel.config.alerts import Alerts
from sentinel.diagnosis.alerts import AlertBook
from sentinel.diagnosis.conditions import conditions
from sentinel.diagnosis.report import Alert, Cause, Verdict
from sentinel.diagnosis.verdict import diagnose, leakage_probability
from sentinel.evaluation.evaluate import evaluate
from sentinel.evaluation.findings import Evaluation
from sentinel.summaries.layout import N_SPECIAL
from tests.diagnosis.streams import watch
from tests.evaluation.worlds import draw, offline, series, world_layout

LAYOUT = world_layout()
Look = tuple[Evaluation, Verdict, dict[str, int]]


def judged(seed: int, live_auc: float, **counts: int) -> Look:
    """One look at a model of .85 that was ``live_auc`` in ten days of production."""
    rng = np.random.default_rng(seed)
    side = offline(LAYOUT, draw(LAYOUT, rng, 4_000, auc=0.85))
    evaluation = evaluate(side, series(LAYOUT, draw(LAYOUT, rng, 4_000, auc=live_auc, hours=240)), Alerts())
    known = {"predictions": 4_000, "joined": 4_000, **counts}
    return evaluation, diagnose(evaluation, side, known), known


GOOD, BAD = judged(1, 0.85), judged(2, 0.65)


def leaning(probability: float) -> Look:
    """A look at a gap from launch whose verdict gives leakage this probability."""
    evaluation, verdict, counts = BAD
    probabilities = {cause.value: 0.0 for cause in Cause}
    probabilities |= {"target_leakage": probability, "none": 1.0 - probability}
    changed = msgspec.structs.replace(verdict, cause=Cause.TARGET_LEAKAGE, probabilities=probabilities)
    return evaluation, changed, counts


def after(*looks: Look) -> AlertBook:
    """The book after these looks, one a minute, each with one more prediction and one more mature outcome."""
    book = AlertBook()
    for minute, look in enumerate(looks):
        evaluation, verdict, counts = look
        more = counts | {"predictions": counts["predictions"] + minute}
        book = book.advance(grown(evaluation, minute), verdict, more, f"2026-11-26T12:{minute:02}:00Z")
    return book


def grown(evaluation: Evaluation, n: int) -> Evaluation:
    """The same look on ``n`` more mature outcomes."""
    auc, *rest = evaluation.findings
    assert auc.metric == "auc"
    online = msgspec.structs.replace(auc.online, n=auc.online.n + n)
    return msgspec.structs.replace(evaluation, findings=(msgspec.structs.replace(auc, online=online), *rest))


def of(book: AlertBook, name: str) -> list[Alert]:
    """Alerts of one name, first fired first."""
    return [alert for alert in book.alerts if alert.name == name]


def test_gap_fires_at_once() -> None:
    """Evidence that holds at every look needs no second one."""
    (alert,) = of(after(BAD), "SentinelOfflineOnlineGap")
    assert alert.fired_at == "2026-11-26T12:00:00Z"
    assert (alert.metric, alert.slice, alert.n_outcomes) == ("auc", "all", 4_000)


def test_alert_says_what_an_operator_needs() -> None:
    """The summary holds what moved, by how much, against which estimate, where, how sure, and what else it could be."""
    evaluation, verdict, _ = BAD
    headline = evaluation.headline("auc")
    assert headline is not None
    summary = of(after(BAD), "SentinelOfflineOnlineGap")[0].summary
    for part in (
        "auc over all traffic",
        f"{headline.online.value:.3f} live on 4000 outcomes",
        f"{headline.offline.value:.3f} offline on 4000 rows",
        f"worse by {headline.gap:.3f}",
        verdict.cause.value,
        "could also be",
    ):
        assert part in summary


def test_leakage_needs_three_looks() -> None:
    """Two looks that suspect leakage are not enough, the third fires, critical at .8."""
    assert of(after(leaning(0.9), leaning(0.9)), "SentinelLeakageSuspected") == []
    (alert,) = of(after(*[leaning(0.9)] * 3), "SentinelLeakageSuspected")
    assert (alert.severity, alert.cause) == ("critical", Cause.TARGET_LEAKAGE)
    assert of(after(leaning(0.9), leaning(0.9), GOOD, leaning(0.9)), "SentinelLeakageSuspected") == []


def test_looking_again_at_the_same_outcomes_is_no_patience() -> None:
    """Ten looks at the same mature outcomes count as one, though predictions go on; two with more outcomes fire."""
    evaluation, verdict, counts = leaning(0.9)
    book = AlertBook()
    for minute in range(10):
        more = counts | {"predictions": counts["predictions"] + minute}
        book = book.advance(evaluation, verdict, more, f"2026-11-26T12:{minute:02}:00Z")
    assert of(book, "SentinelLeakageSuspected") == []
    for minute in (10, 11):
        book = book.advance(grown(evaluation, minute), verdict, counts, f"2026-11-26T12:{minute:02}:00Z")
    assert [alert.fired_at for alert in of(book, "SentinelLeakageSuspected")] == ["2026-11-26T12:11:00Z"]


def test_a_stream_that_has_ended_is_not_waited_for() -> None:
    """Five looks at nothing new, not even predictions, count as one: the second and third come after ten."""
    evaluation, verdict, counts = leaning(0.9)
    book = AlertBook()
    for minute in range(11):
        assert of(book, "SentinelLeakageSuspected") == []
        book = book.advance(evaluation, verdict, counts, f"2026-11-26T12:{minute:02}:00Z")
    assert [alert.fired_at for alert in of(book, "SentinelLeakageSuspected")] == ["2026-11-26T12:10:00Z"]


def test_leakage_pages_only_with_a_launch_gap() -> None:
    """However probable, a leak whose gap is not proven at launch is a warning."""
    evaluation, verdict, counts = leaning(0.99)
    launch = msgspec.structs.replace(evaluation.launch, alarm=False)
    later = (msgspec.structs.replace(evaluation, launch=launch), verdict, counts)
    (alert,) = of(after(*[later] * 4), "SentinelLeakageSuspected")
    assert alert.severity == "warning"


@pytest.mark.parametrize(("probability", "severities"), [(0.49, []), (0.5, ["warning"]), (0.8, ["critical"])])
def test_leakage_severity(probability: float, severities: list[str]) -> None:
    """Half a chance warns, four fifths page."""
    found = of(after(*[leaning(probability)] * 4), "SentinelLeakageSuspected")
    assert [alert.severity for alert in found] == severities


def test_growing_suspicion_replaces_the_warning() -> None:
    """A warning that becomes critical is resolved at the moment at which the page fires."""
    warning, page = of(after(*[leaning(0.6)] * 3, *[leaning(0.9)] * 3), "SentinelLeakageSuspected")
    assert (warning.severity, page.severity) == ("warning", "critical")
    assert warning.resolved_at == page.fired_at == "2026-11-26T12:05:00Z"


def test_alert_resolves_after_three_quiet_looks() -> None:
    """Two quiet looks keep the alert, the third resolves it, and it may fire again."""
    assert of(after(BAD, GOOD, GOOD), "SentinelOfflineOnlineGap")[0].resolved_at is None
    assert of(after(BAD, GOOD, GOOD, GOOD), "SentinelOfflineOnlineGap")[0].resolved_at == "2026-11-26T12:03:00Z"
    assert len(of(after(BAD, GOOD, GOOD, GOOD, BAD), "SentinelOfflineOnlineGap")) == 2


def test_flapping_keeps_one_alert() -> None:
    """A condition that comes and goes every other look is one alert."""
    assert len(of(after(*[BAD, GOOD] * 5), "SentinelOfflineOnlineGap")) == 1


def test_a_page_stays_one_while_leakage_is_likelier_than_not() -> None:
    """A probability that goes up and down about .8 pages once; below .5 the page is resolved, and so is what warned."""
    hovering = [leaning(0.9)] * 3 + [leaning(0.6)] * 4
    (page,) = of(after(*hovering * 3), "SentinelLeakageSuspected")
    assert (page.severity, page.resolved_at) == ("critical", None)
    assert "leakage in the offline estimate (60%)" in page.summary
    (ended,) = of(after(*hovering, *[leaning(0.4)] * 3), "SentinelLeakageSuspected")
    assert ended.resolved_at == "2026-11-26T12:09:00Z"


def test_a_page_is_lowered_when_its_gap_is_no_longer_from_launch() -> None:
    """However probable a leak stays, three looks at which the launch is not proven make the page a warning."""
    evaluation, verdict, counts = leaning(0.9)
    launch = msgspec.structs.replace(evaluation.launch, alarm=False)
    later = (msgspec.structs.replace(evaluation, launch=launch), verdict, counts)
    page, warning = of(after(*[leaning(0.9)] * 3, *[later] * 3), "SentinelLeakageSuspected")
    assert (page.severity, warning.severity) == ("critical", "warning")
    assert page.resolved_at == warning.fired_at == "2026-11-26T12:05:00Z"


def fallen(log_evidence: float, cause: Cause = Cause.INSUFFICIENT_EVIDENCE) -> Look:
    """A look at a gap that is below the gate of 4.6 again, where this cause is named."""
    evaluation, verdict, counts = leaning(0.0)
    auc, *rest = evaluation.findings
    lower = msgspec.structs.replace(auc, alarm=False, log_evidence=log_evidence)
    changed = msgspec.structs.replace(evaluation, findings=(lower, *rest))
    return changed, msgspec.structs.replace(verdict, cause=cause), counts


def test_a_gap_that_hovers_at_the_gate_is_one_alert() -> None:
    """Between the odds that warn (evidence 3.0) and the gate (4.6) nothing fires and nothing that fired is resolved."""
    hovering = [BAD, *[fallen(3.1)] * 4] * 3
    (alert,) = of(after(*hovering), "SentinelOfflineOnlineGap")
    assert alert.resolved_at is None
    assert of(after(*[fallen(3.1)] * 4), "SentinelOfflineOnlineGap") == []
    (ended,) = of(after(BAD, *[fallen(3.1)] * 4, *[fallen(2.9)] * 3), "SentinelOfflineOnlineGap")
    assert ended.resolved_at == "2026-11-26T12:07:00Z"


def test_a_release_of_ones_own_holds() -> None:
    """With a release of 4 the same evidence of 3.1 resolves after three looks."""
    book = AlertBook()
    for minute, (evaluation, verdict, counts) in enumerate([BAD, *[fallen(3.1)] * 3]):
        book = book.advance(grown(evaluation, minute), verdict, counts, f"2026-11-26T12:{minute:02}:00Z", release=4.0)
    assert [alert.resolved_at for alert in of(book, "SentinelOfflineOnlineGap")] == ["2026-11-26T12:03:00Z"]


def test_a_suspicion_hovers_with_its_gap_but_not_against_another_cause() -> None:
    """Below the gate no cause is named, and the leak's page stays; where drift is named it is resolved."""
    suspected = [leaning(0.9)] * 3
    assert of(after(*suspected, *[fallen(3.1)] * 4), "SentinelLeakageSuspected")[0].resolved_at is None
    ended = after(*suspected, *[fallen(3.1, Cause.CONCEPT_DRIFT)] * 3)
    assert of(ended, "SentinelLeakageSuspected")[0].resolved_at == "2026-11-26T12:05:00Z"


def test_advancing_leaves_the_old_book() -> None:
    """The book before a look is as it was."""
    before = after(GOOD)
    before.advance(*BAD, "2026-11-26T13:00:00Z")
    assert before.alerts == ()


def test_quiet_stream_has_no_alert() -> None:
    """Ten looks at a good model raise nothing."""
    assert after(*[GOOD] * 10).alerts == ()


def test_outcomes_missing() -> None:
    """Predictions past their horizon without any outcome are said so, with the ids as first suspect."""
    evaluation, verdict, _ = GOOD
    counts = {"predictions": 500, "joined": 0, "unjoined": 300, "waiting_outcomes": 40}
    (alert,) = of(after(*[(evaluation, verdict, counts)] * 3), "SentinelOutcomesMissing")
    assert "do the ids agree?" in alert.summary
    assert of(after(*[(evaluation, verdict, {**counts, "joined": 1})] * 3), "SentinelOutcomesMissing") == []
    (silent,) = of(after(*[(evaluation, verdict, {**counts, "waiting_outcomes": 0})] * 3), "SentinelOutcomesMissing")
    assert silent.summary.endswith("; what reports them may be late, broken, or keyed by other ids")


def test_bad_slice_alone_is_raised() -> None:
    """One bad slice of a good model is raised by name; under a gap of all traffic no slice is raised apart."""
    rng = np.random.default_rng(3)
    rows = draw(LAYOUT, rng, 8_000, auc=0.85)
    bad = np.flatnonzero(rows["slices"][:, 0] == 2)[:700]
    rows["outcome"][bad] = rng.permutation(rows["outcome"][bad])
    side = offline(LAYOUT, draw(LAYOUT, rng, 8_000, auc=0.85))
    evaluation = evaluate(side, series(LAYOUT, rows), Alerts())
    counts = {"predictions": 8_000, "joined": 8_000}
    found = conditions(evaluation, diagnose(evaluation, side, counts), counts)
    assert [(c.name, c.slice) for c in found] == [("SentinelSliceGap", "region=v2")]
    assert "a leak that only this slice has" in found[0].summary
    assert "one of" not in found[0].summary
    assert not any(c.name == "SentinelSliceGap" for c in conditions(*BAD))


def test_a_discovered_slice_is_news_and_no_more() -> None:
    """Where only some values of a feature got worse, that is told as information, and is no sign of a leak."""
    rng = np.random.default_rng(4)
    side = offline(LAYOUT, draw(LAYOUT, rng, 20_000, auc=0.85))
    rows = draw(LAYOUT, rng, 20_000, auc=0.85)
    bad = np.flatnonzero(rows["features"][:, 1] == N_SPECIAL + 2)
    turned = bad[rng.random(len(bad)) < 0.2]
    rows["outcome"][turned] = 1.0 - rows["outcome"][turned]
    evaluation = evaluate(side, series(LAYOUT, rows), Alerts())
    counts = {"predictions": 20_000, "joined": 20_000}
    verdict = diagnose(evaluation, side, counts)
    (found,) = conditions(evaluation, verdict, counts)
    assert (found.name, found.severity, found.metric) == ("SentinelSliceGap", "info", "log_loss")
    assert found.slice == "x1=[0.2,0.3)"
    assert "the slice was found, not configured; it could be a leak" in found.summary
    assert leakage_probability(verdict) < 0.5


@pytest.mark.parametrize("name", ["target_leakage", "target_leakage_default"])
def test_leak_pages_within_the_first_fifth(name: str) -> None:
    """The gap of a planted leak warns within a tenth of the outcomes, and pages after a week, a fifth of them."""
    seen = watch(name)
    warning, page = (alert for alert in seen.alerts if alert.name == "SentinelOfflineOnlineGap")
    assert (warning.severity, page.severity) == ("warning", "critical")
    assert warning.n_outcomes <= seen.n_outcomes / 10
    assert "a page takes a whole week" in warning.summary
    assert page.n_outcomes <= seen.n_outcomes / 5
    assert warning.resolved_at == page.fired_at
    suspected = [alert.severity for alert in seen.alerts if alert.name == "SentinelLeakageSuspected"]
    assert suspected == ["warning", "critical"]
