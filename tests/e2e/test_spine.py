"""The whole way: a stream through a real Kafka into the daemon, scraped by a real Prometheus, to a real webhook."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from sentinel.cli import main
from sentinel.simulation import simulate
from sentinel.simulation.events import Event, events
from sentinel.simulation.files import write_files
from tests.conftest import StartPrometheusStack
from tests.support.daemon import daemon_on, produce, write_config
from tests.support.kafka_broker import KafkaBroker, unique_name
from tests.support.real_streams import real_stream

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "alerts.yaml"
PARTITIONS = 4
ALERT_SECONDS = 180.0
LEAKAGE = "SentinelLeakageSuspected"


@pytest.mark.kafka
@pytest.mark.servers
@pytest.mark.slow
def test_planted_leak_reaches_the_webhook(
    tmp_path: Path, kafka_broker: KafkaBroker, prometheus_stack: StartPrometheusStack
) -> None:
    """A simulated leak becomes a leakage alert at the webhook, and the report names the planted feature."""
    simulated = simulate("target_leakage", seed=11, n_stream=6_000)
    files = write_files(simulated, tmp_path / "data")
    queue = list(events(simulated.stream, model=simulated.model, version="1", slices=simulated.slices))
    culprit = _run(
        tmp_path, kafka_broker, prometheus_stack, files.config, files.validation, queue, "churn", simulated.slices
    )
    assert culprit == simulated.truth.culprits[0]


@pytest.mark.kafka
@pytest.mark.servers
@pytest.mark.slow
def test_real_leak_reaches_the_webhook(
    tmp_path: Path, kafka_broker: KafkaBroker, prometheus_stack: StartPrometheusStack
) -> None:
    """A real leaky model on real flights becomes a leakage alert at the webhook, and the report names carrier_delay."""
    import pandas as pd

    directory = real_stream("flights_posthoc", "leaky_missingness")
    config = tmp_path / "sentinel.yaml"
    config.write_text(
        "apiVersion: sentinel/v1\nmodels:\n  - {name: flights, version: '1', slices: [s_carrier, s_origin_top]}\n"
    )
    stream = pd.read_parquet(directory / "stream.parquet").head(8_000)
    slices = ("s_carrier", "s_origin_top")
    queue = list(events(stream, model="flights", version="1", slices=slices))
    validation = directory / "validation.parquet"
    culprit = _run(tmp_path, kafka_broker, prometheus_stack, config, validation, queue, "flights", slices)
    assert culprit == "carrier_delay"


def _run(
    scratch: Path,
    broker: KafkaBroker,
    start_stack: StartPrometheusStack,
    config: Path,
    validation: Path,
    queue: list[Event],
    model: str,
    slices: tuple[str, ...],
) -> str:
    """Drive the stream through; returns the first culprit that the report names."""
    baseline = scratch / "model.baseline"
    assert (
        main(["baseline", "build", "--config", str(config), "--validation", str(validation), "--output", str(baseline)])
        == 0
    )
    topics = (unique_name("predictions"), unique_name("outcomes"))
    for topic in topics:
        broker.create_topic(topic, PARTITIONS)
    settings = write_config(
        scratch / "daemon.yaml",
        baseline=baseline,
        state=scratch / "state",
        broker=broker,
        topics=topics,
        group=unique_name("group"),
        model=model,
        slices=slices,
    )
    with daemon_on(scratch, settings) as daemon:
        daemon.start()
        daemon.wait_ready()
        stack = start_stack({"sentinel": [daemon.address]}, [RULES])
        produce(broker, topics, queue)
        needed_at = time.monotonic()
        notification = stack.webhook.wait_for(
            lambda payload: any(a["labels"]["alertname"] == LEAKAGE for a in payload["alerts"]), ALERT_SECONDS
        )
        print(
            f"{model}: webhook {notification.arrived_seconds - needed_at:.1f} s after the last outcome", file=sys.stderr
        )
        alert = next(a for a in notification.payload["alerts"] if a["labels"]["alertname"] == LEAKAGE)
        assert alert["status"] == "firing"
        assert alert["labels"]["model"] == model
        assert model in alert["annotations"]["description"]
        daemon.wait_joined(sum(event.kind == "outcome" for event in queue), ALERT_SECONDS, model)
        report = daemon.report(model)
        gap = next(f for f in report["findings"] if f["metric"] == "auc" and f["slice"] == "all")
        assert gap["gap"] > 0.05
        assert gap["lower"] > 0
        assert stack.prometheus.query(f'sentinel_gap{{model="{model}",metric="auc",slice="all"}}')
        assert daemon.stop() == 0
    name: str = report["verdict"]["culprits"][0]["name"]
    return name
