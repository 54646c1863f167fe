"""A daemon that takes events in over HTTP, in process and on port 0."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sentinel.app.daemon import Daemon
from sentinel.app.sources import make_source
from sentinel.clock import SystemClock
from sentinel.config import ConfigError, load_config
from sentinel.config.times import rfc3339
from sentinel.events.batch import Reason
from sentinel.simulation.events import Event
from tests.app.conftest import TrainedWorld
from tests.support.http_daemon import NDJSON, batches
from tests.support.process import PATIENCE_SECONDS, wait_until

KSERVE = "org.kubeflow.serving.inference"
MakeDaemon = Callable[..., Daemon]


@pytest.fixture
def make_daemon(tmp_path: Path, world: TrainedWorld) -> Iterator[MakeDaemon]:
    """Make daemons on one state directory; each is stopped at the end of the test."""
    made: list[Daemon] = []
    path = tmp_path / "sentinel.yaml"
    (tmp_path / "tokens").write_text("serving 0123456789abcdef\n")

    def make(http: dict[str, Any] | None = None, **web: Any) -> Daemon:
        settings = {
            "apiVersion": "sentinel/v1",
            "models": [
                {"name": "churn", "version": "1", "slices": ["region", "plan"], "baseline": str(world.baseline)}
            ],
            "source": {"http": http or {}},
            "state": {"directory": str(tmp_path / "state"), "checkpoint_interval": "100ms"},
            "evaluation": {"interval": "1s"},
            "web": {"listen": "127.0.0.1:0", **web},
        }
        path.write_bytes(msgspec.yaml.encode(settings))
        made.append(Daemon(lambda: load_config(path), make_source, SystemClock()))
        return made[-1]

    yield make
    for daemon in made:
        daemon.stop()


def _ask(
    daemon: Daemon, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, str]:
    host, port = daemon.address
    request = urllib.request.Request(f"http://{host}:{port}{path}", body, headers or {"Content-Type": NDJSON})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def _post(daemon: Daemon, body: bytes, headers: dict[str, str] | None = None, query: str = "") -> None:
    wait_until(
        lambda: _ask(daemon, f"/v1/events{query}", body, headers)[0] == 202, PATIENCE_SECONDS, "the events to be taken"
    )


def _joined(daemon: Daemon) -> int:
    return daemon.reports()[0].counts["joined"]


def _n_outcomes(queue: list[Event]) -> int:
    return sum(event.kind == "outcome" for event in queue)


def test_posted_events_become_a_report(make_daemon: MakeDaemon, world: TrainedWorld) -> None:
    """Everything that was acknowledged is counted; readiness, lag and the metrics of the door say how it stands."""
    daemon = make_daemon()
    daemon.start()
    for body in batches(world.queue, 500):
        _post(daemon, body)
    wait_until(lambda: _joined(daemon) == _n_outcomes(world.queue), PATIENCE_SECONDS, "all outcomes joined")
    assert daemon.reports()[0].counts["predictions"] == len(world.simulated.stream)
    assert _ask(daemon, "/readyz")[0] == 200
    metrics = _ask(daemon, "/metrics")[1]
    assert f'sentinel_http_events_total{{result="accepted"}} {len(world.queue)}\n' in metrics
    assert 'sentinel_consumer_lag_messages{topic="http.outcomes",partition="0"} 0\n' in metrics
    assert "sentinel_http_event_log_limit_bytes 4294967296\n" in metrics
    assert 'sentinel_http_event_log_write_seconds_bucket{le="+Inf"} ' in metrics


def test_a_restart_goes_on_with_what_was_not_counted(make_daemon: MakeDaemon, world: TrainedWorld) -> None:
    """Two daemons after each other, each given half of the events, count all of them."""
    half = len(world.queue) // 2
    for part in (world.queue[:half], world.queue[half:]):
        daemon = make_daemon()
        daemon.start()
        for body in batches(part, 1_000):
            _post(daemon, body)
        daemon.stop()
    daemon = make_daemon()
    daemon.start()
    wait_until(lambda: _joined(daemon) == _n_outcomes(world.queue), PATIENCE_SECONDS, "all outcomes joined")


def test_events_are_taken_while_the_configuration_changes(make_daemon: MakeDaemon, world: TrainedWorld) -> None:
    """Through reload after reload not one request is refused, and everything is counted once."""
    daemon = make_daemon()
    daemon.start()
    bodies = batches(world.queue, 50)
    _post(daemon, bodies[0])
    statuses: list[int] = []
    poster = threading.Thread(
        target=lambda: statuses.extend(_ask(daemon, "/v1/events", each)[0] for each in bodies[1:])
    )
    poster.start()
    n_reloads = 0
    while poster.is_alive() and n_reloads < 20:
        daemon.reload()
        n_reloads += 1
    poster.join()
    assert n_reloads > 1
    assert set(statuses) == {202}
    wait_until(lambda: _joined(daemon) == _n_outcomes(world.queue), PATIENCE_SECONDS, "all outcomes joined")
    assert daemon.reports()[0].counts["predictions"] == len(world.simulated.stream)
    assert daemon.statistics().dead_letters.get(Reason.DUPLICATE, 0) == 0


def test_kserve_posts_to_it_directly(make_daemon: MakeDaemon, world: TrainedWorld) -> None:
    """Requests and responses as its logger sends them, in any order, join into predictions; outcomes meet them."""
    predictions = [json.loads(event.payload) for event in world.queue if event.kind == "prediction"][:40]
    names = sorted({**predictions[0]["features"], **predictions[0].get("slices", {})})
    inference = {"model": "churn", "version": "1", "feature_names": names}
    daemon = make_daemon({"formats": {"predictions": {"shape": "kserve", "inference": inference}}})
    daemon.start()
    for number, event in enumerate(predictions):
        row = {**event["features"], **event.get("slices", {})}
        halves = [
            ("request", {"instances": [[row.get(name) for name in names]]}),
            ("response", {"predictions": [event["score"]]}),
        ]
        for kind, data in halves if number % 2 else reversed(halves):
            headers = {
                "Content-Type": "application/json",
                "Ce-Specversion": "1.0",
                "Ce-Id": event["prediction_id"],
                "Ce-Source": "http://localhost:9081/",
                "Ce-Type": f"{KSERVE}.{kind}",
                "Ce-Time": event["predicted_at"],
                "Ce-Inferenceservicename": "churn",
                "Ce-Component": "predictor",
                "Ce-Endpoint": "default",
                "Ce-Namespace": "models",
            }
            _post(daemon, json.dumps(data).encode(), headers)
    ids = {event["prediction_id"].encode() for event in predictions}
    outcomes = [event.payload for event in world.queue if event.kind == "outcome" and event.key in ids]
    _post(daemon, b"\n".join(outcomes), query="?kind=outcome")
    wait_until(lambda: _joined(daemon) == len(outcomes), PATIENCE_SECONDS, "all outcomes joined")
    assert daemon.reports()[0].counts["predictions"] == 40
    assert daemon.reports()[0].counts["dead_letters"] == 0


def test_a_token_decides_who_posts(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    """With a login, the producer's token opens the door, and nothing else does."""
    tokens = {"bearer_token_file": str(tmp_path / "tokens"), "producers": ["serving"]}
    daemon = make_daemon(**tokens)
    daemon.start()
    at = rfc3339(SystemClock().now_us())
    event = {"kind": "prediction", "model": "churn", "version": "1", "prediction_id": "a", "predicted_at": at}
    body = json.dumps({**event, "score": 0.5}).encode()
    _post(daemon, body, {"Content-Type": NDJSON, "Authorization": "Bearer 0123456789abcdef"})
    assert _ask(daemon, "/v1/events", body)[0] == 401


@pytest.mark.parametrize(
    ("web", "http", "message"),
    [
        ({"bearer_token_file": "tokens"}, {}, "source.http: nobody may post events"),
        ({"listen": "0.0.0.0:0"}, {}, "source.http: 0.0.0.0 is open to a network and nobody has to log in"),
    ],
)
def test_a_door_that_opens_to_nobody_stops_the_start(
    make_daemon: MakeDaemon, tmp_path: Path, web: dict[str, Any], http: dict[str, Any], message: str
) -> None:
    """Nothing would ever be counted, so the daemon says which setting lets somebody in."""
    if "bearer_token_file" in web:
        web = {"bearer_token_file": str(tmp_path / "tokens")}
    with pytest.raises(ConfigError, match=message):
        make_daemon(http, **web).start()


def test_an_open_port_may_be_wanted(make_daemon: MakeDaemon) -> None:
    """allow_anonymous says so, and the daemon starts."""
    make_daemon({"allow_anonymous": True}, listen="0.0.0.0:0").start()
