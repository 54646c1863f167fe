"""What a check is started with, made of frames."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from sentinel.audit.check import Context, FitWith, ScoreWith
from sentinel.audit.files.columns import plan_columns
from sentinel.audit.files.rows import RowDecoder
from sentinel.config.audit import Audit
from sentinel.config.model import Model


def context_of(
    validation: pd.DataFrame,
    train: pd.DataFrame | None = None,
    *,
    settings: Audit | None = None,
    manifest: dict[str, object] | None = None,
    score_with: ScoreWith | None = None,
    fit_with: FitWith | None = None,
) -> Context:
    """Of a binary task; both samples are all rows."""
    model = Model(name="m", version="1", audit=settings or Audit())
    judged = pa.Table.from_pandas(validation, preserve_index=False)
    fitted = None if train is None else pa.Table.from_pandas(train, preserve_index=False)
    columns = plan_columns(model, None if fitted is None else fitted.schema, judged.schema, judged, fitted)
    decoder = RowDecoder(model, columns)
    return Context(
        model=model,
        columns=columns,
        manifest=manifest or {},
        n_train=0 if train is None else len(train),
        n_validation=len(validation),
        train=None if fitted is None else decoder.decode(fitted, "train", np.arange(len(fitted))),
        validation=decoder.decode(judged, "validation", np.arange(len(judged))),
        score_with=score_with,
        fit_with=fit_with,
    )
