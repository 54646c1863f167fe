"""What the offline audit is told of the columns, where their types do not say it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from sentinel.config.errors import ConfigError
from sentinel.config.section import Section

_Name = Annotated[str, Meta(min_length=1, max_length=256)]


class Audit(Section, frozen=True, kw_only=True):
    """Columns that are compared in a way of their own; all other features are numbers or categories."""

    text: Annotated[
        list[_Name],
        Meta(
            description="Columns of free text, compared by their words. Long texts are found by themselves. A baseline "
            "keeps no word of either.",
            examples=[["complaint"]],
        ),
    ] = msgspec.field(default_factory=list)
    images: Annotated[
        list[_Name],
        Meta(
            description="Columns of images: their bytes, or paths relative to the file. Needs the extra 'audit'.",
            examples=[["photo"]],
        ),
    ] = msgspec.field(default_factory=list)
    embeddings: Annotated[
        list[_Name],
        Meta(
            description="Columns of vectors of one length (of audio, images, text), compared by their angle. Lists of "
            "numbers are taken for vectors by themselves. Needs the extra 'audit'.",
            examples=[["voice_embedding"]],
        ),
    ] = msgspec.field(default_factory=list)
    attributions: Annotated[
        dict[_Name, _Name],
        Meta(
            description="What each feature contributed to a row's score (as SHAP gives it): the column of validation "
            "rows that holds it, by feature.",
            examples=[{"tenure_days": "shap_tenure_days"}],
        ),
    ] = msgspec.field(default_factory=dict)
    known_at: Annotated[
        dict[_Name, _Name],
        Meta(
            description="When the value of a feature came to be known: the column that holds this time, by feature.",
            examples=[{"last_invoice": "last_invoice_at"}],
        ),
    ] = msgspec.field(default_factory=dict)
    entity_overlap: Annotated[
        Annotated[float, Meta(ge=0.0, le=1.0)] | None,
        Meta(
            description="Share of live predictions that will be about entities of the training rows. Unset: "
            "estimated from how entities of the training rows return over time.",
        ),
    ] = None
    sample_rows: Annotated[
        int,
        Meta(
            description="Rows of each file that are kept in memory for what cannot be counted in passing. More finds "
            "rarer things and takes longer.",
            ge=1_000,
            le=5_000_000,
        ),
    ] = 100_000

    def __post_init__(self) -> None:
        asked = [*self.text, *self.images, *self.embeddings]
        for name in asked:
            if asked.count(name) > 1:
                raise ConfigError(f"{name!r} stands in two lists, or twice in one", keys=("text",))
