"""What each reason of a dead letter means, how to mend it, and whether the event may be sent again as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from sentinel.events.batch import Reason


@dataclass(frozen=True, slots=True)
class Explanation:
    """One reason.

    Parameters
    ----------
    meaning, mend : str
    final : bool
        Sending the same event again changes nothing, whatever was mended meanwhile.
    """

    meaning: str
    mend: str
    final: bool = False


_PRODUCER: Final = "Mend the producer and let it send again; the event as it is stays wrong."

EXPLANATIONS: Final[Mapping[Reason, Explanation]] = MappingProxyType(
    {
        Reason.EMPTY: Explanation("The message has no value.", "Send no tombstones: delete nothing here.", final=True),
        Reason.OVERSIZED: Explanation(
            "The message, or its id, is longer than allowed.",
            "Raise limits.max_event_bytes and replay; or send less.",
        ),
        Reason.NOT_JSON: Explanation("The message is not JSON.", _PRODUCER),
        Reason.NOT_AN_OBJECT: Explanation("The JSON is a list, a text or a number.", _PRODUCER),
        Reason.WRONG_TYPE: Explanation("A field is of another type than it has to be.", _PRODUCER),
        Reason.MISSING_ID: Explanation("There is no prediction id.", "Name its field under formats, or send one."),
        Reason.MISSING_FIELD: Explanation(
            "A field that has to be there is missing.", "Name its path under formats and replay; or send it."
        ),
        Reason.UNKNOWN_KIND: Explanation("The event is of a kind that is not known.", _PRODUCER),
        Reason.UNKNOWN_MODEL: Explanation(
            "The model is not in the configuration.", "Add it under models, reload, and replay; or filter it out."
        ),
        Reason.UNKNOWN_VERSION: Explanation(
            "The version of the model is not in the configuration.", "Add it with its baseline, reload, and replay."
        ),
        Reason.SCORE_NOT_FINITE: Explanation("The score is NaN or infinite.", _PRODUCER),
        Reason.SCORE_OUT_OF_RANGE: Explanation(
            "The score is no probability, or those of the classes are none.", "Send the probability, not the logit."
        ),
        Reason.INVALID_OUTCOME: Explanation("The outcome is none that the task knows.", _PRODUCER),
        Reason.INVALID_ITEMS: Explanation("The ranked list is empty, or names an item twice or not at all.", _PRODUCER),
        Reason.BAD_TIME: Explanation(
            "A time can be read neither as RFC 3339 nor as seconds.", "Name its unit under formats and replay."
        ),
        Reason.TIME_TOO_EARLY: Explanation(
            "A time lies before limits.min_time.", "Mend the unit or the clock; or set limits.min_time, and replay."
        ),
        Reason.TIME_IN_FUTURE: Explanation(
            "A time lies further ahead of the message's timestamp than limits.max_future_skew.",
            "Mend the producer's clock. Sent again the message has a later timestamp, so a replay may count it.",
        ),
        Reason.EXPIRED: Explanation(
            "The prediction was logged after its outcome horizon was over.",
            "Look at the lag of the producer. It is too late for this event.",
            final=True,
        ),
        Reason.DUPLICATE: Explanation(
            "A prediction with this id is counted already; the first one stays.",
            "Look why the producer sends twice, or gives one id to two predictions.",
            final=True,
        ),
        Reason.BAD_FRAMING: Explanation(
            "The message does not begin as its format says.", "Set the right format of the topic and replay."
        ),
        Reason.UNKNOWN_SCHEMA: Explanation(
            "The registry does not know the schema that the message names.", "Register it there and replay."
        ),
        Reason.UNUSABLE_SCHEMA: Explanation(
            "The schema is one that cannot be used here.", "See the detail; mend the schema or the format, and replay."
        ),
        Reason.NOT_DECODED: Explanation("The message does not fit its schema.", _PRODUCER),
        Reason.UNPAIRED: Explanation(
            "A request or a response whose other half never came.",
            "Look at the lag and the loss of the logger; its other half may be a dead letter, too.",
        ),
        Reason.DAMAGED_BATCH: Explanation(
            "A batch of messages whose bytes no longer fit their checksum, or that cannot be decompressed.",
            "Look at the disk of the broker. Its messages, as many as the detail says, have to be sent again.",
            final=True,
        ),
    }
)


def explain_reason(reason: Reason) -> Explanation:
    """What a reason means.

    Examples
    --------
    >>> explain_reason(Reason.DUPLICATE).final
    True
    """
    return EXPLANATIONS[reason]
