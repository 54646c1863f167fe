"""An announcement as a CloudEvent 1.0 in the binary mode of its Kafka binding: attributes in headers, data as value."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import msgspec

from sentinel.exposition.announcements.standing import Announcement, Standing
from sentinel.ingest.event_topic import TopicEvent

TYPE_PREFIX: Final = "sentinel."
"""Of ``ce_type``: ``sentinel.verdict.changed``, ``sentinel.alert.fired``, ``sentinel.alert.resolved``."""


class _Kept(msgspec.Struct):
    """The part of an event that is read back."""

    standing: Standing


def event_key(model: str, version: str) -> bytes:
    """The key of all events of a model version: they keep their order, and compaction keeps the latest.

    Examples
    --------
    >>> event_key("churn", "7")
    b'["churn","7"]'
    """
    return msgspec.json.encode([model, version])


def to_event(made: Announcement, deployment: str, time: str) -> TopicEvent:
    """Write an announcement as an event.

    Parameters
    ----------
    made : Announcement
    deployment : str
        Tells several deployments apart in ``ce_source``: the consumer group.
    time : str
        When it is announced, by the clock, RFC 3339.
    """
    model, version = quote(made.model, safe=""), quote(made.version, safe="")
    attributes = {
        "ce_specversion": "1.0",
        "ce_type": f"{TYPE_PREFIX}{made.change}",
        "ce_source": f"/sentinel/{quote(deployment, safe='')}/models/{model}/{version}",
        "ce_id": f"{made.sequence}-{time}",  # the time tells the events of a topic that was begun anew
        "ce_time": time,
        "ce_subject": f"{model}/{version}",
        "content-type": "application/json",
    }
    headers = [(name, value.encode()) for name, value in attributes.items()]
    return TopicEvent(event_key(made.model, made.version), headers, msgspec.json.encode(made))


def standing_of(value: bytes | None) -> Standing:
    """What stood after an event that was read back; nothing, of one that cannot be read or was deleted."""
    if value is None:
        return Standing()
    try:
        return msgspec.json.decode(value, type=_Kept).standing
    except msgspec.MsgspecError:
        return Standing()
