"""Start, reload and stop of the daemon, in process and on port 0."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from sentinel.baseline.artifact import Baseline
from sentinel.config import ConfigError
from sentinel.config.times import rfc3339
from sentinel.errors import BaselineError, FatalError, SentinelError
from tests.app.conftest import CONFIG, RunningDaemon, TrainedWorld
from tests.support.process import PATIENCE_SECONDS, wait_until

MakeDaemon = Callable[[], RunningDaemon]


def _get(running: RunningDaemon, path: str, method: str = "GET") -> tuple[int, str]:
    host, port = running.daemon.address
    request = urllib.request.Request(f"http://{host}:{port}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def _joined(running: RunningDaemon) -> int:
    return running.daemon.reports()[0].counts["joined"]


def test_events_become_a_report_and_metrics(make_daemon: MakeDaemon, world: TrainedWorld) -> None:
    """Everything published is counted, judged, and shown by the API and the scrape alike."""
    running = make_daemon()
    running.daemon.start()
    running.publish(world.queue)
    n_outcomes = sum(event.kind == "outcome" for event in world.queue)
    wait_until(lambda: _joined(running) == n_outcomes, PATIENCE_SECONDS, "all outcomes joined")
    status, body = _get(running, "/api/v1/models/churn/1/report")
    assert status == 200
    report = json.loads(body)
    assert report["counts"]["predictions"] == len(world.simulated.stream)
    assert report["counts"]["dead_letters"] == 0
    _, metrics = _get(running, "/metrics")
    value = next(f["gap"] for f in report["findings"] if f["metric"] == "auc" and f["slice"] == "all")
    sample = next(
        line
        for line in metrics.splitlines()
        if line.startswith("sentinel_gap{") and 'metric="auc"' in line and 'slice="all"' in line
    )
    assert float(sample.rsplit(" ", 1)[1]) == pytest.approx(value)
    assert _get(running, "/livez")[0] == 200
    assert _get(running, "/readyz")[0] == 200


def test_the_console_is_served(make_daemon: MakeDaemon) -> None:
    """The overview leads to the page of each model, also before the first event; a model that is not there is a 404."""
    running = make_daemon()
    running.daemon.start()
    status, overview = _get(running, "/")
    assert (status, '<a href="/models/churn/1">' in overview) == (200, True)
    assert "<a " not in _get(running, "/?show=leakage")[1].partition("<tbody>")[2]
    status, page = _get(running, "/models/churn/1")
    assert (status, "/api/v1/models/churn/1/report" in page) == (200, True)
    assert _get(running, "/models/other/1")[0] == 404
    assert "so nobody may answer" in page
    status, log = _get(running, "/audit")
    assert (status, 'href="/models/churn/1"' in log) == (200, True)  # the first baseline


def test_coverage_is_one_number(make_daemon: MakeDaemon, world: TrainedWorld) -> None:
    """The metric is the report's share of mature predictions, though none is past the horizon yet."""
    running = make_daemon()
    running.daemon.start()
    queue = [event for event in world.queue if event.kind == "prediction" or event.key[-1] % 2]
    running.publish(queue)
    wait_until(
        lambda: _joined(running) == sum(event.kind == "outcome" for event in queue), PATIENCE_SECONDS, "all outcomes"
    )
    wait_until(lambda: running.daemon.reports()[0].counts["predictions"] == 4_000, PATIENCE_SECONDS, "all predictions")
    report = running.daemon.reports()[0]
    assert report.maturity is not None
    assert report.maturity.coverage_ratio is not None
    assert running.daemon.statistics().coverage == {("churn", "1"): report.maturity.coverage_ratio}
    assert 0.0 < report.maturity.coverage_ratio < 1.0
    assert report.counts["matured"] == 0


def test_the_age_of_the_baseline_is_told(make_daemon: MakeDaemon, world: TrainedWorld) -> None:
    """When it was built, when its validation rows end in event time, and how old the configuration lets it be."""
    running = make_daemon()
    running.daemon.start()
    meta = Baseline.load(world.baseline).meta
    (times,) = running.daemon.statistics().baselines.values()
    assert rfc3339(times.created_us) == meta.created_at
    assert times.validation_end_us is not None
    assert rfc3339(times.validation_end_us) == meta.validation_end
    assert times.max_age_seconds == 180 * 86_400
    _, metrics = _get(running, "/metrics")
    for name in ("created_timestamp", "validation_end_timestamp", "max_age"):
        assert f'sentinel_baseline_{name}_seconds{{model="churn",version="1"}} ' in metrics


def test_leak_is_suspected_and_named(make_daemon: MakeDaemon, world: TrainedWorld) -> None:
    """The planted leak raises the leakage alert, whose runbook is linked, and its feature is the first culprit."""
    running = make_daemon()
    text = running.config.read_text()
    running.config.write_text(text.replace("reload_endpoint: true", "runbooks: 'https://wiki.test/{alert}'"))
    running.daemon.start()
    running.publish(world.queue)

    def suspected() -> bool:
        return any(alert.name == "SentinelLeakageSuspected" for alert in running.daemon.reports()[0].alerts)

    wait_until(suspected, PATIENCE_SECONDS, "the leakage alert")
    assert running.daemon.reports()[0].verdict.culprits[0].name == world.simulated.truth.culprits[0]
    assert 'href="https://wiki.test/SentinelLeakageSuspected"' in _get(running, "/models/churn/1")[1]


def test_stop_checkpoints_and_a_new_start_goes_on(make_daemon: MakeDaemon, world: TrainedWorld) -> None:
    """What was counted before a stop is there after the next start, and stopping twice does nothing."""
    first = make_daemon()
    first.daemon.start()
    first.publish(world.queue)
    n_outcomes = sum(event.kind == "outcome" for event in world.queue)
    wait_until(lambda: _joined(first) == n_outcomes, PATIENCE_SECONDS, "all outcomes joined")
    assert first.daemon.stop()
    assert first.daemon.stop()
    before = first.daemon.reports()[0]
    second = make_daemon()
    second.daemon.start()
    wait_until(lambda: _joined(second) == n_outcomes, PATIENCE_SECONDS, "the stored counts")
    after = second.daemon.reports()[0]
    assert after.counts == before.counts
    assert after.findings == before.findings
    told = {(alert.name, alert.severity, alert.fired_at) for alert in before.alerts}
    assert told
    assert told <= {(alert.name, alert.severity, alert.fired_at) for alert in after.alerts}


def test_bad_reload_leaves_the_old_configuration_running(make_daemon: MakeDaemon, world: TrainedWorld) -> None:
    """A configuration with an unknown key is refused with its line; counting goes on and a metric says so."""
    running = make_daemon()
    running.daemon.start()
    good = running.config.read_text()
    running.config.write_text(good + "bogus: 1\n")
    with pytest.raises(SentinelError, match=r"sentinel\.yaml:7.*bogus"):
        running.daemon.reload()
    assert "sentinel_config_last_reload_successful 0" in _get(running, "/metrics")[1]
    assert _get(running, "/-/reload", "POST")[0] == 500
    running.publish(world.queue[:200])
    wait_until(lambda: running.daemon.reports()[0].counts["predictions"] > 0, PATIENCE_SECONDS, "counting to go on")
    running.config.write_text(good)
    running.daemon.reload()
    assert "sentinel_config_last_reload_successful 1" in _get(running, "/metrics")[1]


def test_good_reload_keeps_the_counts(make_daemon: MakeDaemon, world: TrainedWorld) -> None:
    """A reload that changes an alert threshold continues from the checkpoint with a new graph."""
    running = make_daemon()
    running.daemon.start()
    running.publish(world.queue[:1000])
    wait_until(lambda: running.daemon.reports()[0].counts["predictions"] > 0, PATIENCE_SECONDS, "the first counts")
    running.config.write_text(running.config.read_text().replace("baseline:", "alerts: {tolerance: 0.03}, baseline:"))
    running.daemon.reload()
    assert len(running.sources) == 2
    assert running.daemon.reports()[0].counts["predictions"] > 0
    assert _get(running, "/livez")[0] == 200


def test_reload_refuses_what_needs_a_restart(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    """The state directory cannot change under a running daemon, and the message says so."""
    running = make_daemon()
    running.daemon.start()
    text = running.config.read_text()
    running.config.write_text(text.replace(str(tmp_path / "state"), str(tmp_path / "elsewhere")))
    with pytest.raises(SentinelError, match=r"state\.directory.*cannot change while running"):
        running.daemon.reload()


def test_missing_baseline_stops_the_start(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    """A baseline that is not there is one clear error before anything runs."""
    running = make_daemon()
    running.config.write_text(CONFIG.format(baseline=tmp_path / "nowhere.baseline", state=tmp_path / "state"))
    with pytest.raises(BaselineError, match=r"nowhere\.baseline"):
        running.daemon.start()


def test_taken_port_stops_the_start(make_daemon: MakeDaemon) -> None:
    """A port in use is one clear error that names the address."""
    first = make_daemon()
    first.daemon.start()
    host, port = first.daemon.address
    second = make_daemon()
    second.config.write_text(second.config.read_text().replace("127.0.0.1:0", f"{host}:{port}"))
    with pytest.raises(FatalError, match=f"cannot listen on {host}:{port}"):
        second.daemon.start()


def test_garbage_is_counted_and_does_not_stop_the_stream(make_daemon: MakeDaemon, world: TrainedWorld) -> None:
    """Poison among good events ends in the dead-letter file and the metrics; the good ones are all counted."""
    running = make_daemon()
    running.daemon.start()
    good = [event for event in world.queue if event.kind == "prediction"][:100]
    running.publish([event._replace(payload=b"\x00garbage", key=b"bad") for event in good[:5]] + good)
    wait_until(lambda: running.daemon.reports()[0].counts["predictions"] == 100, PATIENCE_SECONDS, "the good events")
    metrics = _get(running, "/metrics")[1]
    assert 'sentinel_dead_letters_total{reason="not_json"} 5' in metrics
    assert 'sentinel_events_total{kind="prediction",result="dead_letter"} 5' in metrics


def test_a_reload_neither_drops_nor_repeats_what_was_counted(make_daemon: MakeDaemon, world: TrainedWorld) -> None:
    """The counters of a process go on over a new configuration: no fall that rates would take for a restart."""
    running = make_daemon()
    running.daemon.start()
    good = [event for event in world.queue if event.kind == "prediction"][:100]
    running.publish([good[0]._replace(payload=b"\x00garbage", key=b"bad"), *good])
    wait_until(lambda: running.daemon.reports()[0].counts["predictions"] == 100, PATIENCE_SECONDS, "the good events")
    counted = {("prediction", "accepted"): 100, ("prediction", "dead_letter"): 1}
    assert running.daemon.statistics().events == counted
    running.daemon.reload()
    assert running.daemon.statistics().events == counted
    assert running.daemon.statistics().dead_letters == {"not_json": 1}
    wait_until(lambda: _get(running, "/readyz")[0] == 200, PATIENCE_SECONDS, "the new configuration to be ready")
    assert running.daemon.statistics().events == counted


def test_a_bad_web_file_stops_the_start_and_later_only_shows(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    """At the start it is one clear line and nothing runs; while running the old version stands and a metric is 0."""
    running, file = make_daemon(), tmp_path / "web.yml"
    text = running.config.read_text().replace("reload_endpoint: true", "config_file: web.yml")
    running.config.write_text(text)
    file.write_text("tls_server: {}\n")
    with pytest.raises(ConfigError, match=r"web\.yml:1:1: unknown key 'tls_server'"):
        running.daemon.start()
    file.write_text("{}\n")
    running.daemon.start()
    line = "sentinel_config_last_reload_successful"

    def shown(value: str) -> bool:
        return f"\n{line} {value}\n" in _get(running, "/metrics")[1]

    assert shown("1")
    file.write_text("basic_auth_users: {alice: plain}\n")
    wait_until(lambda: shown("0"), PATIENCE_SECONDS, "the metric to say so")
    file.write_text("{}\n# mended\n")
    wait_until(lambda: shown("1"), PATIENCE_SECONDS, "the metric to forget it")
