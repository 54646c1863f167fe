"""The pods that the chart makes: what they may do, and that their parts fit together."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from sentinel.app.daemon import STOP_SECONDS
from sentinel.cli import explain, run
from tests.helm.chart import NAMES, config_of, daemons, kinds, only, pods, rendered, values_of

RESTRICTED_VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}
NO_HOST = {"hostNetwork", "hostPID", "hostIPC"}


def env_of(pod: dict[str, Any]) -> dict[str, Any]:
    """The environment of a pod's only container, by name."""
    (container,) = pod["spec"]["containers"]
    return {each["name"]: {k: v for k, v in each.items() if k != "name"} for each in container["env"]}


def volumes_of(pod: dict[str, Any]) -> dict[str, Any]:
    """A pod's volumes by name."""
    return {each["name"]: {k: v for k, v in each.items() if k != "name"} for each in pod["spec"]["volumes"]}


@pytest.mark.parametrize("name", NAMES)
def test_every_pod_is_restricted(name: str) -> None:
    """What the pod security standard `restricted` asks for, a read-only root, and no token, in each pod."""
    found = dict(pods(rendered(name)))
    assert len(found) >= 2  # the daemon, and that of `helm test`
    for place, pod in found.items():
        spec = pod["spec"]
        security = spec["securityContext"]
        assert security["runAsNonRoot"] is True, place
        assert (security["runAsUser"], security["runAsGroup"]) == (65532, 65532), place
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, place
        assert spec["automountServiceAccountToken"] is False, place
        assert not NO_HOST & set(spec), place
        for container in spec["containers"] + spec.get("initContainers", []):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, place
            assert not any("hostPort" in port for port in container.get("ports", [])), place
            assert container["resources"]["requests"], place
            assert container["resources"]["limits"]["memory"], place
        for volume in volumes_of(pod).values():
            assert set(volume) <= RESTRICTED_VOLUMES, place
            for kind in ("secret", "projected"):
                assert volume.get(kind, {"defaultMode": 0o440})["defaultMode"] == 0o440, place


@pytest.mark.parametrize("name", NAMES)
def test_no_account_has_a_token(name: str) -> None:
    """The ServiceAccount mounts none either, and nothing gives it rights."""
    manifests = rendered(name)
    for _, pod in pods(manifests):
        account = manifests.get(("ServiceAccount", pod["spec"]["serviceAccountName"]))
        assert account is None or account["automountServiceAccountToken"] is False
    assert not {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "Secret"} & set(kinds(manifests))


@pytest.mark.parametrize("name", NAMES)
def test_the_parts_fit_together(name: str) -> None:
    """Selectors find their pods alone, mounts have their volumes, probes and Services have their port."""
    manifests = rendered(name)
    labels = {place: pod["metadata"].get("labels", {}) for place, pod in pods(manifests)}
    for workload in daemons(manifests):
        place = f"{workload['kind']}/{workload['metadata']['name']}"
        spec, pod = workload["spec"], workload["spec"]["template"]
        service = manifests["Service", spec.get("serviceName", workload["metadata"]["name"])]["spec"]
        for selector in (spec["selector"]["matchLabels"], service["selector"]):
            assert [each for each, own in labels.items() if own.items() >= selector.items()] == [place]
        (container,) = pod["spec"]["containers"]
        claims = [claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", [])]
        mounted = sorted(mount["name"] for mount in container["volumeMounts"])
        assert mounted == sorted([*volumes_of(pod), *claims])
        (port,) = container["ports"]
        paths = {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
        scheme = {"scheme": "HTTPS"} if values_of(name)["webConfig"]["tls"] else {}
        assert {probe: container[probe]["httpGet"] for probe in paths} == {
            probe: {"path": path, "port": port["name"], **scheme} for probe, path in paths.items()
        }
        assert [each["targetPort"] for each in service["ports"]] == [port["name"]]
        assert config_of(manifests)["web"]["listen"].endswith(f":{port['containerPort']}")


@pytest.mark.parametrize("name", NAMES)
def test_every_object_of_ours_is_found_by_its_labels(name: str) -> None:
    """Each carries the recommended labels, and lies where the release does unless told otherwise."""
    values = values_of(name)
    beside = {(each["kind"], each["metadata"]["name"]) for each in values["extraObjects"]}
    elsewhere = {values["namespaceOverride"] or "ml", values["dashboards"]["namespace"] or "ml"}
    for place, each in rendered(name).items():
        if place in beside:
            continue
        labels = each["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "rel", place
        assert labels["app.kubernetes.io/name"] == "sentinel", place
        assert labels.items() >= values["commonLabels"].items(), place
        assert each["metadata"]["namespace"] in elsewhere, place


def test_a_release_of_one_process() -> None:
    """One StatefulSet of one pod, in which the role is `all` and the group's member is named as the pod."""
    manifests = rendered("minimal")
    assert kinds(manifests) == ["ConfigMap", "Pod", "Service", "ServiceAccount", "StatefulSet"]
    workload = only(manifests, "StatefulSet")["spec"]
    assert workload["replicas"] == 1
    pod = workload["template"]
    assert pod["spec"]["containers"][0]["args"] == ["run", "--config", "/etc/sentinel/sentinel.yaml", "--role", "all"]
    assert env_of(pod)["POD_NAME"] == {"valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    assert config_of(manifests)["source"]["kafka"]["group_instance_id"] == "${POD_NAME}"
    assert pod["spec"]["terminationGracePeriodSeconds"] > STOP_SECONDS


@pytest.mark.parametrize("name", ["split", "split-hpa"])
def test_a_release_of_collectors_and_an_evaluator(name: str) -> None:
    """The StatefulSet collects, as many as the scaler says; the Deployment judges, and there is never a second one."""
    manifests = rendered(name)
    collectors, evaluator = only(manifests, "StatefulSet")["spec"], only(manifests, "Deployment")["spec"]
    roles = [each["template"]["spec"]["containers"][0]["args"][-1] for each in (collectors, evaluator)]
    assert roles == ["collector", "evaluator"]
    assert "replicas" not in collectors
    assert collectors["podManagementPolicy"] == "Parallel"
    assert evaluator["replicas"] == 1
    assert evaluator["strategy"] == {"type": "Recreate"}
    assert config_of(manifests, "client.yaml")["web"]["listen"] == "rel-sentinel-evaluator.ml.svc:9469"
    assert rendered(name, {"autoscaling.keda.enabled": False, "autoscaling.hpa.enabled": False})[
        "StatefulSet", "rel-sentinel-collector"
    ]["spec"]["replicas"] == 2  # fmt: skip


def knows_role(role: str) -> bool:
    """Whether `sentinel run` takes a role."""
    parser = argparse.ArgumentParser()
    run.add_arguments(parser)
    try:
        parser.parse_args(["--config", "sentinel.yaml", "--role", role])
    except SystemExit:
        return False
    return True


@pytest.mark.parametrize("name", NAMES)
def test_the_daemon_knows_the_roles_that_the_pods_are_given(name: str) -> None:
    """Each pod of a daemon is started with a role of `sentinel run`."""
    workloads = daemons(rendered(name))
    roles = [each["spec"]["template"]["spec"]["containers"][0]["args"][4] for each in workloads]
    assert roles
    assert all(knows_role(role) for role in roles)


def test_collectors_and_evaluator_share_a_configuration() -> None:
    """Both are told the topic where they meet and where the evaluator's page is; members are named as their pods."""
    config = config_of(rendered("split"))
    assert config["source"]["kafka"]["topics"]["summaries"] == "sentinel.summaries"
    assert config["source"]["kafka"]["group_instance_id"] == "${POD_NAME}"
    assert config["web"]["evaluator"] == "http://rel-sentinel-evaluator.ml.svc:9469/"
    assert "evaluator" not in config_of(rendered("minimal"))["web"]
    behind_tls = rendered("split", {"webConfig.tls": True, "webConfig.existingSecret": "web"})
    assert config_of(behind_tls)["web"]["evaluator"].startswith("https://")


def test_a_new_configuration_or_baseline_restarts_the_pod() -> None:
    """Their checksums stand at the pod, and nothing else changes it."""

    def annotations(over: dict[str, Any]) -> Any:
        return only(rendered("full", over), "StatefulSet")["spec"]["template"]["metadata"]["annotations"]

    before = annotations({})
    config = annotations({"config.log.level": "debug"})
    baseline = annotations({"baselines.binaryData.other": "eA=="})
    assert {key for key in before if config[key] != before[key]} == {"checksum/config"}
    assert {key for key in before if baseline[key] != before[key]} == {"checksum/baselines"}
    assert annotations({"service.port": 80}) == before


def test_secrets_are_files_of_secrets_that_exist() -> None:
    """Each lies in a folder of its own, only the keys that are needed, and the configuration names the files."""
    pod = only(rendered("split"), "StatefulSet")["spec"]["template"]
    assert volumes_of(pod)["kafka-auth"]["secret"] == {
        "secretName": "kafka-user",
        "defaultMode": 0o440,
        "items": [{"key": "password", "path": "password"}],
    }
    assert env_of(pod)["KAFKA_USERNAME"] == {"valueFrom": {"secretKeyRef": {"name": "kafka-user", "key": "username"}}}
    kafka = config_of(rendered("split"))["source"]["kafka"]
    assert kafka["security_protocol"] == "SASL_SSL"
    assert kafka["sasl_plain_username"] == "${KAFKA_USERNAME}"
    assert config_of(rendered("no-operator"))["source"]["kafka"]["sasl_plain_username"] == "sentinel"
    assert kafka["sasl_plain_password_file"] == "/run/secrets/kafka-auth/password"
    (container,) = pod["spec"]["containers"]
    folders = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert folders["kafka-auth"] == "/run/secrets/kafka-auth"
    mutual = config_of(rendered("kafka-tls"))["source"]["kafka"]
    assert mutual["security_protocol"] == "SSL"
    assert mutual["ssl_keyfile"] == "/run/secrets/kafka-client/user.key"
    assert "sasl_mechanism" not in mutual


def test_a_token_of_kubernetes_logs_in_to_kafka() -> None:
    """It is made for the brokers alone, lies in a volume of its own, and no password stands beside it."""
    manifests = rendered("oauth")
    kafka = config_of(manifests)["source"]["kafka"]
    assert (kafka["sasl_mechanism"], kafka["security_protocol"]) == ("OAUTHBEARER", "SASL_SSL")
    assert kafka["sasl_oauth_token_file"] == "/run/secrets/kafka-token/token"
    assert not any(key.startswith("sasl_plain") for key in kafka)
    pod = only(manifests, "StatefulSet")["spec"]["template"]
    (source,) = volumes_of(pod)["kafka-token"]["projected"]["sources"]
    token = {"path": "token", "audience": "kafka.example.com", "expirationSeconds": 3600}
    assert source == {"serviceAccountToken": token}
    assert "KAFKA_USERNAME" not in env_of(pod)


def test_client_credentials_log_in_to_kafka() -> None:
    """The endpoint and the client are those of the values, and the client's secret is a file of the Secret."""
    over = {
        "kafka.auth.oauth.serviceAccountToken.enabled": False,
        "kafka.auth.oauth.tokenEndpoint": "https://idp.example.com/token",
        "kafka.auth.oauth.clientId": "sentinel",
        "kafka.auth.oauth.scope": "kafka",
        "kafka.auth.existingSecret": "kafka-client",
        "kafka.auth.passwordKey": "client-secret",
    }
    manifests = rendered("oauth", over)
    kafka = config_of(manifests)["source"]["kafka"]
    assert {key: value for key, value in kafka.items() if key.startswith("sasl_oauth")} == {
        "sasl_oauth_token_endpoint_url": "https://idp.example.com/token",
        "sasl_oauth_client_id": "sentinel",
        "sasl_oauth_client_secret_file": "/run/secrets/kafka-auth/password",
        "sasl_oauth_scope": "kafka",
    }
    volumes = volumes_of(only(manifests, "StatefulSet")["spec"]["template"])
    assert volumes["kafka-auth"]["secret"]["items"] == [{"key": "client-secret", "path": "password"}]
    assert "kafka-token" not in volumes


def test_the_registry_and_the_hash_key_are_opened_by_files() -> None:
    """What the values name of their Secrets is in the configuration as a path, and nothing that they leave empty."""
    manifests = rendered("oauth")
    assert config_of(manifests)["source"]["kafka"]["schema_registry"] == {
        "urls": ["https://registry.kafka:8081"],
        "username": "sentinel",
        "password_file": "/run/secrets/schema-registry/password",
        "ssl_cafile": "/run/secrets/schema-registry/ca.crt",
    }
    assert config_of(manifests)["state"]["hash_key_file"] == "/run/secrets/hash-key/key"
    pod = only(manifests, "StatefulSet")["spec"]["template"]
    assert volumes_of(pod)["hash-key"]["secret"]["items"] == [{"key": "hash-key", "path": "key"}]
    mounts = {mount["name"]: mount["mountPath"] for mount in pod["spec"]["containers"][0]["volumeMounts"]}
    assert mounts["schema-registry"] == "/run/secrets/schema-registry"
    assert "hash_key_file" not in config_of(rendered("minimal"))["state"]


def test_posted_events_need_no_kafka() -> None:
    """One pod with a volume takes them in; what the chart says of Kafka by default is gone."""
    manifests = rendered("http")
    config = config_of(manifests)
    assert config["source"] == {"http": {"max_log_bytes": "8GiB"}}
    assert config["web"]["producers"] == ["serving", "billing"]
    assert config["web"]["bearer_token_file"] == "/run/secrets/web-config/tokens"
    workload = only(manifests, "StatefulSet")["spec"]
    assert (workload["replicas"], len(workload["volumeClaimTemplates"])) == (1, 1)
    assert config_of(
        rendered("minimal", {"config.source": {"http": {}, "kafka": None}, "config.web.producers": ["a"]})
    )["source"] == {"http": {}}


def test_an_evaluator_may_keep_what_it_said() -> None:
    """Its folder is a claim that outlives the release, one that exists, or by default none."""
    manifests = rendered("oauth")
    claim = only(manifests, "PersistentVolumeClaim")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert claim["spec"]["storageClassName"] == "fast"
    assert claim["spec"]["resources"]["requests"]["storage"] == "2Gi"

    def state(manifests: Any) -> Any:
        return volumes_of(only(manifests, "Deployment")["spec"]["template"])["state"]

    assert state(manifests) == {"persistentVolumeClaim": {"claimName": claim["metadata"]["name"]}}
    existing = rendered("oauth", {"evaluator.persistence.existingClaim": "kept"})
    assert state(existing) == {"persistentVolumeClaim": {"claimName": "kept"}}
    assert "PersistentVolumeClaim" not in kinds(existing)
    assert state(rendered("split")) == {"emptyDir": {"sizeLimit": "2Gi"}}


def test_a_guarded_port_is_guarded_by_files_of_a_secret() -> None:
    """The web configuration and the tokens are those of the Secret; without one the port stays as the values say."""
    guarded = config_of(rendered("kafka-tls", {"webConfig.tokensKey": "tokens"}))["web"]
    assert guarded == {
        "listen": "0.0.0.0:9469",
        "config_file": "/run/secrets/web-config/web-config.yml",
        "bearer_token_file": "/run/secrets/web-config/tokens",
    }
    assert config_of(rendered("minimal"))["web"] == {"listen": "0.0.0.0:9469"}


@pytest.mark.parametrize(
    ("name", "over", "protocol"),
    [
        ("minimal", {}, None),
        ("no-operator", {}, "SASL_PLAINTEXT"),
        ("no-operator", {"kafka.tls.enabled": True}, "SASL_SSL"),
        ("minimal", {"kafka.tls.enabled": True}, "SSL"),
        ("minimal", {"kafka.tls.enabled": True, "config.source.kafka.security_protocol": "PLAINTEXT"}, "PLAINTEXT"),
    ],
)
def test_the_protocol_follows_from_the_secrets(name: str, over: dict[str, Any], protocol: str | None) -> None:
    """What the configuration says itself wins; else a user means SASL, and TLS what its name says."""
    assert config_of(rendered(name, over))["source"]["kafka"].get("security_protocol") == protocol


def test_a_false_in_the_configuration_is_kept() -> None:
    """Merging what follows from the secrets drops no value that Go takes for empty."""
    over = {"config.source.kafka.ssl_check_hostname": False}
    assert config_of(rendered("kafka-tls", over))["source"]["kafka"]["ssl_check_hostname"] is False


def test_state_and_baselines_come_from_what_the_values_name() -> None:
    """A claim per pod, a claim that exists, or no volume; baselines from a ConfigMap, a claim, or the values."""
    full = only(rendered("full"), "StatefulSet")["spec"]
    (claim,) = full["volumeClaimTemplates"]
    assert claim["spec"]["storageClassName"] == "fast"
    assert claim["spec"]["resources"]["requests"]["storage"] == "50Gi"
    assert full["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Delete", "whenScaled": "Retain"}
    assert volumes_of(full["template"])["baselines"] == {"configMap": {"name": "rel-sentinel-baselines"}}
    assert rendered("full")["ConfigMap", "rel-sentinel-baselines"]["binaryData"] == {"churn-7.baseline": "c2VudGluZWw="}
    existing = only(rendered("no-operator"), "StatefulSet")["spec"]
    assert "volumeClaimTemplates" not in existing
    assert volumes_of(existing["template"])["state"] == {"persistentVolumeClaim": {"claimName": "sentinel-state"}}
    none = only(rendered("split-hpa"), "StatefulSet")["spec"]
    assert volumes_of(none["template"])["state"] == {"emptyDir": {"sizeLimit": "20Gi"}}
    claimed = only(rendered("split"), "StatefulSet")["spec"]["template"]
    assert volumes_of(claimed)["baselines"] == {"persistentVolumeClaim": {"claimName": "baselines", "readOnly": True}}
    old = only(rendered("minimal", {"persistence.retention": None}), "StatefulSet")["spec"]
    assert "persistentVolumeClaimRetentionPolicy" not in old


def test_what_is_extra_reaches_the_pod() -> None:
    """Variables, volumes, placement and priority of the values are the pod's; a spread finds its own component."""
    pod = only(rendered("full"), "StatefulSet")["spec"]["template"]
    assert env_of(pod)["ZONE"] == {"value": "eu-1a"}
    assert pod["spec"]["containers"][0]["envFrom"] == [{"configMapRef": {"name": "proxies", "optional": True}}]
    assert volumes_of(pod)["certificates"] == {"configMap": {"name": "company-ca"}}
    assert pod["spec"]["priorityClassName"] == "monitoring"
    assert pod["spec"]["hostAliases"] == [{"ip": "10.0.0.7", "hostnames": ["kafka-0.example.com"]}]
    assert pod["metadata"]["labels"]["team"] == "ml"
    (spread,) = only(rendered("split"), "StatefulSet")["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] == "collector"
    assert rendered("full")["ConfigMap", "beside"]["data"] == {"note": "installed with the chart"}


def test_names_are_short_enough() -> None:
    """A StatefulSet's is at most 52 characters, a CronJob's too, and a Service's 63, for the longest release name."""
    split = rendered("split", release="r" * 53)
    assert only(split, "StatefulSet")["metadata"]["name"] == "r" * 42 + "-collector"
    report = rendered("full", release="r" * 53)
    assert only(report, "CronJob")["metadata"]["name"] == "r" * 42 + "-report"
    named = rendered("minimal", {"fullnameOverride": "watch"})
    assert {name for _, name in named} == {"watch", "watch-test"}


def test_the_report_asks_the_daemon() -> None:
    """By default its command exists, its configuration names the daemon's Service, and it gets no secret."""
    manifests = rendered("full")
    job = only(manifests, "CronJob")["spec"]
    assert (job["schedule"], job["timeZone"], job["concurrencyPolicy"]) == ("30 5 * * 1-5", "Europe/Berlin", "Forbid")
    pod = job["jobTemplate"]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    command, *arguments = container["args"]
    assert command == "explain"
    parser = argparse.ArgumentParser()
    explain.add_arguments(parser)
    assert parser.parse_args(arguments).config == Path("/etc/sentinel/sentinel.yaml")
    assert volumes_of(pod)["config"]["configMap"]["items"] == [{"key": "client.yaml", "path": "sentinel.yaml"}]
    assert not any("secret" in volume for volume in volumes_of(pod).values())
    assert config_of(manifests, "client.yaml")["web"]["listen"] == "rel-sentinel.ml.svc:9469"
    assert "CronJob" not in kinds(rendered("minimal"))


def test_the_report_opens_a_locked_port() -> None:
    """With webConfig it asks by TLS, trusts the authority of the Secret, and is given its tokens, but not its key."""
    over = {"report.enabled": True, "webConfig.tokensKey": "tokens", "webConfig.caKey": "ca.crt"}
    manifests = rendered("kafka-tls", {**over, "config.web.writers": ["deploy"]})
    pod = only(manifests, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    parser = argparse.ArgumentParser()
    explain.add_arguments(parser)
    told = parser.parse_args(container["args"][1:])
    listen = config_of(manifests, "client.yaml")["web"]["listen"]
    assert (told.url, told.ca_file) == (f"https://{listen}", Path("/run/secrets/client/ca.crt"))
    items = volumes_of(pod)["client"]["secret"]["items"]
    assert items == [{"key": "tokens", "path": "tokens"}, {"key": "ca.crt", "path": "ca.crt"}]
    assert {"name": "client", "mountPath": "/run/secrets/client", "readOnly": True} in container["volumeMounts"]
    web = config_of(manifests, "client.yaml")["web"]
    assert (web["bearer_token_file"], web["writers"]) == ("/run/secrets/client/tokens", ["deploy"])
    other = rendered("kafka-tls", {"report.enabled": True, "report.args": ["version"]})
    (container,) = only(other, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["version"]


def test_only_the_report_and_prometheus_reach_the_port() -> None:
    """The NetworkPolicy lets in the release's own pods and whom the values name, out to Kafka and what is extra."""
    policy = only(rendered("full"), "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    (rule,) = policy["ingress"]
    assert rule["ports"] == [{"port": "http", "protocol": "TCP"}]
    own, prometheus = rule["from"]
    assert own["podSelector"]["matchLabels"] == policy["podSelector"]["matchLabels"]
    assert prometheus["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "prometheus"}
    names, itself, kafka, grafana = policy["egress"]
    assert {each["port"] for each in names["ports"]} == {53}
    assert itself["to"] == [own]
    assert kafka["ports"] == [{"port": 9093, "protocol": "TCP"}]
    assert kafka["to"][0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "kafka"}
    assert grafana["ports"] == [{"port": 3000, "protocol": "TCP"}]


def test_producers_reach_the_port_where_they_post() -> None:
    """With HTTP the namespaces of the producers may come in and nothing goes out to Kafka; else neither is said."""
    policy = only(rendered("http"), "NetworkPolicy")["spec"]
    names = [peer.get("namespaceSelector", {}).get("matchLabels", {}) for peer in policy["ingress"][0]["from"]]
    assert [each["kubernetes.io/metadata.name"] for each in names if each] == ["serving", "billing"]
    assert len(policy["egress"]) == 2  # the name service, and the release itself
    registry = only(rendered("oauth"), "NetworkPolicy")["spec"]["egress"][-1]
    assert registry["ports"] == [{"port": 8081, "protocol": "TCP"}]
    assert registry["to"][0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "kafka"}
    ignored = rendered("full", {"networkPolicy.producersFrom": [{"podSelector": {}}]})
    assert only(ignored, "NetworkPolicy")["spec"] == only(rendered("full"), "NetworkPolicy")["spec"]


def test_a_drain_moves_the_pod() -> None:
    """The budget is of the pods that read from Kafka, and lets one go."""
    for name, component in (("full", "daemon"), ("split", "collector")):
        budget = only(rendered(name), "PodDisruptionBudget")["spec"]
        assert budget["maxUnavailable"] == 1
        assert budget["selector"]["matchLabels"]["app.kubernetes.io/component"] == component
