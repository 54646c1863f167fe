"""What the daemon keeps in its audit log: answers with their evidence, configurations, baselines."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sentinel import cli
from sentinel.baseline.artifact import Baseline
from sentinel.config import ConfigError
from sentinel.diagnosis.report import Cause, is_acknowledged
from sentinel.diagnosis.signatures import MEANINGS
from sentinel.pipeline import audit_log
from sentinel.simulation.answers import YOURS, answered_runs
from tests.app.conftest import RunningDaemon, TrainedWorld
from tests.support.process import PATIENCE_SECONDS, wait_until

TOKEN = "t0k3n-" + "a" * 40
MakeDaemon = Callable[[], RunningDaemon]


def _lock(running: RunningDaemon, tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text(f"alice {TOKEN}\n", encoding="utf-8")
    text = running.config.read_text(encoding="utf-8")
    login = "reload_endpoint: true, bearer_token_file: tokens, writers: [alice]"
    running.config.write_text(text.replace("reload_endpoint: true", login), encoding="utf-8")


def _ask(running: RunningDaemon, path: str, body: object = None) -> Any:
    host, port = running.daemon.address
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(
        urllib.request.Request(f"http://{host}:{port}{path}", data, headers), timeout=10
    ) as got:
        text = got.read()
    return text.decode() if path in ("/metrics", "/-/reload") else json.loads(text)


def _entries(running: RunningDaemon, kind: str) -> list[dict[str, Any]]:
    entries = _ask(running, f"/api/v1/audit?kind={kind}")["entries"]
    return [{"who": entry["who"], **entry["details"]} for entry in reversed(entries)]


def test_an_answer_reaches_report_metric_and_training(
    make_daemon: MakeDaemon, world: TrainedWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the request over the report, the metric and a restart to a run that a scorecard may learn from."""
    running = make_daemon()
    _lock(running, tmp_path)
    running.daemon.start()
    running.publish(world.queue)
    n_outcomes = sum(event.kind == "outcome" for event in world.queue)
    wait_until(
        lambda: running.daemon.reports()[0].counts["joined"] == n_outcomes, PATIENCE_SECONDS, "all outcomes joined"
    )
    assert 'sentinel_verdict_acknowledged{model="churn",version="1"} 0' in _ask(running, "/metrics")
    body = {"answer": "other_cause", "note": "the join was late", "true_cause": "train_serve_skew"}
    told = _ask(running, "/api/v1/models/churn/1/acknowledgements", body)["acknowledgement"]
    assert told["cause"] == "target_leakage"
    report = running.daemon.reports()[0]
    assert is_acknowledged(report)
    assert told["baseline"] == report.baseline.digest
    assert told["probabilities"] == report.verdict.probabilities
    assert told["scorecard"] == report.verdict.scorecard
    assert 'sentinel_verdict_acknowledged{model="churn",version="1"} 1' in _ask(running, "/metrics")
    assert _ask(running, "/api/v1/models/churn/1/report")["acknowledgement"] == told
    running.daemon.stop()

    again = make_daemon()
    again.daemon.start()
    assert again.daemon.reports()[0].acknowledgement == report.acknowledgement
    state, output = tmp_path / "state", tmp_path / "answers.jsonl"
    assert cli.main(["acknowledgements", "verify", "--state", str(state)]) == 0
    assert cli.main(["acknowledgements", "list", "--state", str(state)]) == 0
    assert "other_cause (train_serve_skew)  alice: the join was late" in capsys.readouterr().out
    assert cli.main(["acknowledgements", "export", "--state", str(state), "--output", str(output)]) == 0
    (run,) = answered_runs(output)
    assert (run.cause, run.world, run.generator) == (Cause.TRAIN_SERVE_SKEW, "yours/churn@1", YOURS)
    assert len(run.values) == len(MEANINGS)
    assert run.values[list(MEANINGS).index("gap_size")] > 0
    assert "join was late" not in output.read_text(encoding="utf-8")


def test_changes_of_configuration_and_baseline_are_noted(
    make_daemon: MakeDaemon, world: TrainedWorld, tmp_path: Path
) -> None:
    """By name, with who did it; a failed reload too; a restart notes what changed meanwhile, and nothing else."""
    running = make_daemon()
    _lock(running, tmp_path)
    running.daemon.start()
    digest = Baseline.load(world.baseline).digest
    assert _entries(running, "baseline") == [
        {"who": "start", "model": "churn", "version": "1", "before": None, "after": digest, "promoted": None}
    ]
    assert [(each["who"], each["changed"]) for each in _entries(running, "configuration")] == [("start", [])]

    old = Baseline.load(world.baseline)
    meta = msgspec.structs.replace(old.meta, created_at="2030-01-01T00:00:00Z")
    dataclasses.replace(old, meta=meta).save(tmp_path / "other.baseline")
    text = running.config.read_text(encoding="utf-8")
    running.config.write_text(text.replace(str(world.baseline), str(tmp_path / "other.baseline")), encoding="utf-8")
    _ask(running, "/-/reload", {})
    new = Baseline.load(tmp_path / "other.baseline").digest
    assert new != digest
    assert _entries(running, "baseline")[1:] == [
        {"who": "alice", "model": "churn", "version": "1", "before": digest, "after": new, "promoted": None}
    ]
    text = running.config.read_text(encoding="utf-8")
    running.config.write_text(text.replace("100ms", "200ms"), encoding="utf-8")
    with pytest.raises(ConfigError):
        running.daemon.reload()
    noted = [(each["who"], each["succeeded"], each["changed"]) for each in _entries(running, "configuration")[1:]]
    assert noted == [
        ("alice", True, ["models['churn/1'].baseline"]),
        ("SIGHUP", False, ["state.checkpoint_interval"]),
    ]
    running.daemon.stop()

    for _ in range(2):
        again = make_daemon()
        again.daemon.start()
        entries = _entries(again, "configuration")[3:]
        assert [each["changed"] for each in entries] == [["state.checkpoint_interval"]]
        assert len(_entries(again, "baseline")) == 2
        again.daemon.stop()


def test_a_full_disk_does_not_stop_a_reload(
    make_daemon: MakeDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be noted is told by the log of the process, and the new configuration runs."""
    running = make_daemon()
    _lock(running, tmp_path)
    running.daemon.start()

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(audit_log.AuditLog, "_write", refuse)
    running.daemon.reload()
    assert running.daemon.statistics().reload_ok
    assert len(_entries(running, "configuration")) == 1
