"""Simulated streams looked at as a daemon would: outcomes as they arrive, a verdict every few hundred."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa

from sentinel.baseline.artifact import Baseline
from sentinel.baseline.build import build_baseline
from sentinel.config import load_config
from sentinel.config.columns import Columns
from sentinel.config.times import rfc3339
from sentinel.diagnosis.alerts import AlertBook
from sentinel.diagnosis.report import Alert, Verdict
from sentinel.diagnosis.verdict import diagnose
from sentinel.evaluation.evaluate import evaluate
from sentinel.evaluation.findings import Evaluation
from sentinel.events.codecs.arrow import ArrowCodec
from sentinel.simulation import simulate
from sentinel.simulation.files import write_files
from sentinel.summaries.panes import PaneBook, PaneSeries
from sentinel.summaries.rows import bin_predictions

HOUR_US = 3_600_000_000
LOOK_OUTCOMES = 800
SEED = 11


@dataclass(frozen=True)
class Watched:
    """What was seen of one scenario: the last look, and the alerts over all looks."""

    baseline: Baseline
    live: PaneSeries
    evaluation: Evaluation
    verdict: Verdict
    alerts: tuple[Alert, ...]
    n_outcomes: int

    def names(self) -> set[str]:
        """Every alert that fired at any time."""
        return {alert.name for alert in self.alerts}

    def first(self, name: str) -> Alert:
        """The first alert of a name."""
        return next(alert for alert in self.alerts if alert.name == name)


@cache
def watch(scenario: str) -> Watched:
    """Play a scenario from its first outcome to its last; one run serves all tests."""
    simulated = simulate(scenario, seed=SEED, n_train=4_000, n_validation=4_000, n_stream=8_000)
    with TemporaryDirectory() as folder:
        files = write_files(simulated, Path(folder))
        model = load_config(files.config).models[0]
        baseline = build_baseline(model, files.validation, manifest=files.manifest, now_us=0)
    codec = ArrowCodec(baseline.layout.schema, Columns())
    offline, refused = codec.offline_rows(pa.Table.from_pandas(simulated.stream, preserve_index=False))
    assert offline is not None
    assert not refused
    rows = bin_predictions(baseline.layout, offline.predictions)
    rows["outcome"], rows["outcome_at"] = offline.outcomes, offline.outcome_at
    arrived, asked = rows[np.argsort(rows["outcome_at"], kind="stable")], rows[np.argsort(rows["predicted_at"])]
    panes, book, n_asked = PaneBook(baseline.layout, HOUR_US, 64), AlertBook(), 0
    for start in range(0, len(arrived), LOOK_OUTCOMES):
        part = arrived[start : start + LOOK_OUTCOMES]
        at = int(part["outcome_at"][-1])
        n_known = int(np.searchsorted(asked["predicted_at"], at, side="right"))
        panes.observe_predictions(asked[n_asked:n_known])
        panes.observe_outcomes(part)
        n_asked = n_known
        live = PaneSeries(baseline.layout, panes.width_us, tuple(panes))
        counts = {"predictions": n_asked, "joined": start + len(part)}
        evaluation = evaluate(baseline, live, model.alerts)
        verdict = diagnose(evaluation, baseline, counts)
        book = book.advance(evaluation, verdict, counts, rfc3339(at))
    return Watched(baseline, live, evaluation, verdict, book.alerts, len(arrived))
