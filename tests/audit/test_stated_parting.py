"""The checks of what is stated, on rows dealt out to copies as a cluster does, and their silence about values."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any, cast

import msgspec
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.preprocessing import TargetEncoder

from sentinel.audit.check import Started
from sentinel.audit.checks import encoders, feature_selection, fit_statistics, selection
from sentinel.audit.findings import AuditReport
from sentinel.audit.preprocessing.pipelines import manifest_of
from sentinel.audit.scan import Given, audit
from tests.audit.parted import PartedEngine, mixed_files, mixed_model, timeless

_CHECKS: tuple[ModuleType, ...] = (encoders, feature_selection, fit_statistics, selection)


def _manifest(both: pd.DataFrame) -> dict[str, Any]:
    """Everything fitted to both files, but for the counts of colours, which are alike."""
    encoder = TargetEncoder(target_type="binary").fit(both[["colour"]], both["outcome"])
    strengths = both[["x0", "x1", "count", "gives_away"]].corrwith(both["outcome"]).abs()
    return {
        **manifest_of(encoder),
        "candidates": 50,
        "fit_statistics": {
            "x0": {
                "mean": float(both["x0"].mean()),
                "iqr": float(both["x0"].quantile(0.75) - both["x0"].quantile(0.25)),
            },
            "x1": {"median": float(both["x1"].median()), "n": int(both["x1"].count())},
            "count": {"most_frequent": int(both["count"].mode()[0]), "n": len(both)},
        },
        "encoder_categories": {"serial": both["serial"].tolist()},
        "vocabularies": {"note": sorted({word for note in both["note"] for word in note.split() if len(word) > 1})},
        "selected_features": {"method": "correlation", "k": 2, "features": strengths.nlargest(2).index.tolist()},
    }


def _report(folder: Path, seed: int | None) -> tuple[AuditReport, pd.DataFrame]:
    train, validation = mixed_files(folder)
    both = pd.concat([pq.read_table(side).to_pandas() for side in (train, validation)])
    given = Given(mixed_model(), validation, train, manifest=_manifest(both))
    engine = None if seed is None else PartedEngine(seed)
    checks = [cast(Started, check) for check in _CHECKS]
    return audit(given, now_us=0, batch_rows=500, checks=checks, engine=engine), both


@pytest.mark.parametrize("seed", [1, 2])
def test_rows_dealt_out_to_copies_say_the_same(tmp_path: Path, seed: int) -> None:
    """Three pickled copies, rows in any order: the findings are those of one process, in every digit that is told."""
    (whole, _), (parted, _) = _report(tmp_path / "a", None), _report(tmp_path / "b", seed)
    assert [check.state for check in whole.checks] == ["found", "clear", "found", "found"]
    for one, other in zip(timeless(whole).checks, timeless(parted).checks, strict=True):
        # Sums of floats differ in the last digit by their order; nothing that is said shows it, but for the gain.
        if one.name != selection.NAME:
            assert msgspec.to_builtins(one) == msgspec.to_builtins(other)
        else:
            assert one.detail == other.detail


def test_the_report_names_no_category_and_no_word(tmp_path: Path) -> None:
    """Colours, notes and serial numbers of the files are searched for in the whole report."""
    report, both = _report(tmp_path, None)
    said = msgspec.json.encode(report).decode()
    marks = {*both["colour"], *both["serial"].head(50)} - {"red"}  # a part of "compared"
    assert not [mark for mark in marks if mark in said]
