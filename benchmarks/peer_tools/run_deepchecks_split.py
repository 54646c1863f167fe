"""Deepchecks on one split: its train-test checks and those of data integrity, with their default conditions."""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

warnings.filterwarnings("ignore")

import pandas as pd  # noqa: E402
from deepchecks.tabular import Dataset, checks  # noqa: E402

BOTH = (
    checks.DatasetsSizeComparison().add_condition_test_train_size_ratio_greater_than(),
    checks.NewLabelTrainTest().add_condition_new_labels_number_less_or_equal(),
    checks.NewCategoryTrainTest().add_condition_new_category_ratio_less_or_equal(),
    checks.StringMismatchComparison().add_condition_no_new_variants(),
    checks.DateTrainTestLeakageDuplicates().add_condition_leakage_ratio_less_or_equal(),
    checks.DateTrainTestLeakageOverlap().add_condition_leakage_ratio_less_or_equal(),
    checks.IndexTrainTestLeakage().add_condition_ratio_less_or_equal(),
    checks.TrainTestSamplesMix().add_condition_duplicates_ratio_less_or_equal(),
    checks.FeatureLabelCorrelationChange()
    .add_condition_feature_pps_difference_less_than()
    .add_condition_feature_pps_in_train_less_than(),
    checks.FeatureDrift().add_condition_drift_score_less_than(),
    checks.LabelDrift().add_condition_drift_score_less_than(),
    checks.MultivariateDrift().add_condition_overall_drift_value_less_than(),
)
EACH = (
    checks.ConflictingLabels().add_condition_ratio_of_conflicting_labels_less_or_equal(),
    checks.DataDuplicates().add_condition_ratio_less_or_equal(),
    checks.IdentifierLabelCorrelation().add_condition_pps_less_or_equal(),
    checks.FeatureLabelCorrelation().add_condition_feature_pps_less_than(),
    checks.IsSingleValue().add_condition_not_single_value(),
)
ENVELOPE = ("prediction_id", "predicted_at", "outcome", "score", "group")


def judge(folder: Path) -> dict[str, Any]:
    """What fails, in its own words, and the CPU seconds of all checks once everything is imported and read."""
    imported = _peak_mb()
    train, validation = (pd.read_parquet(folder / f"{part}.parquet") for part in ("train", "validation"))
    began = time.process_time()
    features = [name for name in train.columns if name not in ENVELOPE]
    categorical = [name for name in features if not pd.api.types.is_numeric_dtype(train[name])]
    shape = {
        "label": "outcome",
        "features": features,
        "cat_features": categorical,
        "datetime_name": "predicted_at",
        "index_name": "group",
        "label_type": "binary",
    }
    before = Dataset(train.drop(columns=["score", "prediction_id"]), **shape)
    after = Dataset(validation.drop(columns=["score", "prediction_id"]), **shape)
    found: dict[str, str] = {}
    for check in BOTH:
        _note(found, check, (before, after))
    for check in EACH:
        _note(found, check, (before,))
    return {"found": found, "seconds": time.process_time() - began, "imported": imported, "peak": _peak_mb()}


def _peak_mb() -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _note(found: dict[str, str], check: Any, datasets: tuple[Any, ...]) -> None:
    name = type(check).__name__
    try:
        result = check.run(*datasets)
    except Exception as error:  # noqa: BLE001 - a check that cannot run is a result, not the end
        found[name] = f"ERROR {type(error).__name__}: {error!s:.120}"
        return
    failed = [str(one.details) for one in result.conditions_results if not one.is_pass()]
    if failed:
        found[name] = "; ".join(failed)[:300]


if __name__ == "__main__":
    print(json.dumps(judge(Path(sys.argv[1]))))
