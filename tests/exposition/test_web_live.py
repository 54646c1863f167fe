"""A real Prometheus scrapes over TLS with a password, and with a token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sentinel.config.web import Web
from tests.exposition.certificates import Authority
from tests.exposition.reports import full_report
from tests.exposition.served import Served
from tests.exposition.test_login import ALICE, TOKEN, hashed
from tests.support.process import PATIENCE_SECONDS, wait_until
from tests.support.prometheus import PrometheusServer, check_with

pytestmark = pytest.mark.servers


def test_prometheus_scrapes_over_https(prometheus_programs: None, tmp_path: Path) -> None:
    """With a password or a token the target is up and the series are there; without, Prometheus is told 401."""
    authority = Authority(tmp_path)
    certificate = authority.sign("server")
    file, tokens = tmp_path / "web.yml", tmp_path / "tokens"
    file.write_text(
        f"tls_server_config: {{cert_file: {certificate.cert}, key_file: {certificate.key}}}\n"
        f"basic_auth_users: {{prometheus: {hashed(ALICE)}}}\n"
    )
    assert "SUCCESS" in check_with("promtool", "check", "web-config", str(file))
    tokens.write_text(f"scraper {TOKEN}\n")
    tls: dict[str, Any] = {"scheme": "https", "tls_config": {"ca_file": str(authority.cert)}}
    scrape = {
        "password": {**tls, "basic_auth": {"username": "prometheus", "password": ALICE}},
        "token": {**tls, "authorization": {"credentials": TOKEN}},
        "stranger": tls,
    }
    web = Web(config_file=str(file), bearer_token_file=str(tokens))
    with Served(web=web, trust=authority.trusted_by(), reports=(full_report(),)) as served:
        prometheus = PrometheusServer(tmp_path, {job: [served.address] for job in scrape}, scrape=scrape)
        prometheus.start()
        try:
            wait_until(lambda: len(prometheus.query("up == 1")) == 2, PATIENCE_SECONDS, "two targets to be up")
            wait_until(lambda: len(prometheus.query("up == 0")) == 1, PATIENCE_SECONDS, "one target to be refused")
            jobs = {each["metric"]["job"] for each in prometheus.query('sentinel_gap{model="churn"}')}
            targets = prometheus.api("targets")["activeTargets"]
        finally:
            prometheus.stop()
    assert jobs == {"password", "token"}
    assert {target["labels"]["job"]: target["health"] for target in targets}["stranger"] == "down"
    assert any("401" in target["lastError"] for target in targets)
