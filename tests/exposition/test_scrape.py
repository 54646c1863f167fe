"""A scrape: both formats are strict, nothing is made up, nothing is silently cut."""

from __future__ import annotations

import gzip
import math
from dataclasses import replace

import msgspec
import pytest

from sentinel.clock import ManualClock
from sentinel.diagnosis.report import Cause, Culprit, Report
from sentinel.exposition.collector import Collector
from sentinel.exposition.declarations import METRICS
from sentinel.exposition.metric import Metric
from sentinel.exposition.metrics.models.findings import FINDING_METRICS
from sentinel.exposition.rendering import MAX_LABEL_CHARS
from sentinel.exposition.selection import Budget
from sentinel.exposition.snapshot import DROP_REASONS, build_snapshot
from sentinel.exposition.snapshot_memory import SnapshotMemory
from sentinel.exposition.statistics import BaselineTimes, DaemonStatistics
from sentinel.summaries.kinds.delays import DELAY_EDGES_SECONDS
from tests.exposition.exposed import (
    KEY,
    NOW_US,
    OPENMETRICS,
    collector,
    full_statistics,
    key,
    parsed,
    samples,
    scraped,
    snapshot,
)
from tests.exposition.reports import LEAKAGE_ALERT, feature, finding, full_report, report
from tests.support.prometheus import check_with

ALL = {"model": "churn", "version": "7", "metric": "auc", "slice": "all"}
MODEL = {"model": "churn", "version": "7"}
HOSTILE_NAMES = (
    'city=L"Aquila',
    "a\\b",
    "ends with\\",
    "two\nlines",
    "carriage\rreturn",
    "naïve=日本",
    'x="} 1\n# EOF\nsentinel_ready 0',
    "{}=,# 1.0 @",
    "",
    "\u2028\x85\t\x1b[31m",
)


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_both_formats_parse_strictly_and_declare_their_types(accept: str) -> None:
    """The client library's own parsers read a whole scrape, and every declared metric is in it with type and help."""
    scrape = collector([full_report()]).scrape(accept)
    families = {family.name: family for family in parsed(scrape.body, scrape.content_type)}
    for metric in METRICS:
        family = families[metric.family if accept or metric.type == "counter" else metric.name]
        assert (family.documentation, family.type) == (metric.help, _type_in(metric, accept))
        assert family.samples
        if accept:
            assert family.unit == metric.unit


def _type_in(metric: Metric, accept: str) -> str:
    return "gauge" if metric.type == "info" and not accept else metric.type


def test_both_formats_say_the_same() -> None:
    """Whichever format is asked for, the same series have the same values (the process's own aside)."""
    same = collector([full_report()])
    texts = [same.scrape(accept) for accept in ("", OPENMETRICS)]
    text, openmetrics = (samples(parsed(scrape.body, scrape.content_type)) for scrape in texts)
    ours = {each for each in text if each[0].startswith("sentinel_")}
    assert ours == {each for each in openmetrics if each[0].startswith("sentinel_")}
    assert {each: text[each] for each in ours} == {each: openmetrics[each] for each in ours}
    assert texts[1].body.count(b"# EOF") == 1
    assert texts[1].body.endswith(b"# EOF\n")


def test_a_finding_becomes_its_series() -> None:
    """Estimates, bounds, gap, evidence and the outcomes behind them carry the finding's own numbers."""
    found = scraped([report()])
    assert found[key("sentinel_offline_estimate", **ALL)] == 0.9
    assert found[key("sentinel_online_estimate_upper", **ALL)] == 0.8
    assert found[key("sentinel_gap", **ALL)] == 0.125
    assert found[key("sentinel_gap_lower", **ALL)] == 0.0625
    assert found[key("sentinel_gap_log_evidence", **ALL)] == 9.5
    assert found[key("sentinel_minimum_detectable_gap", **ALL)] == 0.03125
    assert found[key("sentinel_estimate_outcomes", **MODEL, slice="all", side="online")] == 1_000


def test_what_is_not_known_has_no_series() -> None:
    """Not enough data, NaN and an unknown coverage are absent: neither 0 nor NaN."""
    nan = float("nan")
    unknown = [finding(gap=None, log_evidence=None), finding(metric="log_loss", gap=nan, log_evidence=nan)]
    found = scraped([report(findings=unknown, features=[feature(collapse=nan)])])
    names = {name for name, _ in found}
    assert "sentinel_gap" not in names
    assert "sentinel_gap_log_evidence" not in names
    assert "sentinel_feature_collapse" not in names
    assert "sentinel_drift_statistic" not in names
    assert key("sentinel_outcome_coverage_ratio", model="young", version="1") not in found
    assert all(value == value for value in found.values())


def test_every_cause_has_its_series() -> None:
    """Unlikely causes are 0, so that no panel or alert has to tell absent from impossible."""
    found = scraped([report()])
    for cause in Cause:
        expected = {Cause.TARGET_LEAKAGE: 0.75, Cause.CONCEPT_DRIFT: 0.25}.get(cause, 0)
        assert found[key("sentinel_cause_probability_ratio", **MODEL, cause=cause)] == expected
        assert found[key("sentinel_verdict", **MODEL, cause=cause)] == (cause == Cause.TARGET_LEAKAGE)


def test_alerts_are_active_until_resolved() -> None:
    """An alert that was resolved is gone, one that came twice is there once."""
    resolved = type(LEAKAGE_ALERT)(
        name="SentinelSliceGap", severity="warning", fired_at="t", n_outcomes=1, resolved_at="t"
    )
    found = scraped([report(alerts=[LEAKAGE_ALERT, LEAKAGE_ALERT, resolved])])
    active = [dict(labels)["alert"] for name, labels in found if name == "sentinel_alert_active"]
    assert active == ["SentinelLeakageSuspected"]
    assert found[key("sentinel_series_dropped_total", reason="duplicate")] == 1


@pytest.mark.parametrize("name", HOSTILE_NAMES)
@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_any_name_is_a_label(name: str, accept: str) -> None:
    """Quotes, backslashes, line ends and other scripts come back unchanged."""
    scrape = collector([report(findings=[finding(name)])]).scrape(accept)
    found = samples(parsed(scrape.body, scrape.content_type))
    assert key("sentinel_gap", **{**ALL, "slice": name}) in found


@pytest.mark.parametrize("names", [("half=\udc80", "half=\udc81"), ("a=\0", "a=?"), ("x" * 201, "x" * 5_000)])
@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_names_that_no_label_can_hold_stay_apart(names: tuple[str, str], accept: str) -> None:
    """Half a character, NUL and endless names are replaced by what is short and valid, each by another."""
    scrape = collector([report(findings=[finding(name) for name in names])]).scrape(accept)
    shown = {
        dict(labels)["slice"]
        for name, labels in samples(parsed(scrape.body, scrape.content_type))
        if name == "sentinel_gap"
    }
    assert len(shown) == 2
    assert all(len(each) <= MAX_LABEL_CHARS and "\0" not in each for each in shown)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_is_not_finite_is_not_exposed(value: float) -> None:
    """Nothing of a finding, a feature or the daemon is exposed as NaN or infinite; the rest of each is."""
    made = report(findings=[finding(log_evidence=value)], features=[feature(collapse=value)])
    found = scraped([made], replace(full_statistics(), evaluation_seconds=value, coverage={KEY: value}))
    assert all(math.isfinite(each) for each in found.values())
    names = {name for name, _ in found}
    assert not names & {"sentinel_gap_log_evidence", "sentinel_feature_collapse", "sentinel_outcome_coverage_ratio"}
    assert {"sentinel_gap", "sentinel_feature_auc", "sentinel_evaluation_duration_seconds_count"} <= names


def test_the_budget_keeps_headlines_and_the_worst_slices() -> None:
    """With room for the headline and two slices, the two with the most evidence stay and the rest is counted."""
    # A slice takes 11 series: 3 offline, 3 online, 3 gap, evidence and detectable gap; and 2 counts of outcomes.
    slices = [finding(f"region={n}", log_evidence=float(n)) for n in range(5)]
    whole = snapshot([report(findings=[*slices, finding()])])
    per_slice = 3 + 3 + 3 + 2 + 2
    limit = whole.n_series - 3 * per_slice + 1
    found = scraped([report(findings=[*slices, finding()])], max_series=limit)
    shown = {dict(labels)["slice"] for name, labels in found if name == "sentinel_gap"}
    assert shown == {"all", "region=4", "region=3"}
    assert found[key("sentinel_series_dropped_total", reason="slice_budget")] == 3 * per_slice
    assert found[key("sentinel_series")] == whole.n_series - 3 * per_slice
    assert found[key("sentinel_series_limit")] == limit


def test_features_share_the_budget_with_slices() -> None:
    """Features that lost most come first, and take no more than half of what the headlines leave."""
    features = [feature(f"f{n}", collapse=float(n)) for n in range(100)]
    slices = [finding(f"region={n}") for n in range(100)]
    core = snapshot([report()]).n_series
    shared = snapshot([report(findings=[finding(), *slices], features=features)], core + 160)
    families = {metric.name: lines for metric, lines in shared.families}
    assert '"f99"' in families["sentinel_feature_collapse"]
    assert '"f0"' not in families["sentinel_feature_collapse"]
    n_features = sum(lines.count("\n") for name, lines in families.items() if name.startswith("sentinel_feature"))
    assert n_features == 80
    assert core + 160 - 13 < shared.n_series <= core + 160
    assert shared.dropped["feature_budget"] == 100 * 8 - 80


def test_verdicts_and_headlines_are_never_cut() -> None:
    """With no room the verdict, the alert and what is known of all traffic stand; the rest is cut and counted."""
    whole, none = snapshot([full_report()]), snapshot([full_report()], 0)
    bare = msgspec.structs.replace(full_report(), findings=full_report().findings[:1], features=())
    assert none.families == snapshot([bare]).families
    assert none.n_series + sum(none.dropped.values()) == whole.n_series
    assert min(none.dropped["feature_budget"], none.dropped["slice_budget"]) > 0


def test_only_the_ten_heaviest_culprits_are_exposed() -> None:
    """A verdict that suspects everything does not flood the scrape."""
    culprits = [Culprit(kind="feature", name=f"f{n}", weight=n / 100) for n in range(50)]
    found = scraped([report(culprits=culprits)])
    names = {dict(labels)["name"] for name, labels in found if name == "sentinel_culprit_weight_ratio"}
    assert names == {f"f{n}" for n in range(40, 50)}


def test_the_series_of_a_model_leave_with_it() -> None:
    """A scrape after a model version is gone has none of its series, and its labels are forgotten."""
    reports: list[tuple[Report, ...]] = [(report("a"), report("b"))]
    statistics = DaemonStatistics()
    both = Collector(lambda: reports[0], lambda: statistics, lambda: Budget(1_000, 1_000), ManualClock())
    assert b'model="b"' in both.scrape().body
    reports[0] = (reports[0][0],)
    assert b'model="b"' not in both.scrape().body
    assert b'model="a"' in both.scrape().body


def test_the_cache_holds_what_is_shown() -> None:
    """Label texts of slices that are gone do not pile up."""
    memory = SnapshotMemory()
    snapshot([report(findings=[finding(f"s={n}") for n in range(50)])], memory=memory)
    snapshot([report(findings=[])], memory=memory)
    assert memory.shown_slices == frozenset()
    assert len(memory) == 2 * len(Cause) + 2 + len(report().counts)  # confidence, acknowledged


def test_series_are_rendered_once_per_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same report objects are not rendered again, whatever container holds them; a changed budget is."""
    built: list[int] = []

    def counting(*args: object) -> object:
        built.append(1)
        return build_snapshot(*args)  # type: ignore[arg-type] # passed through

    monkeypatch.setattr("sentinel.exposition.collector.build_snapshot", counting)
    standing, limit = [report()], [1_000]
    statistics = full_statistics()
    own = Collector(lambda: list(standing), lambda: statistics, lambda: Budget(limit[0], 1_000), ManualClock())
    first = own.scrape()
    assert own.scrape().body.splitlines()[:50] == first.body.splitlines()[:50]
    own.scrape(OPENMETRICS)
    assert len(built) == 1
    standing[0] = report()
    own.scrape()
    assert len(built) == 2
    limit[0] = 100
    own.scrape()
    assert len(built) == 3


def test_what_is_cut_is_counted_once_per_evaluation() -> None:
    """Scraping often does not make a cut look worse, and every reason has a series from the start."""
    own = collector([full_report()], max_series=0)
    for _ in range(3):
        scrape = own.scrape()
    found = samples(parsed(scrape.body, scrape.content_type))
    whole = snapshot([full_report()]).n_series
    dropped = {reason: found[key("sentinel_series_dropped_total", reason=reason)] for reason in DROP_REASONS}
    assert sum(dropped.values()) == whole - found[key("sentinel_series")]


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_compressed_is_the_same_but_smaller(accept: str) -> None:
    """The two-piece gzip member unpacks to a whole scrape, again and again."""
    slices = [finding(f"region={n}") for n in range(50)]
    own = collector([report(findings=slices)])
    for _ in range(2):
        packed = own.scrape(accept, "gzip")
        assert packed.gzipped
        families = parsed(gzip.decompress(packed.body), packed.content_type)
        assert len(packed.body) < len(gzip.decompress(packed.body)) / 4
        assert key("sentinel_gap", **{**ALL, "slice": "region=49"}) in samples(families)
    assert gzip.decompress(packed.body).startswith(own.scrape(accept).body[:2_000])


def test_delays_are_cumulative_buckets() -> None:
    """1 under a second, 10 in [4, 8), 100 from 2^24 s on: so 1, then 11 from le=8, and 111 in all."""
    found = scraped([])
    bucket = "sentinel_outcome_delay_seconds_bucket"
    assert found[key(bucket, **MODEL, le="1.0")] == 1
    assert found[key(bucket, **MODEL, le="4.0")] == 1
    assert found[key(bucket, **MODEL, le="8.0")] == 11
    assert found[key(bucket, **MODEL, le="16777216.0")] == 11
    assert found[key(bucket, **MODEL, le="+Inf")] == 111
    assert sum(1 for name, _ in found if name == bucket) == len(DELAY_EDGES_SECONDS) + 1


def test_the_daemon_says_how_it_is() -> None:
    """Instants are in seconds, counters keep their labels, states are 0 or 1."""
    found = scraped([], replace(full_statistics(), ready=False, reload_ok=False))
    assert found[key("sentinel_loop_last_turn_timestamp_seconds")] == NOW_US / 1e6
    assert found[key("sentinel_watermark_timestamp_seconds", **MODEL)] == 1_800_000_000.5
    assert found[key("sentinel_events_total", kind="prediction", result="accepted")] == 5_000
    assert found[key("sentinel_dead_letters_total", reason="not_json")] == 3
    assert found[key("sentinel_dead_letters_total", reason="bad_time")] == 0
    assert found[key("sentinel_http_requests_refused_total", reason="login")] == 6
    assert found[key("sentinel_http_requests_refused_total", reason="host")] == 0
    assert found[key("sentinel_evaluation_duration_seconds_count")] == 3
    assert found[key("sentinel_ready")] == 0
    assert found[key("sentinel_config_last_reload_successful")] == 0
    assert any(name == "process_resident_memory_bytes" for name, _ in found)


OF_WHAT_IS_NOT_CONFIGURED = (
    "sentinel_ledger_",
    "sentinel_partitions_fenced",
    "sentinel_rebuilds",
    "sentinel_http_event",
    "sentinel_dead_letters_stored",
    "sentinel_messages_missed",
)
"""Beginnings of counters of parts that a process may lack: ledger, HTTP ingestion, topic of dead letters, Kafka."""


def test_counters_are_there_from_the_start() -> None:
    """Of what can be counted every series known in advance is 0, so that its first increase is seen."""
    found = scraped([], DaemonStatistics())
    counters = {metric.name for metric in METRICS if metric.type == "counter"} - {"sentinel_log_events_total"}
    counters = {name for name in counters if not name.startswith(OF_WHAT_IS_NOT_CONFIGURED)}
    assert counters <= {name for name, _ in found}
    assert all(value == 0 for (name, _), value in found.items() if name in counters)
    kinds = {
        (dict(labels)["kind"], dict(labels)["result"]) for name, labels in found if name == "sentinel_events_total"
    }
    assert {("prediction", "accepted"), ("outcome", "late"), ("outcome", "orphaned"), ("backfill", "joined")} <= kinds


def test_the_series_of_a_partition_leave_with_it() -> None:
    """After a rebalance a scrape has nothing of the partition that another replica reads now."""
    standing = [full_statistics()]
    own = Collector(lambda: (), lambda: standing[0], lambda: Budget(1_000, 1_000), ManualClock())
    assert b'sentinel_join_pending{partition="1"} 41\n' in own.scrape().body
    standing[0] = replace(standing[0], join_pending={0: 40}, halves_waiting={0: 3}, lag={})
    body = own.scrape().body
    assert b'sentinel_join_pending{partition="0"} 40\n' in body
    assert b'partition="1"' not in body
    assert b"sentinel_consumer_lag_messages" not in body


def test_before_anything_happened() -> None:
    """A daemon that has just come up exposes no instant that has not been, and no report."""
    names = {name for name, _ in scraped([], DaemonStatistics())}
    assert "sentinel_checkpoint_last_success_timestamp_seconds" not in names
    assert not names & {metric.name for metric in FINDING_METRICS}
    assert "sentinel_build_info" in names


@pytest.mark.servers
def test_promtool_finds_nothing_to_say(prometheus_programs: None, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Prometheus's own linter of names, help and types passes a whole scrape."""
    file = tmp_path_factory.mktemp("scrape") / "metrics.txt"
    file.write_bytes(collector([full_report()]).scrape().body)
    assert check_with("sh", "-c", f"promtool check metrics < {file}").strip() == ""


def test_the_age_of_a_baseline_without_times_is_not_made_up() -> None:
    """Where the validation rows have no end that is known, there is no series of it; the other two are there."""
    times = BaselineTimes(created_us=1_500_000, validation_end_us=None, max_age_seconds=3_600.0)
    found = scraped([], replace(full_statistics(), baselines={("churn", "7"): times}))
    assert found[key("sentinel_baseline_created_timestamp_seconds", **MODEL)] == 1.5
    assert found[key("sentinel_baseline_max_age_seconds", **MODEL)] == 3_600.0
    assert not [name for name, _ in found if name == "sentinel_baseline_validation_end_timestamp_seconds"]
