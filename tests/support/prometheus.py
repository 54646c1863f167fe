"""Real Prometheus and Alertmanager processes for tests, at intervals of one second."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.support.process import PATIENCE_SECONDS, Server, ServerError, free_port, wait_until
from tests.support.webhook import WebhookReceiver

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

BINARIES = ("prometheus", "prometheus-alertmanager", "promtool", "amtool")


def missing_binaries() -> list[str]:
    """Return the names of the programs that these servers need and that are not on the path."""
    return [name for name in BINARIES if shutil.which(name) is None]


def check_with(program: str, *arguments: str) -> str:
    """Run promtool or amtool; return what it printed.

    Raises
    ------
    ServerError
        If its exit code is not 0, with what it printed.
    """
    command = [program, *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    printed = answer.stdout + answer.stderr
    if answer.returncode != 0:
        raise ServerError(f"{' '.join(command)} failed:\n{printed}")
    return printed


class AlertmanagerServer:
    """An Alertmanager that groups for no time and sends every alert to one webhook.

    Parameters
    ----------
    scratch : Path
        Folder for configuration, state and log.
    webhook_url : str
        Where the default receiver, ``webhook``, posts.
    config : mapping, optional
        A whole configuration in place of the default, with its own receivers.
    """

    def __init__(self, scratch: Path, webhook_url: str, config: Mapping[str, Any] | None = None) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        file = scratch / "alertmanager.yml"
        # JSON is YAML, and saves the tests a writer of YAML.
        file.write_text(json.dumps(_alertmanager_config(webhook_url) if config is None else config))
        check_with("amtool", "check-config", str(file))
        options = {
            "config.file": file,
            "storage.path": scratch / "alertmanager-data",
            "web.listen-address": self.address,
            "cluster.listen-address": "",  # no gossip
            "log.level": "warn",
        }
        self._server = Server("alertmanager", ["prometheus-alertmanager", *_flags(options)], scratch)

    def start(self) -> None:
        """Start; return when it is ready."""
        self._server.start()
        self._server.wait_until(lambda: _answers(f"http://{self.address}/-/ready"), PATIENCE_SECONDS, "ready")

    def stop(self) -> None:
        """End the process. Idempotent."""
        self._server.stop()

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that it holds, resolved ones excluded."""
        alerts: list[dict[str, Any]] = _get(f"http://{self.address}/api/v2/alerts")
        return alerts


class PrometheusServer:
    """A Prometheus that scrapes and evaluates every second.

    Parameters
    ----------
    scratch : Path
        Folder for configuration, data and log.
    targets : mapping of str to sequence of str
        Job name to the ``host:port`` of its instances.
    rule_files : sequence of Path
        Checked with promtool first. A group's own ``interval`` is kept.
    alertmanager : str, optional
        ``host:port`` to send alerts to.
    options : mapping, optional
        More flags, without the leading dashes.
    scrape : mapping, optional
        Job name to more keys of its scrape configuration, such as ``scheme`` and ``basic_auth``.
    """

    def __init__(
        self,
        scratch: Path,
        targets: Mapping[str, Sequence[str]],
        rule_files: Sequence[Path] = (),
        alertmanager: str | None = None,
        options: Mapping[str, object] | None = None,
        scrape: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self._targets = {job: list(instances) for job, instances in targets.items()}
        self._alertmanager = alertmanager
        file = scratch / "prometheus.yml"
        file.write_text(json.dumps(_prometheus_config(self._targets, rule_files, alertmanager, scrape or {})))
        check_with("promtool", "check", "config", str(file))
        flags = {
            "config.file": file,
            "storage.tsdb.path": scratch / "prometheus-data",
            "web.listen-address": self.address,
            "log.level": "warn",
            **(options or {}),
        }
        self._server = Server("prometheus", ["prometheus", "--web.enable-lifecycle", *_flags(flags)], scratch)

    def start(self) -> None:
        """Start; return when it is ready, which is some 5 s before its first scrape."""
        self._server.start()
        self._server.wait_until(lambda: _answers(f"http://{self.address}/-/ready"), PATIENCE_SECONDS, "ready")

    def stop(self) -> None:
        """End the process. Idempotent."""
        self._server.stop()

    def wait_up(self, timeout_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until every target has been scraped with success: some 5 s, in which new targets are handed on."""
        n_targets = sum(map(len, self._targets.values()))
        wait_until(
            lambda: len(self.query("up == 1")) == n_targets,
            timeout_seconds,
            f"up == 1 of {n_targets} targets",
        )

    def wait_alertmanager(self, timeout_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until Prometheus knows the Alertmanager that it sends to: some 5 s, as for targets."""
        wait_until(
            lambda: bool(self._api("alertmanagers", {})["activeAlertmanagers"]),
            timeout_seconds,
            f"the discovery of Alertmanager {self._alertmanager}",
        )

    def query(self, promql: str) -> list[dict[str, Any]]:
        """Return an instant query's result now: a list of ``{"metric": labels, "value": [time, text]}``."""
        result: list[dict[str, Any]] = self._api("query", {"query": promql})["result"]
        return result

    def query_range(self, promql: str, start: float, end: float, step_seconds: float) -> list[dict[str, Any]]:
        """Return a range query's result: a list of ``{"metric": labels, "values": [[time, text], ...]}``."""
        window = {"start": str(start), "end": str(end), "step": str(step_seconds)}
        result: list[dict[str, Any]] = self._api("query_range", {"query": promql, **window})["result"]
        return result

    def alerts(self) -> list[dict[str, Any]]:
        """Return the pending and firing alerts."""
        alerts: list[dict[str, Any]] = self._api("alerts", {})["alerts"]
        return alerts

    def api(self, path: str, parameters: Mapping[str, str] | None = None) -> Any:
        """Return the ``data`` of any ``/api/v1/PATH``."""
        return self._api(path, parameters or {})

    def _api(self, path: str, parameters: Mapping[str, str]) -> Any:
        return _get(f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}")["data"]


@dataclass(frozen=True, slots=True)
class PrometheusStack:
    """A Prometheus, the Alertmanager that it sends to, and the webhook behind that."""

    prometheus: PrometheusServer
    alertmanager: AlertmanagerServer
    webhook: WebhookReceiver


def start_stack(
    stops: ExitStack,
    scratch: Path,
    targets: Mapping[str, Sequence[str]],
    rule_files: Sequence[Path] = (),
    alertmanager_config: Mapping[str, Any] | None = None,
) -> PrometheusStack:
    """Start the three; wait until every target is up and the Alertmanager known: 6 s, nearly all waiting.

    Parameters
    ----------
    stops : ExitStack
        Closing it ends what was started, also when this function raises half-way.
    scratch : Path
        An existing folder of this stack alone.
    targets, rule_files
        As for `PrometheusServer`.
    alertmanager_config : mapping, optional
        As for `AlertmanagerServer`. The text ``WEBHOOK_URL`` in it stands for the receiver's address.
    """
    webhook = stops.enter_context(WebhookReceiver())
    config = None
    if alertmanager_config is not None:
        config = json.loads(json.dumps(alertmanager_config).replace("WEBHOOK_URL", webhook.url))
    alertmanager = AlertmanagerServer(scratch, webhook.url, config)
    stops.callback(alertmanager.stop)
    alertmanager.start()
    prometheus = PrometheusServer(scratch, targets, rule_files, alertmanager.address)
    stops.callback(prometheus.stop)
    prometheus.start()
    prometheus.wait_up()
    prometheus.wait_alertmanager()
    return PrometheusStack(prometheus, alertmanager, webhook)


def _alertmanager_config(webhook_url: str) -> dict[str, Any]:
    route = {"receiver": "webhook", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}
    receiver = {"name": "webhook", "webhook_configs": [{"url": webhook_url, "send_resolved": True}]}
    return {"route": {**route, "repeat_interval": "1h"}, "receivers": [receiver]}


def _prometheus_config(
    targets: Mapping[str, Sequence[str]],
    rule_files: Sequence[Path],
    alertmanager: str | None,
    scrape: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    config: dict[str, Any] = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(file.resolve()) for file in rule_files],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": list(instances)}], **scrape.get(job, {})}
            for job, instances in targets.items()
        ],
    }
    if alertmanager is not None:
        config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    return config


def _flags(options: Mapping[str, object]) -> list[str]:
    return [f"--{name}={value}" for name, value in options.items()]


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _get(url: str) -> Any:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            raise ServerError(f"{url}: {error.code} {error.read().decode(errors='replace')}") from error
