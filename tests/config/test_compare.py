"""What a reload changes, and what of it has to wait for a restart."""

from __future__ import annotations

import pytest

from sentinel.config import parse_config
from sentinel.config.compare import changed_paths, needs_restart
from tests.config.test_loader import KAFKA, MINIMAL

TWO = MINIMAL + '  - name: fraud.v2\n    version: "1"\n'


def _changed(old: str, new: str) -> list[str]:
    return changed_paths(parse_config(old), parse_config(new))


def test_the_same_means_no_change() -> None:
    """A configuration that only looks different, a default written out, changed nothing."""
    assert _changed(MINIMAL, MINIMAL + "log: {level: info}\n") == []


@pytest.mark.parametrize(
    ("addition", "path"),
    [
        ("log: {level: debug}\n", "log.level"),
        ("evaluation: {interval: 16s}\n", "evaluation.interval"),
        ("    alerts: {tau: 0.03}\n", "models['churn/7'].alerts.tau"),
        ("    slices: [region]\n", "models['churn/7'].slices"),
        ("    features: {tenure days: {kind: ignore}}\n", "models['churn/7'].features['tenure days']"),
    ],
)
def test_a_change_is_named_by_its_path(addition: str, path: str) -> None:
    """One changed setting is one path, the same in both directions."""
    assert _changed(MINIMAL, MINIMAL + addition) == [path]
    assert _changed(MINIMAL + addition, MINIMAL) == [path]


def test_models_are_matched_by_name() -> None:
    """Another order is no change; a model that came is named as a whole."""
    head, churn, fraud = TWO.partition("  - name: churn")[0], TWO[TWO.index("  - name: churn") :], ""
    churn, fraud = churn[: churn.index("  - name: fraud")], churn[churn.index("  - name: fraud") :]
    assert _changed(TWO, head + fraud + churn) == []
    assert _changed(MINIMAL, TWO) == ["models['fraud.v2/1']"]


def test_a_changed_secret_is_seen_and_not_shown() -> None:
    """The path of a password is reported without either value."""
    sasl = "    security_protocol: SASL_SSL\n    sasl_mechanism: PLAIN\n    sasl_plain_username: u\n"
    old, new = (KAFKA + sasl + f"    sasl_plain_password: {word}\n" for word in ("one", "two"))
    assert _changed(old, new) == ["source.kafka.sasl_plain_password"]


def test_what_needs_a_restart() -> None:
    """Connections, the store and the listening socket are bound at start; everything else can be reloaded."""
    new = KAFKA + "state: {fsync: false}\nweb: {listen: '127.0.0.1:1', reload_endpoint: true}\nlog: {level: debug}\n"
    changes = _changed(MINIMAL, new)
    assert changes == ["log.level", "source", "state.fsync", "web.listen", "web.reload_endpoint"]
    assert needs_restart(changes) == ["source", "state.fsync", "web.listen"]


def test_a_prefix_is_a_whole_word() -> None:
    """A setting whose name begins like one of those is not one of those."""
    assert needs_restart(["sources", "state_machine.x", "web.listener", "state"]) == ["state"]


def test_the_files_that_guard_the_port_are_named_for_good() -> None:
    """What is in them is read again while running; another name for one of them, or another size, is not."""
    new = (
        MINIMAL
        + "web: {config_file: a, bearer_token_file: b, writers: [c], max_connections: 64, requests_per_second: 1}\n"
    )
    assert needs_restart(_changed(MINIMAL, new)) == ["web.bearer_token_file", "web.config_file", "web.max_connections"]
