"""The Helm chart: its values, its links, and what the real engine makes of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import sentinel
from sentinel import cli
from tests.support.prometheus import check_with

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm/sentinel"
CASES = sorted((CHART / "ci").glob("*-values.yaml"))
CASE_NAMES = [case.name for case in CASES]
MINIMAL = CHART / "ci/minimal-values.yaml"
FULL = CHART / "ci/full-values.yaml"
KUBE_VERSION = "1.32.0"  # a program that was not built by a release believes in 1.20
LINKS = {"files/alerts.yaml": ROOT / "deploy/prometheus/alerts.yaml", "files/dashboards": ROOT / "dashboards"}
HELM = os.environ.get("SENTINEL_TEST_HELM") or shutil.which("helm")

Manifest = dict[str, Any]
Values = dict[str, Any]

needs_helm = pytest.mark.skipif(HELM is None, reason="no program `helm` on the path or in SENTINEL_TEST_HELM")


def read(path: Path) -> Any:
    """A YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def merged(base: Values, over: Values) -> Values:
    """Values as Helm lays one file over another: mappings are merged, the rest is replaced."""
    both = dict(base)
    for key, value in over.items():
        old = base.get(key)
        both[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return both


def helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the engine."""
    assert HELM is not None
    return subprocess.run([HELM, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)


def template(*values: Path, release: str = "rel", **overrides: str) -> subprocess.CompletedProcess[str]:
    """Render with files of values and single ones, whose dots are written as two underscores."""
    files = [argument for file in values for argument in ("--values", file)]
    single = [part for key, value in overrides.items() for part in ("--set", f"{key.replace('__', '.')}={value}")]
    return helm("template", release, CHART, "--namespace", "ml", "--kube-version", KUBE_VERSION, *files, *single)


def rendered(*values: Path, release: str = "rel", **overrides: str) -> dict[tuple[str, str], Manifest]:
    """The manifests by kind and name."""
    done = template(*values, release=release, **overrides)
    assert done.returncode == 0, done.stderr
    manifests = [each for each in yaml.safe_load_all(done.stdout) if each]
    found = {(each["kind"], each["metadata"]["name"]): each for each in manifests}
    assert len(found) == len(manifests)
    return found


def pod_of(manifests: Mapping[tuple[str, str], Manifest], name: str = "rel-sentinel") -> Manifest:
    """The pod template of the StatefulSet."""
    pod: Manifest = manifests["StatefulSet", name]["spec"]["template"]
    return pod


def test_the_chart_installs_this_version() -> None:
    """The application's version is the package's, and the image's tag follows it."""
    chart = read(CHART / "Chart.yaml")
    assert chart["appVersion"] == sentinel.__version__
    assert read(CHART / "values.yaml")["image"]["tag"] == ""


@pytest.mark.parametrize(("link", "target"), LINKS.items(), ids=list(LINKS))
def test_rules_and_dashboards_have_one_source(link: str, target: Path) -> None:
    """The chart links to them, and a checkout that turned the link into text is told."""
    assert (CHART / link).is_symlink()
    assert (CHART / link).resolve(strict=True) == target
    assert not (CHART / link).readlink().is_absolute()


def test_the_schema_is_one() -> None:
    """It is a valid JSON Schema, and every object that lists its keys refuses others."""
    schema = json.loads((CHART / "values.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False
    assert set(read(CHART / "values.yaml")) == set(schema["properties"]) - {"global"}  # which is Helm's own


@pytest.mark.parametrize("case", [None, *CASES], ids=["defaults", *CASE_NAMES])
def test_the_values_keep_their_schema(case: Path | None) -> None:
    """The defaults and each example, laid over the defaults, are valid."""
    values = merged(read(CHART / "values.yaml"), read(case) if case else {})
    schema = json.loads((CHART / "values.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(values)


@pytest.mark.parametrize("case", CASES, ids=CASE_NAMES)
def test_the_defaults_make_a_configuration_that_sentinel_takes(
    case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With models, brokers and baselines filled in, `sentinel check-config` has nothing to say."""
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in ("password", "ca.crt"):
        (secrets / name).write_text("x")
    config = merged(read(CHART / "values.yaml"), read(case))["config"]
    file = tmp_path / "sentinel.yaml"
    file.write_text(json.dumps(config).replace("/run/secrets/sentinel", str(secrets)))
    monkeypatch.setenv("POD_NAME", "sentinel-0")
    assert cli.main(["check-config", str(file), "--format", "json", "--show"]) == 0
    shown = json.loads(capsys.readouterr().out)["config"]
    assert shown["source"]["kafka"]["group_instance_id"] == "sentinel-0"
    assert [model["baseline"] for model in shown["models"]] == ["/baselines/churn-7.baseline"]
    assert shown["state"]["directory"] == "/var/lib/sentinel"


@needs_helm
@pytest.mark.parametrize("case", [None, *CASES], ids=["defaults", *CASE_NAMES])
def test_the_chart_passes_the_strict_linter(case: Path | None) -> None:
    """`helm lint --strict` has no complaint, with each file of values and with none."""
    values: list[str | Path] = ["--values", case] if case else []
    done = helm("lint", "--strict", CHART, *values)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_helm
@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ("config: {models: []}", "config.models: name at least one model, with name, version and baseline"),
        ("config: {source: {kafka: {bootstrap_servers: []}}}", "kafka.bootstrap_servers: name at least one broker"),
        ("config: {source: {kafka: {topics: {outcomes: ''}}}}", "kafka.topics: name the topics of predictions and of"),
        ("baselines: {existingConfigMap: ''}", "existingConfigMap and binaryData, not 0"),
        ("baselines: {existingClaim: claim}", "existingConfigMap and binaryData, not 2"),
    ],
)
def test_what_is_missing_is_asked_for(values: str, fault: str, tmp_path: Path) -> None:
    """Each value without a default that helps stops the installation with its own name."""
    over = tmp_path / "values.yaml"
    over.write_text(values)
    done = template(MINIMAL, over)
    assert done.returncode != 0
    assert fault in done.stderr


@needs_helm
@pytest.mark.parametrize(
    ("overrides", "place"),
    [
        ({"replicas": "2"}, "replicas"),
        ({"replica": "1"}, "replica"),
        ({"image__digest": "latest"}, "digest"),
        ({"config__web__listen": "127.0.0.1:80"}, "listen"),
        ({"config__state__directory": "/data"}, "directory"),
        ({"terminationGracePeriodSeconds": "5"}, "terminationGracePeriodSeconds"),
    ],
)
def test_the_schema_refuses(overrides: dict[str, str], place: str) -> None:
    """Values that would run wrong are refused when rendering, with the place named."""
    done = template(MINIMAL, **overrides)
    assert done.returncode != 0
    assert "values don't meet the specifications of the schema" in done.stderr
    assert place in done.stderr


@needs_helm
@pytest.mark.parametrize("case", CASES, ids=CASE_NAMES)
def test_the_pod_is_restricted(case: Path) -> None:
    """What the pod security standard `restricted` asks for, a read-only root, and no token."""
    manifests = rendered(case)
    pod = pod_of(manifests)["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 65532
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    own = container["securityContext"]
    assert own == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(pod)
    assert {next(iter(set(v) - {"name"})) for v in pod["volumes"]} <= {
        "configMap",
        "secret",
        "emptyDir",
        "persistentVolumeClaim",
    }
    assert pod["automountServiceAccountToken"] is False
    assert manifests["ServiceAccount", pod["serviceAccountName"]]["automountServiceAccountToken"] is False


@needs_helm
@pytest.mark.parametrize("case", CASES, ids=CASE_NAMES)
def test_the_parts_fit_together(case: Path) -> None:
    """Selectors find the pods, mounts have their volumes, probes and the Service have their port."""
    manifests = rendered(case)
    workload = manifests["StatefulSet", "rel-sentinel"]["spec"]
    labels = workload["template"]["metadata"]["labels"].items()
    service = manifests["Service", workload["serviceName"]]["spec"]
    assert labels >= workload["selector"]["matchLabels"].items()
    assert labels >= service["selector"].items()
    pod = workload["template"]["spec"]
    (container,) = pod["containers"]
    claims = [claim["metadata"]["name"] for claim in workload["volumeClaimTemplates"]]
    volumes = [volume["name"] for volume in pod["volumes"]] + claims
    assert sorted(mount["name"] for mount in container["volumeMounts"]) == sorted(volumes)
    assert ("ConfigMap", pod["volumes"][0]["configMap"]["name"]) in manifests
    (port,) = container["ports"]
    paths = {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
    assert {probe: container[probe]["httpGet"] for probe in paths} == {
        probe: {"path": path, "port": port["name"]} for probe, path in paths.items()
    }
    assert [each["targetPort"] for each in service["ports"]] == [port["name"]]
    config = yaml.safe_load(manifests["ConfigMap", "rel-sentinel"]["data"]["sentinel.yaml"])
    assert config["web"]["listen"].endswith(f":{port['containerPort']}")
    assert config == merged(read(CHART / "values.yaml"), read(case))["config"]


@needs_helm
def test_a_new_configuration_or_baseline_restarts_the_pod() -> None:
    """Their checksums stand at the pod, and nothing else changes it."""
    same, again = (pod_of(rendered(FULL)) for _ in range(2))
    assert same == again
    config = pod_of(rendered(FULL, config__log__level="debug"))["metadata"]["annotations"]
    baseline = pod_of(rendered(FULL, baselines__binaryData__other="eA=="))["metadata"]["annotations"]
    before = same["metadata"]["annotations"]
    assert {key for key in before if config[key] != before[key]} == {"checksum/config"}
    assert {key for key in before if baseline[key] != before[key]} == {"checksum/baselines"}


@needs_helm
def test_secrets_and_baselines_are_files() -> None:
    """A secret is mounted and never written into a manifest; a baseline comes from what the values name."""
    manifests = rendered(FULL)
    volumes = {volume["name"]: volume for volume in pod_of(manifests)["spec"]["volumes"]}
    assert volumes["secrets"]["secret"] == {"secretName": "kafka-user", "defaultMode": 0o440}
    assert volumes["baselines"]["configMap"] == {"name": "rel-sentinel-baselines"}
    assert manifests["ConfigMap", "rel-sentinel-baselines"]["binaryData"] == {"churn-7.baseline": "c2VudGluZWw="}
    assert "Secret" not in {kind for kind, _ in manifests}
    claimed = rendered(MINIMAL, baselines__existingConfigMap="", baselines__existingClaim="baselines")
    (volume,) = [each for each in pod_of(claimed)["spec"]["volumes"] if each["name"] == "baselines"]
    assert volume["persistentVolumeClaim"] == {"claimName": "baselines", "readOnly": True}


@needs_helm
def test_monitoring_is_shipped_unchanged(tmp_path: Path) -> None:
    """Rules and dashboards are those of the repository but for the addresses, and promtool takes the rules."""
    manifests = rendered(FULL)
    spec = manifests["PrometheusRule", "rel-sentinel"]["spec"]
    text = LINKS["files/alerts.yaml"].read_text()
    text = text.replace("https://sentinel.example.com/runbooks", "https://runbooks.example.org/sentinel")
    text = text.replace("https://grafana.example.com/d", "https://grafana.example.org/d")
    assert spec == yaml.safe_load(text)
    assert "example.com" not in json.dumps(spec)
    for name in ("model", "daemon"):
        board = manifests["ConfigMap", f"rel-sentinel-{name}-dashboard"]
        file = f"sentinel-{name}.json"
        assert board["data"] == {file: (LINKS["files/dashboards"] / file).read_text()}
        assert board["metadata"]["labels"]["grafana_dashboard"] == "1"
    monitor = manifests["ServiceMonitor", "rel-sentinel"]
    labels = manifests["Service", "rel-sentinel"]["metadata"]["labels"].items()
    assert labels >= monitor["spec"]["selector"]["matchLabels"].items()
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["relabelings"] == [{"action": "replace", "targetLabel": "job", "replacement": "sentinel"}]
    if shutil.which("promtool"):
        (tmp_path / "rules.yaml").write_text(yaml.safe_dump(spec))
        assert "SUCCESS" in check_with("promtool", "check", "rules", str(tmp_path / "rules.yaml"))


@needs_helm
def test_names_are_short_enough_and_monitoring_is_optional() -> None:
    """A long release name is cut, and without flags only what every cluster knows is rendered."""
    manifests = rendered(MINIMAL, release="r" * 53)
    name = "r" * 52
    assert set(manifests) == {(kind, name) for kind in ("ServiceAccount", "ConfigMap", "Service", "StatefulSet")}


@needs_helm
def test_the_package_holds_real_files(tmp_path: Path) -> None:
    """`helm package` follows the links, so that a chart from a registry has rules and dashboards."""
    done = helm("package", CHART, "--destination", tmp_path)
    assert done.returncode == 0, done.stderr
    (package,) = tmp_path.glob("*.tgz")
    shutil.unpack_archive(package, tmp_path / "unpacked", filter="data")
    files = tmp_path / "unpacked/sentinel/files"
    assert (files / "alerts.yaml").read_text() == LINKS["files/alerts.yaml"].read_text()
    assert sorted(file.name for file in (files / "dashboards").iterdir()) == [
        "sentinel-daemon.json",
        "sentinel-model.json",
    ]
    assert not any(file.is_symlink() for file in files.rglob("*"))
