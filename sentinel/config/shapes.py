"""The shapes of messages that a configuration may name, one row each: all that is asked about a shape is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

SectionName = Literal["fields", "inference", "records", "truth"]


@dataclass(frozen=True, slots=True)
class ShapeFacts:
    """What the configuration has to know of a shape; the code that reads it is in ``sentinel.events.codecs.shapes``.

    Attributes
    ----------
    sections : tuple of {"fields", "inference", "records", "truth"}
        Those that say what its parts mean.
    needs_section : bool
        Whether it says nothing without them.
    holds_predictions, holds_outcomes : bool
        Which of the two topics it may be on.
    in_cloudevents : bool
        Whether it may be the data of CloudEvents.
    needs_model : bool
        Whether its outcomes name no model, so that `truth.model` has to.
    """

    sections: tuple[SectionName, ...] = ()
    needs_section: bool = False
    holds_predictions: bool = True
    holds_outcomes: bool = True
    in_cloudevents: bool = True
    needs_model: bool = False


SHAPES: Final[Mapping[str, ShapeFacts]] = {
    "canonical": ShapeFacts(),
    "fields": ShapeFacts(("fields",), needs_section=True),
    "cloudevents": ShapeFacts(in_cloudevents=False),
    "kserve": ShapeFacts(("inference",), holds_outcomes=False, in_cloudevents=False),
    "seldon-v1": ShapeFacts(("inference", "truth"), in_cloudevents=False),
    "seldon-v2": ShapeFacts(("inference",), holds_outcomes=False, in_cloudevents=False),
    "open-inference": ShapeFacts(("inference",), holds_outcomes=False),
    "bentoml": ShapeFacts(("records",), needs_section=True),
    "sagemaker-capture": ShapeFacts(("inference",), holds_outcomes=False),
    "sagemaker-ground-truth": ShapeFacts(("truth",), holds_predictions=False, needs_model=True),
}

if TYPE_CHECKING:
    Shape = str
    DataShape = str
else:
    Shape = Literal[tuple(SHAPES)]
    DataShape = Literal[tuple(name for name, facts in SHAPES.items() if facts.in_cloudevents)]


def with_section(section: SectionName) -> tuple[str, ...]:
    """The shapes that a section is for.

    Examples
    --------
    >>> with_section("truth")
    ('seldon-v1', 'sagemaker-ground-truth')
    """
    return tuple(name for name, facts in SHAPES.items() if section in facts.sections)


def in_words(section: SectionName) -> str:
    """The same in a sentence.

    Examples
    --------
    >>> in_words("truth"), in_words("records")
    ('seldon-v1 and sagemaker-ground-truth', 'bentoml')
    """
    *others, last = with_section(section)
    return f"{', '.join(others)} and {last}" if others else last
