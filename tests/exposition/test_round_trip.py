"""Random names and numbers, rendered and read back by the parsers of another implementation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.metrics_core import Metric

from sentinel.diagnosis.report import Report
from sentinel.exposition.rendering import MAX_LABEL_CHARS, label_value
from tests.exposition.exposed import OPENMETRICS, Samples, collector, full_statistics, key, parsed, samples
from tests.exposition.reports import feature, finding, full_report, report

NAMES = st.text(st.characters(), max_size=300) | st.text('\\"\n\r\t{}=,# \0\ud800\u2028', max_size=8)
NUMBERS = st.none() | st.floats()
FORMATS = pytest.mark.parametrize("accept", ["", OPENMETRICS])


def read(reports: Sequence[Report], accept: str) -> tuple[list[Metric], Samples]:
    """The families and the samples of a scrape."""
    scrape = collector(reports, max_series=10_000).scrape(accept)
    families = parsed(scrape.body, scrape.content_type)
    return families, samples(families)


@FORMATS
@settings(max_examples=40, deadline=None)
@given(st.dictionaries(NAMES, NUMBERS, max_size=4), NAMES, NAMES)
def test_names_and_numbers_come_back(accept: str, slices: dict[str, float | None], model: str, name: str) -> None:
    """Each finite number stands under its names, to the last bit; no other is there; no label is too long."""
    slices.pop("all", None)
    made = report(
        model,
        findings=[finding(each, log_evidence=evidence) for each, evidence in slices.items()],
        features=[feature(name, collapse=1.5)],
    )
    _, found = read([made], accept)
    evidence = {k: value for k, value in found.items() if k[0] == "sentinel_gap_log_evidence"}
    labels = {"model": label_value(model), "version": "7", "metric": "auc"}
    expected = {
        key("sentinel_gap_log_evidence", **labels, slice=label_value(each)): value
        for each, value in slices.items()
        if value is not None and math.isfinite(value)
    }
    assert evidence == expected
    feature_key = key("sentinel_feature_collapse", model=label_value(model), version="7", feature=label_value(name))
    assert found[feature_key] == 1.5
    values = [value for _, pairs in found for _, value in pairs]
    assert all(len(value) <= MAX_LABEL_CHARS for value in values)
    assert all(math.isfinite(value) for value in found.values())


@given(NAMES, NAMES)
def test_a_label_is_valid_and_short_and_keeps_names_apart(one: str, other: str) -> None:
    """Every name becomes text without NUL, the same each time; two names become two labels."""
    value = label_value(one)
    assert value.encode().decode() == value
    assert "\0" not in value
    assert len(value) <= MAX_LABEL_CHARS
    assert label_value(value) == value
    assert (value == label_value(other)) == (one == other) or one == label_value(other) or other == value


@FORMATS
def test_samples_are_bare(accept: str) -> None:
    """No time stamps, no exemplars, no time of creation; OpenMetrics ends in its mark and the text format has none."""
    scrape = collector([full_report()], full_statistics()).scrape(accept)
    families = parsed(scrape.body, scrape.content_type)
    all_samples = [each for family in families for each in family.samples]
    assert all(each.timestamp is None and each.exemplar is None for each in all_samples)
    assert not [each.name for each in all_samples if each.name.endswith("_created")]
    assert scrape.body.endswith(b"\n")
    assert scrape.body.count(b"# EOF") == (1 if accept else 0)
    assert scrape.body.endswith(b"\n# EOF\n") == bool(accept)
