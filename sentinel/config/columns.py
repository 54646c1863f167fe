"""Which columns of a file, or fields of an event, play which part."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from sentinel.config.errors import ConfigError, Keys
from sentinel.config.fields import PATTERN_MEANING
from sentinel.config.section import Section

Task = Literal["binary", "multiclass", "regression", "ranking"]

NO_CONTROL: Final = {
    "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$",
    "extra": {PATTERN_MEANING: "must not contain control characters"},
}
ColumnName = Annotated[str, Meta(min_length=1, max_length=256, **NO_CONTROL)]
_PARTS: Final[dict[Task, tuple[str, ...]]] = {
    "binary": ("score", "outcome"),
    "regression": ("score", "outcome"),
    "multiclass": ("scores", "outcome"),
    "ranking": ("items", "relevance"),
}
"""What a prediction of the task and its outcome are read from."""


class Columns(Section, frozen=True, kw_only=True):
    """Which column of a file, or field of an event, plays which part. Defaults: the canonical event names."""

    prediction_id: Annotated[ColumnName, Meta(description="Joins a prediction with its outcome.")] = "prediction_id"
    predicted_at: Annotated[ColumnName, Meta(description="When the prediction was made.")] = "predicted_at"
    score: Annotated[ColumnName, Meta(description="What the model said: P(positive), or a number.")] = "score"
    scores: Annotated[
        ColumnName,
        Meta(
            description="Of a multiclass task: the probability of each class. In files a struct column of this name, "
            "or a column scores.CLASS for each class."
        ),
    ] = "scores"
    items: Annotated[
        ColumnName,
        Meta(description="Of a ranking: the ranked items. In files lists of structs (id, score)."),
    ] = "items"
    relevance: Annotated[
        ColumnName,
        Meta(
            description="Of a ranking: the grades that items earned. In files lists of structs (id, grade), a map, or "
            "a struct with a field for each item."
        ),
    ] = "relevance"
    outcome: Annotated[ColumnName, Meta(description="What turned out to be true: 0 or 1, a number, or a class.")] = (
        "outcome"
    )
    outcome_at: Annotated[ColumnName, Meta(description="When the outcome became known.")] = "outcome_at"
    group: Annotated[
        ColumnName,
        Meta(description="The entity a row is about (user, machine); rows of one entity are not independent."),
    ] = "group"
    feature_times: Annotated[
        ColumnName,
        Meta(description="When each feature's value came to be known: a struct or a map of times by feature."),
    ] = "feature_times"

    def __post_init__(self) -> None:
        if self.score == self.outcome:
            raise ConfigError(f"score and outcome are both read from {self.score!r}", keys=("outcome",))
        if self.prediction_id in (self.score, self.outcome):
            message = f"prediction_id is read from {self.prediction_id!r}, which is the score or the outcome"
            raise ConfigError(message, keys=("prediction_id",))

    def roles(self, task: Task) -> dict[str, str]:
        """Column by part, for the parts that a task has: a column of any other part's name is a feature."""
        others = {part for parts in _PARTS.values() for part in parts} - set(_PARTS[task])
        return {part: getattr(self, part) for part in self.__struct_fields__ if part not in others}


def check_name(name: str, what: str, keys: Keys) -> None:
    """See that a column may have this name.

    Raises
    ------
    ConfigError
    """
    if not name or len(name) > 256 or any(ord(char) < 32 or 127 <= ord(char) < 160 for char in name):
        raise ConfigError(f"the name of {what} has 1 to 256 characters, none of them control characters", keys=keys)
