"""Signals: the same names for every stream, finite, within reach, and missing where there is no evidence."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from sentinel.audit.files.manifest import read_manifest
from sentinel.config.alerts import Alerts
from sentinel.diagnosis.evidence import Evidence, gather
from sentinel.diagnosis.signatures import MEANINGS, read_signals
from sentinel.evaluation.evaluate import evaluate
from sentinel.evaluation.findings import Backfill, Change, Counterfactual, Evaluation, Shift, Value
from sentinel.simulation import SCENARIOS
from sentinel.summaries.panes import PaneSeries
from tests.diagnosis.streams import watch
from tests.evaluation.worlds import HOUR_US, draw, offline, series, world_layout

LAYOUT = world_layout()


def evidence(seed: int, live_auc: float = 0.65, **changes: object) -> Evidence:
    """Evidence of a model of .85 that is ``live_auc`` in production, with some findings replaced."""
    rng = np.random.default_rng(seed)
    side = offline(LAYOUT, draw(LAYOUT, rng, 4_000, auc=0.85))
    found = evaluate(side, series(LAYOUT, draw(LAYOUT, rng, 4_000, auc=live_auc)), Alerts())
    changed: Evaluation = msgspec.structs.replace(found, **changes)
    return gather(changed, side.meta, {"predictions": 4_000, "joined": 4_000}, Alerts())


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_stream_has_every_signal(name: str) -> None:
    """Names do not depend on the stream, values are finite or missing."""
    seen = watch(name)
    found = read_signals(gather(seen.evaluation, seen.baseline.meta, {"predictions": 9, "joined": 9}, Alerts()))
    assert list(found) == list(MEANINGS)
    assert all(signal.value is None or math.isfinite(signal.value) for signal in found.values())


def test_nothing_known_is_nothing_claimed() -> None:
    """Before the first event all evidence of live traffic is missing, and nothing fails."""
    side = offline(LAYOUT, draw(LAYOUT, np.random.default_rng(2), 4_000))
    empty = evaluate(side, PaneSeries(LAYOUT, HOUR_US, ()), Alerts())
    found = read_signals(gather(empty, side.meta, {"predictions": 0, "joined": 0}, Alerts()))
    for name in ("launch_evidence", "gap_evidence", "slope_ratio", "score_mix_share", "backfill_mismatch"):
        assert found[name].value is None


def test_absent_findings_are_missing() -> None:
    """An evaluation without change, counterfactuals or overlaps has none of their signals, rather than zeros."""
    found = read_signals(evidence(3, change=None, counterfactuals=(), overlaps=(), maturity=None))
    for name in ("launch_rather_than_later", "best_repair", "repair_groups", "row_contrast", "uncovered"):
        assert found[name].value is None


def test_repair_speaks_with_its_share() -> None:
    """A repair that explains the gap has its evidence, its share and its words."""
    value = Value(value=0.7, lower=0.68, upper=0.72, n=900)
    one = Counterfactual(
        name="duplicates",
        cause="duplicate_leakage",
        corrected=value,
        log_evidence=9.0,
        explained=0.97,
        lower=0.8,
        upper=1.1,
        remainder=0.3,
    )
    found = read_signals(evidence(4, counterfactuals=(one,)))
    assert found["repair_duplicates"].value == pytest.approx(math.log1p(9.0))
    assert found["explained_by_duplicates"].value == pytest.approx(0.97)
    assert "97% of the gap" in (found["best_repair"].words or "")
    assert found["repair_groups"].value is None


def test_copies_speak_as_duplicates() -> None:
    """Copies told by inputs and time are duplicates in other words of their own; the better of the two is read."""
    value = Value(value=0.7, lower=0.68, upper=0.72, n=900)
    copies, duplicates = (
        Counterfactual(
            name=name,
            cause="duplicate_leakage",
            corrected=value,
            log_evidence=log_evidence,
            explained=0.9,
            lower=0.8,
            upper=1.1,
            remainder=0.3,
        )
        for name, log_evidence in (("copies", 9.0), ("duplicates", 4.0))
    )
    found = read_signals(evidence(4, counterfactuals=(duplicates, copies)))
    assert found["repair_duplicates"].value == pytest.approx(math.log1p(9.0))
    said = found["repair_duplicates"].words or ""
    assert said.startswith("without the validation rows that repeat the inputs and the time of a training row, the")


def test_a_wish_is_said_once_and_for_what_there_is() -> None:
    """Whatever lacks training rows asks in the same words, nothing counts on a suspect, and manifest keys exist."""
    wanted = {meaning.wanted for meaning in MEANINGS.values() if meaning.wanted is not None}
    assert len([said for said in wanted if "training rows" in said]) == 1
    assert not [said for said in wanted if "suspect" in said]
    keys = {key for said in wanted for key in re.findall(r"\(manifest, ([\w.]+)\)", said)}
    assert keys >= {"split.protocol", "candidates", "fit_statistics"}
    known = read_manifest.__doc__ or ""
    assert [key for key in keys if not re.search(rf"\b{key.rpartition('.')[2]}\b", known)] == []


def test_differences_are_told_as_such() -> None:
    """The slope's change is a difference, not a share; the excess of twins is a share of the validation rows."""
    shift = Shift(kind="concept", p_slope=1e-9, slope=-2.5)
    found = evidence(7, shift=shift)
    found = replace(found, static=msgspec.structs.replace(found.static, duplicate_excess_ratio=0.6))
    signals = read_signals(found)
    assert signals["slope_change"].words == "the calibration slope differs by -2.50 from that offline, beyond chance"
    assert (signals["duplicate_excess"].words or "").startswith("60% of the validation rows have a twin in training, ")


def test_change_is_read_as_odds() -> None:
    """The posterior of the onset becomes log-odds of launch against later."""
    change = Change(none=0.1, launch=0.6, later=0.3)
    found = read_signals(evidence(5, change=change))
    assert found["launch_rather_than_later"].value == pytest.approx(math.log(2.0))


def test_recomputed_values_that_know_the_outcome() -> None:
    """A mismatch that depends on the outcome is told from one that does not."""
    base = evidence(6)
    for p_value, expected in ((1.0, 0.0), (1e-9, math.log1p(9.0))):
        backfill = Backfill(n=500, mismatch_ratio=0.25, n_with_outcome=500, outcome_log_odds=1.0, p_value=p_value)
        first = msgspec.structs.replace(base.evaluation.features[0], backfill=backfill)
        found = read_signals(evidence(6, features=(first, *base.evaluation.features[1:])))
        assert found["backfill_mismatch"].value == pytest.approx(0.5)
        assert found["backfill_knows_outcome"].value == pytest.approx(expected)
