"""How far the log is read back for what waits: as far as the configuration lets messages come before their event."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinel.app.models import stamped_early_us
from sentinel.config import load_config

HOUR_US = 3_600_000_000
KAFKA = "bootstrap_servers: ['a:9092'], topics: {predictions: p, outcomes: o}"
INFERENCE = "{shape: open-inference, inference: {model: churn, version: '1', pair_wait: 2d}}"


@pytest.mark.parametrize(
    ("source", "hours"),
    [
        ("", 1),
        (f"source: {{kafka: {{{KAFKA}}}}}", 1),
        (f"source: {{kafka: {{{KAFKA}, formats: {{predictions: {INFERENCE}}}}}}}", 49),
    ],
)
def test_a_request_that_waits_for_its_response_is_read_again(tmp_path: Path, source: str, hours: int) -> None:
    """Skew of an hour alone, or that and the two days for which a request may wait."""
    path = tmp_path / "sentinel.yaml"
    path.write_text(
        f"apiVersion: sentinel/v1\nmodels: [{{name: churn, version: '1'}}]\nlimits: {{max_future_skew: 1h}}\n{source}\n"
    )
    assert stamped_early_us(load_config(path)) == hours * HOUR_US
