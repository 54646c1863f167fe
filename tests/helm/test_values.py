"""The chart's values: their schema, what it refuses, and the README that is made of them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import sentinel
from helm import readme
from sentinel import cli
from tests.exposition.certificates import Authority
from tests.helm.chart import (
    CASES,
    CHART,
    LINKS,
    NAMES,
    ROOT,
    case,
    config_of,
    helm,
    merged,
    read,
    rendered,
    schema,
    template,
    values_of,
)

DEFAULTS = CHART / "values.yaml"
TOKEN_NAMES = ("serving", "billing", "ml-platform")
"""Who logs in with a token in the examples."""
FREE_FORM = {"global", "config"}
"""Objects whose keys the chart leaves to somebody else: Helm, and the daemon, which is strict itself."""


def paths(values: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The places of all values that are no mappings, or empty ones."""
    if not isinstance(values, dict) or not values:
        yield place
        return
    for key, value in values.items():
        yield from paths(value, (*place, key))


def test_the_chart_installs_this_version() -> None:
    """The application's version is the package's, and the image's tag follows it."""
    assert read(CHART / "Chart.yaml")["appVersion"] == sentinel.__version__
    assert read(DEFAULTS)["image"]["tag"] == ""


@pytest.mark.parametrize(("link", "target"), LINKS.items(), ids=list(LINKS))
def test_rules_and_dashboards_have_one_source(link: str, target: Path) -> None:
    """The chart links to them, and a checkout that turned the link into text is told; a source archive has a copy."""
    if (ROOT / "PKG-INFO").exists() and target.is_dir():
        assert {path.name: path.read_bytes() for path in (CHART / link).iterdir()} == {
            path.name: path.read_bytes() for path in target.iterdir()
        }
        return
    assert (CHART / link).is_symlink()
    assert (CHART / link).resolve(strict=True) == target
    assert not (CHART / link).readlink().is_absolute()


def test_the_schema_knows_every_value() -> None:
    """It is a valid JSON Schema that lists the values' keys at every level, and no others."""
    jsonschema.Draft202012Validator.check_schema(schema())
    assert schema()["additionalProperties"] is False
    assert set(read(DEFAULTS)) == set(schema()["properties"]) - {"global"}
    for place in paths(read(DEFAULTS)):
        node = schema()
        for key in () if place[0] in FREE_FORM else place:
            while "$ref" in node:
                node = schema()["$defs"][node["$ref"].rpartition("/")[2]]
            if "properties" not in node:
                break  # labels, annotations, and what Kubernetes knows better
            assert node.get("additionalProperties") is False, place
            assert key in node["properties"], place
            node = node["properties"][key]


@pytest.mark.parametrize("name", [None, *NAMES])
def test_the_values_keep_their_schema(name: str | None) -> None:
    """The defaults and each example, laid over the defaults, are valid."""
    values = read(DEFAULTS) if name is None else values_of(name)
    jsonschema.Draft202012Validator(schema()).validate(values)


def test_every_value_is_used_by_an_example() -> None:
    """Each switch is on in one example at least, so that what it makes is checked."""
    switches = {place for place in paths(read(DEFAULTS)) if place[-1] == "enabled"}
    values = [values_of(name) for name in NAMES]

    def at(place: tuple[str, ...], of: Any) -> Any:
        for key in place:
            of = of[key]
        return of

    assert {place for place in switches if not any(at(place, each) for each in values)} == set()
    assert {each["mode"] for each in values} == {"single", "split"}


@pytest.mark.parametrize("name", NAMES)
def test_the_values_make_a_configuration_that_sentinel_takes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is rendered passes `sentinel check-config`, once the secrets are files; so does what commands are given."""
    manifests = rendered(name)
    file = tmp_path / "sentinel.yaml"
    for place in ("kafka-auth/password", "kafka-ca/ca.crt", "kafka-client/user.crt", "kafka-client/user.key"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text("x")
    for place in ("sentinel/password", "sentinel/ca.crt", "schema-registry/password"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text("x")
    shutil.copy(Authority(tmp_path).cert, tmp_path / "schema-registry/ca.crt")
    (tmp_path / "hash-key").mkdir()
    (tmp_path / "hash-key/key").write_text("0123456789abcdef" * 2)
    (tmp_path / "web-config").mkdir()
    (tmp_path / "web-config/web-config.yml").write_text("{}")
    (tmp_path / "client").mkdir()
    for place in ("web-config/tokens", "client/tokens"):
        (tmp_path / place).write_text("".join(f"{name} {name * 8}\n" for name in TOKEN_NAMES))
    monkeypatch.setenv("POD_NAME", "sentinel-0")
    monkeypatch.setenv("KAFKA_USERNAME", "sentinel")
    shown = {}
    for key in ("sentinel.yaml", "client.yaml"):
        file.write_text(json.dumps(config_of(manifests, key)).replace("/run/secrets", str(tmp_path)))
        assert cli.main(["check-config", str(file), "--format", "json", "--show"]) == 0
        shown[key] = json.loads(capsys.readouterr().out)["config"]
    daemon, client = shown["sentinel.yaml"], shown["client.yaml"]
    kafka = daemon["source"]["kafka"]
    assert (kafka is None) is (daemon["source"]["http"] is not None)
    assert kafka is None or kafka["group_instance_id"] == "sentinel-0"
    assert [model["baseline"] for model in daemon["models"]] == ["/baselines/churn-7.baseline"]
    assert daemon["state"]["directory"] == "/var/lib/sentinel"
    assert client["source"] is None
    assert client["models"] == daemon["models"]


@pytest.mark.parametrize("name", [None, *NAMES])
def test_the_chart_passes_the_strict_linter(name: str | None) -> None:
    """`helm lint --strict` has no complaint, with each file of values and with none."""
    values: list[str | Path] = [] if name is None else ["--values", case(name)]
    done = helm("lint", "--strict", CHART, *values)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "over", "fault"),
    [
        ("minimal", {"config.models": []}, "config.models: name at least one model, with name, version and baseline"),
        ("minimal", {"config.source.kafka.bootstrap_servers": []}, "kafka.bootstrap_servers: name at least one broker"),
        ("minimal", {"config.source.kafka.topics.outcomes": ""}, "kafka.topics: name the topics of predictions and of"),
        ("minimal", {"baselines.existingConfigMap": ""}, "existingConfigMap and binaryData, not 0"),
        ("minimal", {"baselines.existingClaim": "claim"}, "existingConfigMap and binaryData, not 2"),
        ("minimal", {"autoscaling.hpa.enabled": True}, "only the collectors of mode split can be scaled"),
        ("minimal", {"autoscaling.keda.enabled": True}, "only the collectors of mode split can be scaled"),
        ("split", {"config.source.kafka.topics.summaries": ""}, "name the compacted topic where collectors and"),
        ("split", {"autoscaling.hpa.enabled": True}, "keda and hpa would fight over the replicas"),
        ("split", {"serviceMonitor.enabled": True}, "would scrape the same pods twice"),
        ("split", {"persistence.existingClaim": "one"}, "in mode split each collector gets its own"),
        ("minimal", {"webConfig.tls": True}, "the certificate comes from webConfig.existingSecret"),
        ("minimal", {"webConfig.caKey": "ca.crt"}, "without webConfig.tls there is no certificate to trust"),
        ("split", {"kafka.auth.usernameKey": ""}, "kafka.auth: give username, or usernameKey"),
        ("split", {"kafka.auth.username": "sentinel"}, "KEDA reads the user from the Secret too"),
        ("http", {"config.source.kafka.bootstrap_servers": ["a:1"]}, "events come from kafka or by http; name one"),
        ("http", {"mode": "split", "config.source.kafka.topics.summaries": "s"}, "set mode single"),
        ("http", {"persistence.enabled": False}, "accepted events are kept on the volume until they are counted"),
        ("http", {"config.web.producers": []}, "nobody could post; name config.web.producers"),
        ("oauth", {"kafka.auth.oauth.serviceAccountToken.enabled": False}, "give tokenEndpoint or enable"),
        ("oauth", {"kafka.auth.oauth.tokenEndpoint": "https://idp"}, "give tokenEndpoint or enable"),
        ("oauth", {"kafka.auth.mechanism": "PLAIN"}, "has no effect without kafka.auth.mechanism OAUTHBEARER"),
        ("oauth", {"autoscaling.keda.enabled": True}, "with OAUTHBEARER give authenticationRef"),
        ("oauth", {"config.source.kafka.schema_registry.urls": []}, "there is no config.source.kafka.schema_registry"),
    ],
)
def test_what_is_missing_or_contradicts_is_named(name: str, over: dict[str, Any], fault: str) -> None:
    """Each value without a default that helps, and each pair that cannot be, stops the installation by its name."""
    done = template(name, over)
    assert done.returncode != 0
    assert fault in done.stderr


@pytest.mark.parametrize(
    ("over", "place"),
    [
        ({"replicas": 2}, "/replicas"),
        ({"evaluator.replicas": 2}, "/evaluator/replicas"),
        ({"replica": 1}, "'replica'"),
        ({"mode": "sharded"}, "/mode"),
        ({"mode": "split"}, "/config/source/kafka/topics"),
        ({"image.digest": "latest"}, "/image/digest"),
        ({"image.name": "sentinel"}, "'name'"),
        ({"config.web.listen": "127.0.0.1:80"}, "/config/web/listen"),
        ({"config.state.directory": "/data"}, "/config/state/directory"),
        ({"config.source.kafka.sasl_plain_password": "hunter2"}, "/config/source/kafka/sasl_plain_password"),
        ({"config.source.kafka.ssl_password": "hunter2"}, "/config/source/kafka/ssl_password"),
        ({"kafka.auth.password": "hunter2"}, "'password'"),
        ({"config.source.kafka.sasl_oauth_client_secret": "hunter2"}, "/kafka/sasl_oauth_client_secret"),
        ({"config.source.kafka.schema_registry": {"password": "hunter2"}}, "/schema_registry/password"),
        ({"config.state.hash_key": "0123456789abcdef"}, "/config/state/hash_key"),
        ({"kafka.auth.oauth.tokenEndpoint": "http://idp"}, "/kafka/auth/oauth/tokenEndpoint"),
        ({"kafka.auth.oauth.clientSecret": "hunter2"}, "'clientSecret'"),
        ({"schemaRegistry.password": "hunter2"}, "'password'"),
        ({"evaluator.persistence.accessModes": ["ReadWriteMany"]}, "/evaluator/persistence/accessModes"),
        ({"grafana.token": "glsa_1"}, "'token'"),
        ({"serviceMonitor.basicAuth": {"username": "u", "password": "hunter2"}}, "/serviceMonitor/basicAuth"),
        ({"serviceMonitor.authorization": {"credentials": "hunter2"}}, "/serviceMonitor/authorization"),
        ({"extraEnv": [{"name": "KAFKA_PASSWORD", "value": "hunter2"}]}, "/extraEnv/0"),
        ({"extraEnv": [{"name": "api_key", "value": "hunter2"}]}, "/extraEnv/0"),
        ({"terminationGracePeriodSeconds": 5}, "/terminationGracePeriodSeconds"),
        ({"podDisruptionBudget.maxUnavailable": 0}, "/podDisruptionBudget/maxUnavailable"),
        ({"persistence.size": "10 GB"}, "/persistence/size"),
        ({"persistence.accessModes": ["ReadWriteMany"]}, "/persistence/accessModes"),
        ({"persistence.retention": {"whenDeleted": "Keep", "whenScaled": "Retain"}}, "/persistence/retention"),
        ({"autoscaling.keda.minReplicas": 0}, "/autoscaling/keda/minReplicas"),
        ({"autoscaling.keda.lagThreshold": "100"}, "/autoscaling/keda/lagThreshold"),
        ({"serviceMonitor.interval": "1 minute"}, "/serviceMonitor/interval"),
        ({"prometheusRule.runbookUrl": "runbooks/"}, "/prometheusRule/runbookUrl"),
        ({"report.schedule": "every day"}, "/report/schedule"),
        ({"report.args": []}, "/report/args"),
        ({"probes.liveness.path": "/"}, "'path'"),
        ({"networkPolicy.kafkaPorts": []}, "/networkPolicy/kafkaPorts"),
        ({"topologySpreadConstraints": [{"maxSkew": 1}]}, "/topologySpreadConstraints/0"),
        ({"baselines.binaryData": {"a.baseline": "not base64!"}}, "/baselines/binaryData"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_the_schema_refuses(over: dict[str, Any], place: str) -> None:
    """Values that would run wrong, and secrets in plain text, are refused when rendering, with the place named."""
    done = template("minimal", over)
    assert done.returncode != 0
    assert "values don't meet the specifications of the schema" in done.stderr
    assert place in done.stderr


def test_a_secret_may_be_referred_to() -> None:
    """A variable of the environment in place of a password passes, and reaches the configuration as it is."""
    over = {
        "config.source.kafka.sasl_plain_password": "${KAFKA_PASSWORD}",
        "extraEnv": [{"name": "KAFKA_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "kafka", "key": "password"}}}],
    }
    manifests = rendered("minimal", over)
    assert config_of(manifests)["source"]["kafka"]["sasl_plain_password"] == "${KAFKA_PASSWORD}"


def test_the_readme_says_what_the_values_say() -> None:
    """It is what helm/readme.py writes, and names every value that has a default."""
    done = subprocess.run([sys.executable, ROOT / "helm/readme.py", "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    text = (CHART / "README.md").read_text(encoding="utf-8")
    described = {row.path for section in readme.sections(DEFAULTS.read_text()) for row in section.rows}
    for place in map(".".join, paths(read(DEFAULTS))):
        assert any(place == row or place.startswith(f"{row}.") for row in described), place
    assert all(f"(ci/{file.name})" in text for file in CASES)
    assert all(f"`{row}`" in text for row in described)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("## Title\n\na: 1\n", "line 3: a has no comment"),
        ("## Title\n# Spoken for.\na:\n  # One.\n  b: 1\n  c: 2\n", "line 6: a.c has no comment"),
    ],
)
def test_a_value_without_a_comment_is_refused(text: str, fault: str) -> None:
    """The generator names the value that nobody explained."""
    with pytest.raises(readme.UndocumentedError, match=fault):
        readme.sections(text)


def test_a_mapping_in_braces_is_one_value() -> None:
    """It is described as a whole; one with a key a line, key by key, if its keys have comments."""
    (section,) = readme.sections("## Title\n# Intro.\n\n# Whole.\na: {b: 1}\nc:\n  # Part.\n  d: x\n")
    assert (section.title, section.intro) == ("Title", "Intro.")
    assert section.rows == [readme.Row("a", {"b": 1}, "Whole."), readme.Row("c.d", "x", "Part.")]


def test_examples_are_laid_over_the_defaults_as_helm_does() -> None:
    """A list is replaced and a mapping merged, so what these tests call values is what Helm calls so."""
    assert merged({"a": {"b": 1, "c": [1]}}, {"a": {"c": [2]}}) == {"a": {"b": 1, "c": [2]}}
