"""Events as columns: the schema they follow, the batches they travel in, and the codecs that read them."""

from sentinel.events.batch import DeadLetter, EventBatch, Outcomes, Predictions, Reason
from sentinel.events.schema import INVALID, MISSING, UNSEEN, Column, EventSchema, Limits

__all__ = [
    "INVALID",
    "MISSING",
    "UNSEEN",
    "Column",
    "DeadLetter",
    "EventBatch",
    "EventSchema",
    "Limits",
    "Outcomes",
    "Predictions",
    "Reason",
]
