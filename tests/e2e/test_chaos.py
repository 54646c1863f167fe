"""The quick form of ``benchmarks/chaos.py``: collectors and their broker disturbed at random, and no count is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.chaos import build_baseline, run
from tests.support.kafka_broker import start_broker

N_MESSAGES = 60_000
N_PARTITIONS = 6


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_chaos_ends_with_the_counts_of_an_undisturbed_run(tmp_path: Path) -> None:
    """Killed, frozen, stopped, without their disks: the ledger ends with what one process alone counts."""
    build_baseline(tmp_path / "churn.baseline")
    (tmp_path / "kafka").mkdir()
    with start_broker(tmp_path / "kafka") as broker:
        if broker.server is None or broker.kind == "mock":
            pytest.skip(f"a broker of kind {broker.kind} cannot be restarted")
        result = run(broker, tmp_path, tmp_path / "churn.baseline", 1, N_MESSAGES, N_PARTITIONS)
    assert result["differences"] == []
    assert sum(result["done"].values()) >= 3
