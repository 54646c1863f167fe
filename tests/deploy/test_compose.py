"""The demonstration by docker compose: its file, what it mounts, and what its producer does to a real broker."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from kafka.errors import KafkaTimeoutError

from sentinel import cli
from sentinel.config import load_config
from tests.support import tools
from tests.support.daemon import daemon_on
from tests.support.kafka_broker import KafkaBroker, unique_name
from tests.support.kafka_jars import fetch_jars
from tests.support.process import PATIENCE_SECONDS, ServerError

FOLDER = tools.ROOT / "deploy/compose"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
PROVISIONING = tools.ROOT / "deploy/grafana/provisioning"
DATASOURCES = yaml.safe_load((PROVISIONING / "datasources/prometheus.yaml").read_text())
PROVIDERS = yaml.safe_load((PROVISIONING / "dashboards/sentinel.yaml").read_text())
JOIN_SECONDS = 60.0
N_PREDICTIONS = 1_500


def producer() -> ModuleType:
    """The producer's program, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("compose_producer", FOLDER / "producer.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def mounts(service: str) -> dict[str, str]:
    """Where a service has what: its path in the container, and what lies there."""
    return {target: source for source, target, *_ in (each.split(":") for each in SERVICES[service].get("volumes", []))}


def test_it_keeps_the_compose_specification() -> None:
    """The published schema finds nothing."""
    check = tools.need("check-jsonschema", "compose.yaml is not held against its schema")
    command = [check, "--builtin-schema", "vendor.compose-spec", str(FOLDER / "compose.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == 0, done.stdout


def test_every_image_is_pinned_or_built_here() -> None:
    """By tag and digest, or from a stage that the Dockerfile has."""
    stages = re.findall(r"^FROM \S+ AS (\S+)$", (tools.ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE)
    for name, service in SERVICES.items():
        if "build" not in service:
            assert re.fullmatch(r"[a-z]+/[a-z]+:v?[0-9.]+@sha256:[0-9a-f]{64}", service["image"]), name
            continue
        assert (FOLDER / service["build"]["context"] / service["build"]["dockerfile"]).is_file(), name
        assert service["build"]["target"] in stages, name


def test_what_is_mounted_is_there() -> None:
    """Each file and folder of the repository exists, is mounted read-only, and each volume is declared."""
    for service in SERVICES.values():
        for each in service.get("volumes", []):
            source, _, *mode = each.split(":")
            if source.startswith("."):
                assert (FOLDER / source).exists(), each
                assert mode == ["ro"], each
            else:
                assert source in COMPOSE["volumes"], each


def test_only_this_machine_reaches_a_port_and_nothing_has_more_rights_than_it_needs() -> None:
    """Ports are bound to the loopback address; ours run restricted, and no service is privileged."""
    for name, service in SERVICES.items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert not {"privileged", "network_mode", "pid", "cap_add"} & set(service), name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("read_only", False) is ("build" in service), name


def test_the_services_know_each_other() -> None:
    """Brokers, targets, Alertmanagers and data sources are services of the file, and who is waited for is there."""
    config = load_config(FOLDER / "sentinel.yaml")
    assert config.source is not None
    assert config.source.kafka is not None
    prometheus = yaml.safe_load((FOLDER / "../prometheus/prometheus.yml").resolve().read_text())
    targets = [t for job in prometheus["scrape_configs"] for each in job["static_configs"] for t in each["targets"]]
    alertmanagers = prometheus["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    urls = [source["url"].removeprefix("http://") for source in DATASOURCES["datasources"]]
    hosts = {each.split(":")[0] for each in [*config.source.kafka.bootstrap_servers, *targets, *alertmanagers, *urls]}
    assert hosts - {"localhost"} <= set(SERVICES)
    assert {name for service in SERVICES.values() for name in service.get("depends_on", [])} <= set(SERVICES)
    assert f"sentinel:{config.web.address[1]}" in targets


def test_kafka_takes_its_configuration(tmp_path: Path) -> None:
    """Kafka's own tool formats a store with what the image makes of the variables."""
    java = tools.need("java", "the broker's configuration is not checked")
    try:
        jars = fetch_jars()
    except ServerError as error:
        tools.missing(f"the broker's configuration is not checked: {error}")
    settings = {**SERVICES["kafka"]["environment"], "KAFKA_LOG_DIRS": str(tmp_path / "data")}
    cluster = settings.pop("CLUSTER_ID")
    properties = tmp_path / "server.properties"
    lines = [f"{name.removeprefix('KAFKA_').lower().replace('_', '.')}={value}" for name, value in settings.items()]
    properties.write_text("\n".join(lines))
    tool = [java, "-cp", f"{jars}/*", "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)]
    done = subprocess.run(tool, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"cluster.id={cluster}" in (tmp_path / "data/meta.properties").read_text()
    advertised = dict(each.split("://") for each in settings["KAFKA_ADVERTISED_LISTENERS"].split(","))
    assert advertised["PLAINTEXT"] == "kafka:9092"
    (port,) = SERVICES["kafka"]["ports"]
    assert port == f"127.0.0.1:{advertised['HOST'].rpartition(':')[2]}:{advertised['HOST'].rpartition(':')[2]}"


def test_grafana_is_given_the_dashboards_and_their_data() -> None:
    """The folder that the provider reads holds the repository's, and one data source is there by default."""
    (provider,) = PROVIDERS["providers"]
    shown = FOLDER / mounts("grafana")[provider["options"]["path"]]
    assert shown.resolve() == tools.ROOT / "dashboards"
    assert [source["type"] for source in DATASOURCES["datasources"] if source["isDefault"]] == ["prometheus"]
    assert (FOLDER / mounts("grafana")["/etc/grafana/provisioning"]).resolve() == PROVISIONING


def test_the_commands_are_understood(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Producer and daemon take the arguments of the file, and look for the configuration where it is mounted."""
    program = producer()
    for name in ("prepare", "producer"):
        command = [re.sub(r"\$\{\w+:-(.*)\}", r"\1", part) for part in SERVICES[name]["command"]]
        assert program._parser().parse_args(command).bootstrap == "kafka:9092"
    for arguments in ([], ["play", "--seconds", "-1"], ["play", "--scenario", "none of them"]):
        with pytest.raises(SystemExit):
            program.main(arguments)
    path = SERVICES["sentinel"]["command"][-1]
    assert path in mounts("sentinel")
    assert cli.main([*SERVICES["sentinel"]["command"][:-1], str(tmp_path / "absent.yaml")]) == 1
    assert "absent.yaml" in capsys.readouterr().err


def test_a_broker_that_is_not_there_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The producer names it and ends with status 1."""
    program = producer()

    def refuse(**_: object) -> None:
        raise KafkaTimeoutError("Unable to bootstrap from kafka:9092")

    monkeypatch.setattr(program, "KafkaAdminClient", refuse)
    assert program.main(["prepare", "--bootstrap", "kafka:9092", "--directory", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "producer: KafkaTimeoutError: Unable to bootstrap from kafka:9092\n"


@pytest.mark.kafka
def test_what_the_producer_sends_is_judged(tmp_path: Path, kafka_broker: KafkaBroker) -> None:
    """Prepared once, played to a real broker, and joined to the last outcome by the daemon of sentinel.yaml."""
    if kafka_broker.client_options:
        pytest.skip("a mock broker needs options that the producer does not have")
    program, topics = producer(), unique_name("compose")
    common = ["--bootstrap", kafka_broker.bootstrap, "--topics", topics, "--predictions", str(N_PREDICTIONS)]
    prepare = ["prepare", *common, "--directory", str(tmp_path)]
    assert program.main(prepare) == 0
    written = (tmp_path / program.BASELINE).stat().st_mtime_ns
    assert program.main(prepare) == 0  # what is there is kept
    assert (tmp_path / program.BASELINE).stat().st_mtime_ns == written
    assert program.main(["play", *common, "--seconds", "0"]) == 0

    changed = {
        "/demo/": f"{tmp_path}/",
        '"kafka:9092"': f'"{kafka_broker.bootstrap}"',
        "churn.predictions": f"{topics}.predictions",
        "churn.outcomes": f"{topics}.outcomes",
        "churn.summaries": f"{topics}.summaries",
        "churn.verdicts": f"{topics}.verdicts",
        "churn.dead-letters": f"{topics}.dead-letters",
        "{directory: /var/lib/sentinel}": f"{{directory: {tmp_path}/state, checkpoint_interval: 1s}}",
        "interval: 5s": "interval: 1s",
        "group_instance_id: sentinel-0": f"group_id: {topics}",
    }
    text = (FOLDER / "sentinel.yaml").read_text(encoding="utf-8")
    for old, new in changed.items():
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "sentinel.yaml").write_text(text)
    with daemon_on(tmp_path, tmp_path / "sentinel.yaml") as daemon:
        daemon.start()
        daemon.wait_ready()
        daemon.wait_joined(1_000, JOIN_SECONDS)
        assert daemon.report()["model"] == "churn"
