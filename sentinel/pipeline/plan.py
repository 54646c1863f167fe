"""What the pipeline is told about each model version: the layout to count under and how long to wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.config.model import Model
from sentinel.summaries.layout import Layout
from sentinel.summaries.trained import UNKNOWN_TRAINING, TrainedOn

MINIMUM_GRACE_US = 3_600 * MICROSECONDS_PER_SECOND
GRACE_RATIO = 0.1
"""Predictions are kept a tenth longer than the horizon (an hour at least): events of one moment arrive unevenly."""


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """How one model version is joined and counted.

    Parameters
    ----------
    layout : Layout
        From the baseline.
    horizon_us : int, microseconds
        An outcome later than this after its prediction does not count.
    absence : {"missing", "negative"}
        What it means when the horizon passes without an outcome.
    pane_width_us : int, microseconds
    max_panes : int
    trained_on : TrainedOn
        What the model was trained on, so that predictions can be marked as seen.
    """

    layout: Layout
    horizon_us: int
    absence: Literal["missing", "negative"] = "missing"
    pane_width_us: int = 3_600 * MICROSECONDS_PER_SECOND
    max_panes: int = 256
    trained_on: TrainedOn = UNKNOWN_TRAINING

    @property
    def key(self) -> tuple[str, str]:
        """(model, version)."""
        return self.layout.model, self.layout.version

    @property
    def keep_us(self) -> int:
        """How long a prediction stays in the join store, in event time: the horizon and a grace."""
        return self.horizon_us + max(MINIMUM_GRACE_US, int(self.horizon_us * GRACE_RATIO))

    @property
    def settled_us(self) -> int:
        """Where silence means a negative: the age at which the join has counted it as one; 0 otherwise."""
        return self.keep_us if self.absence == "negative" else 0


def plan_model(settings: Model, layout: Layout, horizon_seconds: float, trained_on: TrainedOn) -> ModelPlan:
    """How a configured model is joined and counted.

    Parameters
    ----------
    settings : Model
    layout : Layout
    horizon_seconds : float
        As measured on the baseline; the configuration overrides it.
    trained_on : TrainedOn
    """
    horizon = settings.outcome.horizon
    return ModelPlan(
        layout=layout,
        horizon_us=round(float(horizon_seconds if horizon is None else horizon) * MICROSECONDS_PER_SECOND),
        absence=settings.outcome.absence,
        pane_width_us=round(float(settings.panes.width) * MICROSECONDS_PER_SECOND),
        max_panes=settings.panes.max_panes,
        trained_on=trained_on,
    )
