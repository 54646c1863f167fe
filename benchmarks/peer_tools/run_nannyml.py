"""NannyML on one stream: drift, estimated (CBPE) and realised AUC by chunks; runs in an environment of its own."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

warnings.filterwarnings("ignore")

import nannyml  # noqa: E402
import pandas as pd  # noqa: E402

CHUNK_ROWS = 500


def _first_alert(table: pd.DataFrame, columns: list[tuple[Any, ...]]) -> int | None:
    """Rows of the stream up to the end of the first analysis chunk with an alert in any of the columns."""
    period = table[("chunk", "period")] if ("chunk", "period") in table else table[("chunk", "chunk", "period")]
    analysis = table[period == "analysis"].reset_index(drop=True)
    hits = analysis[columns].fillna(False).astype(bool).any(axis=1)
    return None if not hits.any() else (int(hits.to_numpy().argmax()) + 1) * CHUNK_ROWS


def judge(folder: Path) -> dict[str, int | None]:
    """First alert, in rows of the stream, by method."""
    features = json.loads((folder / "features.json").read_text())
    reference, stream = (pd.read_parquet(folder / f"{part}.parquet") for part in ("validation", "stream"))
    for frame in (reference, stream):
        frame["decision"] = (frame["score"] >= 0.5).astype(int)
        for name in features:
            if frame[name].dtype == object:
                frame[name] = frame[name].astype("category")
    usable = [name for name in features if reference[name].nunique(dropna=True) > 1]
    drift = nannyml.UnivariateDriftCalculator(column_names=usable, chunk_size=CHUNK_ROWS)
    drift.fit(reference)
    found = drift.calculate(stream).to_df()
    common = {
        "problem_type": "classification_binary",
        "y_pred_proba": "score",
        "y_pred": "decision",
        "y_true": "outcome",
        "metrics": ["roc_auc"],
        "chunk_size": CHUNK_ROWS,
    }
    estimated = nannyml.CBPE(**common).fit(reference).estimate(stream).to_df()
    realised = nannyml.PerformanceCalculator(**common).fit(reference).calculate(stream).to_df()
    return {
        "NannyML: univariate drift": _first_alert(found, [c for c in found.columns if c[-1] == "alert"]),
        "NannyML: estimated AUC (CBPE)": _first_alert(estimated, [("roc_auc", "alert")]),
        "NannyML: realised AUC": _first_alert(realised, [("roc_auc", "alert")]),
    }


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(json.dumps({"folder": name, "found": judge(Path(name))}), flush=True)
