"""Evidently on one stream: its drift and classification presets with their default tests, window by window."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")

import pandas as pd  # noqa: E402
from evidently import BinaryClassification, DataDefinition, Dataset, Report  # noqa: E402
from evidently.presets import ClassificationPreset, DataDriftPreset  # noqa: E402

WINDOW_ROWS = 2_000


def _failed(report: Report, current: Dataset, reference: Dataset) -> bool:
    result = json.loads(report.run(current, reference).json())
    return any(test["status"] == "FAIL" for test in result.get("tests", []))


def _roc_auc_failed(report: Report, current: Dataset, reference: Dataset) -> bool:
    result = json.loads(report.run(current, reference).json())
    return any(test["status"] == "FAIL" and "auc" in test["name"].lower() for test in result.get("tests", []))


def _definition(features: list[str], reference: pd.DataFrame) -> DataDefinition:
    """Columns with a value in this window: the library raises an error on an empty one."""
    numeric = [name for name in features if pd.api.types.is_numeric_dtype(reference[name])]
    return DataDefinition(
        classification=[BinaryClassification(target="outcome", prediction_probas="score")],
        numerical_columns=[*numeric, "score"],
        categorical_columns=[name for name in features if name not in numeric],
    )


def judge(folder: Path) -> dict[str, int | None]:
    """First failed window, in rows of the stream, by method."""
    features = json.loads((folder / "features.json").read_text())
    reference, stream = (pd.read_parquet(folder / f"{part}.parquet") for part in ("validation", "stream"))
    found: dict[str, int | None] = {"Evidently: drift preset": None, "Evidently: AUC test": None}
    for start in range(0, len(stream) - WINDOW_ROWS // 2, WINDOW_ROWS):
        window = stream.iloc[start : start + WINDOW_ROWS]
        definition = _definition([n for n in features if window[n].notna().any()], reference)
        before, current = (Dataset.from_pandas(f, data_definition=definition) for f in (reference, window))
        if found["Evidently: drift preset"] is None and _failed(
            Report([DataDriftPreset()], include_tests=True), current, before
        ):
            found["Evidently: drift preset"] = start + len(window)
        if (
            found["Evidently: AUC test"] is None
            and window["outcome"].nunique() == 2
            and _roc_auc_failed(Report([ClassificationPreset()], include_tests=True), current, before)
        ):
            found["Evidently: AUC test"] = start + len(window)
    return found


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(json.dumps({"folder": name, "found": judge(Path(name))}), flush=True)
