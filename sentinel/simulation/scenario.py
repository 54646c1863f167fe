"""What a scenario is, what it is drawn from, and what a simulation hands back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

ENVELOPE = ("prediction_id", "predicted_at", "outcome_at", "score", "outcome", "group")
"""The canonical columns that are no features, in the order in which frames hold them."""

LearnerName = Literal["boosting", "forest"]
SplitProtocol = Literal["random", "time", "group"]
Absence = Literal["missing", "negative"]
Availability = Literal["at_prediction", "after_prediction", "after_outcome"]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much to draw.

    Parameters
    ----------
    n_train, n_validation, n_stream : int, >= 50, rows
        Fewer would make a split without a single positive likely.
    stream_days : float, > 0, days
        Length of production; rows are spread evenly over it.

    Raises
    ------
    ValueError
        If a size is out of range.
    """

    n_train: int = 8_000
    n_validation: int = 4_000
    n_stream: int = 20_000
    stream_days: float = 30

    def __post_init__(self) -> None:
        smallest = min(self.n_train, self.n_validation, self.n_stream)
        if smallest < 50:
            raise ValueError(f"every split needs 50 rows or more, not {smallest}")
        if not self.stream_days > 0:
            raise ValueError(f"stream_days must be above 0, not {self.stream_days}")


@dataclass(frozen=True, slots=True)
class Drawn:
    """Rows of one world before a model has scored them.

    Every frame has the columns of ``ENVELOPE`` except ``score``, then the features. ``train`` and
    ``validation`` hold the features as the warehouse has them, ``stream`` as they were served.
    """

    train: pd.DataFrame
    validation: pd.DataFrame
    stream: pd.DataFrame


class Recipe(Protocol):
    """A way to draw rows; each kind of world (churn, ranking, seasonal series) brings its own."""

    @property
    def learner(self) -> LearnerName:
        """The kind of model that is trained on the rows."""
        ...

    @property
    def protocol(self) -> SplitProtocol:
        """How train and validation were told apart, as the manifest will state it."""
        ...

    @property
    def model(self) -> str:
        """Name of the model in production."""
        ...

    @property
    def slices(self) -> tuple[str, ...]:
        """Feature columns that are slices too."""
        ...

    @property
    def launch_at(self) -> datetime:
        """When production starts, UTC."""
        ...

    def draw(self, sizes: Sizes, seed: int) -> Drawn:
        """Draw the three frames. The same sizes and seed give the same rows, bit for bit."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A recipe and the truth about it.

    Parameters
    ----------
    name, description : str
        What ``sentinel demo --scenario NAME`` takes, and one line for its help.
    cause : str
        One of the causes of the public contract; ``none`` when nothing is wrong.
    culprits : tuple of str
        Features, slices or groups that carry the cause.
    onset_ratio : float in [0, 1), or None
        Share of the stream before the cause acts: 0 is the launch, None is never.
    gap : (float, float), AUC
        Stated range of offline AUC minus AUC over the whole stream, sampling error aside.
    recipe : Recipe
    """

    name: str
    description: str
    cause: str
    culprits: tuple[str, ...] = ()
    onset_ratio: float | None = None
    gap: tuple[float, float]
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class Truth:
    """What the watcher of this stream ought to find out.

    ``onset`` is the instant (UTC) from which the cause acts on production, None when there is no cause.
    AUCs are those of the scores in the frames, exact, ties counted half, also of outcomes that the watcher never
    gets. ``cause`` is what was planted, whether or not it costs anything: ``gap`` says whether it does.
    ``variant`` and ``severity`` say how it was planted, ``second_cause`` what else was; empty for scenarios.
    """

    cause: str
    culprits: tuple[str, ...]
    offline_auc: float
    online_auc: float
    onset: datetime | None
    variant: str = ""
    severity: str = ""
    second_cause: str | None = None
    honest_auc: float | None = None
    """Offline AUC of the same model without the copies, or on entities it never saw; None for all other causes."""

    @property
    def gap(self) -> float:
        """Offline minus online AUC: above 0 means that production is worse."""
        return self.offline_auc - self.online_auc


@dataclass(frozen=True, slots=True)
class SimulatedStream:
    """Scored frames with canonical columns, the truth about them, and the manifest of the offline split.

    Parameters
    ----------
    train, validation, stream : DataFrame
    truth : Truth
    manifest : dict
    scenario, model : str
    slices : tuple of str
    feature_times : DataFrame, optional
        ``prediction_id`` of validation and live rows, and for each feature when its value was written.
    backfills : DataFrame, optional
        ``prediction_id`` of live rows, and the features as the training pipeline recomputes them afterwards.
    absence : {"missing", "negative"}
        What no outcome means.
    availability : mapping
        Feature -> when its value exists, as its team declares; empty when they do not.
    train_file_given : bool
        The training rows may be shown to the watcher.
    """

    train: pd.DataFrame
    validation: pd.DataFrame
    stream: pd.DataFrame
    truth: Truth
    manifest: dict[str, Any]
    scenario: str
    model: str
    slices: tuple[str, ...]
    feature_times: pd.DataFrame | None = None
    backfills: pd.DataFrame | None = None
    absence: Absence = "missing"
    availability: Mapping[str, Availability] = dataclasses.field(default_factory=dict)
    train_file_given: bool = True
