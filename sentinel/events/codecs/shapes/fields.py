"""Events of any structure: each field is read from its configured path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sentinel.config.field_paths import FeatureSet, Fields, FromPath
from sentinel.config.formats import Format
from sentinel.config.paths import parse_path
from sentinel.errors import FatalError
from sentinel.events.codecs.messages import Role
from sentinel.events.codecs.shapes.parts import an_object, as_text, getter, time_of_unit, translated
from sentinel.events.codecs.shapes.protocol import Event, Incoming, Make
from sentinel.events.schema import category

_BOTH = ("model", "prediction_id")
_OF_PREDICTION = (*_BOTH, "version", "score", "scores", "items", "group", "feature_times")
_OF_OUTCOME = (*_BOTH, "outcome", "relevance")
Read = Callable[[Incoming, object], Any]


class FieldsShape:
    """Reads each field of an event from its place.

    Parameters
    ----------
    settings : Fields
    role : {"prediction", "outcome"}
        What the messages are.
    """

    def __init__(self, settings: Fields, role: Role) -> None:
        names = _OF_PREDICTION if role == "prediction" else _OF_OUTCOME
        self._kind = role
        self._fields = [(n, _reader(getattr(settings, n))) for n in names if getattr(settings, n) is not None]
        self._time_name = "predicted_at" if role == "prediction" else "outcome_at"
        time = getattr(settings, self._time_name)
        self._time = _reader(time)
        self._unit = time.unit if isinstance(time, FromPath) else None
        inputs = [(name, getattr(settings, name)) for name in ("features", "slices")]
        self._inputs = [(name, _inputs_reader(of, name)) for name, of in inputs if of is not None]
        if role == "outcome":
            self._inputs = []
        self._meanings = settings.outcome_values
        self._where = [(_path_reader(path), value) for path, value in settings.where.items()]
        self.reads_headers = _reads_headers(settings)

    def events(self, message: Incoming) -> list[Event]:
        """The one event of the message, or none where the filter passes it over."""
        body = message.body()
        for read, wanted in self._where:
            if category(read(message, body)) != wanted:
                return []
        event: Event = {"kind": self._kind}
        for name, read in self._fields:
            event[name] = read(message, body)
        for name, read in self._inputs:
            event[name] = read(message, body)
        event[self._time_name] = time_of_unit(self._time(message, body), self._unit, self._time_name)
        if self._meanings and "outcome" in event:
            event["outcome"] = translated(event["outcome"], self._meanings, "outcome")
        return [event]


def _reader(source: str | FromPath | None) -> Read:
    if source is None:
        return lambda message, _: message.received_seconds
    if isinstance(source, str):
        return _path_reader(source)
    if source.path is not None:
        return _path_reader(source.path)
    constant = source.constant
    return lambda _message, _body: constant


def _path_reader(path: str) -> Read:
    part, steps = parse_path(path)
    if part == "key":
        return lambda message, _: None if message.key is None else as_text(message.key, "the message's key")
    if part == "timestamp":
        return lambda message, _: message.received_seconds
    if part == "header":
        return _header_reader(str(steps[0]))
    read = getter(steps)
    return lambda _, body: read(body)


def _header_reader(name: str) -> Read:
    def read(message: Incoming, _: object) -> str | None:
        value = message.headers.get(name)
        return None if value is None else as_text(value, f"the header {name:.40}")

    return read


def _inputs_reader(source: str | FeatureSet, place: str) -> Read:
    if isinstance(source, str):
        read = _path_reader(source)
        return lambda message, body: an_object(read(message, body), f"{place} (at {source:.80})")
    whole = None if source.of is None else _path_reader(source.of)
    without = frozenset(source.without)
    named = [(name, _path_reader(path)) for name, path in source.named.items()]

    def gather(message: Incoming, body: object) -> Mapping[str, object]:
        found: dict[str, object] = {}
        if whole is not None:
            members = an_object(whole(message, body), f"{place} (at {source.of!s:.80})")
            found = {name: value for name, value in members.items() if name not in without}
        for name, one in named:
            found[name] = one(message, body)
        return found

    return gather


def _reads_headers(settings: Fields) -> bool:
    paths: list[str] = list(settings.where)
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        if isinstance(value, str):
            paths.append(value)
        elif isinstance(value, FromPath) and value.path is not None:
            paths.append(value.path)
        elif isinstance(value, FeatureSet):
            paths.extend([*value.named.values(), value.of or ""])
    return any(path.startswith(("$key", "$header")) for path in paths)


def make(settings: Format, role: Role) -> FieldsShape:
    """The shape of its section, which no configuration that is loaded lacks."""
    if settings.fields is None:
        raise FatalError("the format fields lacks its section")
    return FieldsShape(settings.fields, role)


MAKERS: Mapping[str, Make] = {"fields": make}
