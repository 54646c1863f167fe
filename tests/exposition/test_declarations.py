"""The table of metrics keeps the naming rules of Prometheus."""

from __future__ import annotations

import re

import pytest

from sentinel.exposition.declarations import METRICS
from sentinel.exposition.metric import Metric

# The names that the design promises to users; what else there is may change.
CONTRACT = """
sentinel_offline_estimate sentinel_offline_estimate_lower sentinel_offline_estimate_upper sentinel_online_estimate
sentinel_online_estimate_lower sentinel_online_estimate_upper sentinel_expected_estimate
sentinel_expected_estimate_lower sentinel_expected_estimate_upper sentinel_gap sentinel_gap_lower sentinel_gap_upper
sentinel_gap_log_evidence sentinel_minimum_detectable_gap sentinel_cause_probability_ratio sentinel_verdict
sentinel_drift_statistic sentinel_feature_auc sentinel_outcome_coverage_ratio sentinel_outcome_delay_seconds
sentinel_events_total sentinel_dead_letters_total sentinel_join_pending sentinel_consumer_lag_messages
sentinel_watermark_timestamp_seconds sentinel_checkpoint_last_success_timestamp_seconds
sentinel_series_dropped_total sentinel_config_last_reload_successful sentinel_build_info
"""
TARGET_LABELS = {"job", "instance", "namespace", "pod", "cluster", "env", "component"}


def test_the_contract_is_kept() -> None:
    """Every promised name is declared, and none twice."""
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    assert set(CONTRACT.split()) <= set(names)


@pytest.mark.parametrize("metric", METRICS, ids=[metric.name for metric in METRICS])
def test_names_labels_and_help(metric: Metric) -> None:
    """Counters end in _total and nothing else does; no label of the scrape's own; help is a sentence."""
    assert re.fullmatch(r"sentinel_[a-z][a-z_]*[a-z]", metric.name)
    assert metric.name.endswith("_total") == (metric.type == "counter")
    assert metric.name.endswith("_info") == (metric.type == "info")
    assert not re.search(r"milliseconds|percent|_count$|_sum$|_bucket$", metric.name)
    assert not set(metric.labels) & TARGET_LABELS
    assert metric.help.endswith(".")
    assert len(metric.help) > 30
