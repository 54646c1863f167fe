"""Records of BentoML's monitoring: flat columns, with a time and the request's id beside them."""

from __future__ import annotations

from collections.abc import Mapping

from sentinel.config.formats import Format, Records
from sentinel.errors import FatalError
from sentinel.events.batch import Reason
from sentinel.events.codecs.messages import Role
from sentinel.events.codecs.repair import RejectedEventError
from sentinel.events.codecs.shapes.parts import an_object, finite_or_refused
from sentinel.events.codecs.shapes.protocol import Event, Incoming, Make

_OWN = frozenset(("timestamp", "request_id", "trace_id", "bento_meta", "span_id"))
"""Columns that the monitor adds to each record."""


class BentoShape:
    """Reads a record by the roles of its columns.

    Parameters
    ----------
    settings : Records
    role : {"prediction", "outcome"}
    """

    reads_headers = False

    def __init__(self, settings: Records, role: Role) -> None:
        self._settings, self._role = settings, role
        given = (settings.prediction_id, settings.timestamp, settings.score, settings.outcome, settings.group)
        self._other = _OWN | {name for name in given if name is not None} | frozenset(settings.classes.values())

    def events(self, message: Incoming) -> list[Event]:
        """The one event of the record."""
        settings, record = self._settings, an_object(message.body(), "the message")
        identity, at = record.get(settings.prediction_id), record.get(settings.timestamp)
        if identity in (None, ""):
            raise RejectedEventError(Reason.MISSING_ID, f"the column {settings.prediction_id:.80} is missing")
        event: Event = {"kind": self._role, "model": settings.model, "prediction_id": identity}
        at = message.received_seconds if at is None else at
        if self._role == "outcome":
            return [event | {"outcome": record.get(settings.outcome or ""), "outcome_at": at}]
        event |= {"version": settings.version, "predicted_at": at}
        if settings.classes:
            columns = settings.classes.items()
            event["scores"] = {name: finite_or_refused(record.get(c), f"the column {c:.80}") for name, c in columns}
        else:
            event["score"] = record.get(settings.score or "")
        if settings.group is not None:
            event["group"] = record.get(settings.group)
        if settings.features:
            event["features"] = {name: record.get(name) for name in settings.features}
        else:
            event["features"] = {name: value for name, value in record.items() if name not in self._other}
        return [event]


def make(settings: Format, role: Role) -> BentoShape:
    """The shape of its section, which no configuration that is loaded lacks."""
    if settings.records is None:
        raise FatalError("the format bentoml lacks its section")
    return BentoShape(settings.records, role)


MAKERS: Mapping[str, Make] = {"bentoml": make}
