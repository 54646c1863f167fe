"""Deepchecks on one stream: its drift and performance checks with their default conditions, window by window."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from deepchecks.tabular import Dataset  # noqa: E402
from deepchecks.tabular.checks import FeatureDrift, TrainTestPerformance  # noqa: E402

WINDOW_ROWS = 2_000


def _proba(frame: pd.DataFrame) -> Any:
    score = frame["score"].to_numpy()
    return np.column_stack([1.0 - score, score])


def judge(folder: Path) -> dict[str, int | None]:
    """First failed window, in rows of the stream, by method."""
    features = json.loads((folder / "features.json").read_text())
    reference, stream = (pd.read_parquet(folder / f"{part}.parquet") for part in ("validation", "stream"))
    categorical = [name for name in features if not pd.api.types.is_numeric_dtype(reference[name])]
    make = {"label": "outcome", "cat_features": categorical, "features": features}
    before = Dataset(reference, **make)
    drift = FeatureDrift().add_condition_drift_score_less_than()
    performance = TrainTestPerformance(scorers=["roc_auc"]).add_condition_train_test_relative_degradation_less_than()
    found: dict[str, int | None] = {"Deepchecks: feature drift": None, "Deepchecks: AUC degradation": None}
    for start in range(0, len(stream) - WINDOW_ROWS // 2, WINDOW_ROWS):
        window = stream.iloc[start : start + WINDOW_ROWS]
        current = Dataset(window, **make)
        if found["Deepchecks: feature drift"] is None and not drift.run(before, current).passed_conditions():
            found["Deepchecks: feature drift"] = start + len(window)
        if found["Deepchecks: AUC degradation"] is None and window["outcome"].nunique() == 2:
            result = performance.run(
                before,
                current,
                y_proba_train=_proba(reference),
                y_proba_test=_proba(window),
                y_pred_train=(reference["score"] >= 0.5).astype(int).to_numpy(),
                y_pred_test=(window["score"] >= 0.5).astype(int).to_numpy(),
                model_classes=[0, 1],
            )
            if not result.passed_conditions():
                found["Deepchecks: AUC degradation"] = start + len(window)
    return found


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(json.dumps({"folder": name, "found": judge(Path(name))}), flush=True)
