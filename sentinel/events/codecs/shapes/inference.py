"""Requests and responses of inference servers become predictions: what each half says, and how they are joined."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.config.inference import Inference
from sentinel.events.batch import Reason
from sentinel.events.codecs.repair import RejectedEventError
from sentinel.events.codecs.shapes.parts import a_text, finite_or_refused, wrong
from sentinel.events.codecs.shapes.protocol import Event, HalfEvent
from sentinel.events.codecs.shapes.tables import read_inputs, read_outputs
from sentinel.events.codecs.shown import form

Read = Callable[[], object]


class InferenceReader:
    """Reads the halves of a request as the configuration says.

    Parameters
    ----------
    settings : Inference
    """

    def __init__(self, settings: Inference) -> None:
        self._settings = settings

    def request_half(
        self, pair: str, read: Read, identity: str, at: int, *, model: str | None, version: str | None
    ) -> list[Event] | HalfEvent:
        """A request that came as a message of its own; nothing where responses stand alone.

        Parameters
        ----------
        pair : str
            What both halves are known by.
        read : callable
            Gives the body.
        identity, at, model, version
            As for :meth:`request`.
        """
        if self._settings.responses_alone:
            return []
        return HalfEvent(pair, "request", self.request(read(), identity, at, model=model, version=version), at)

    def response_half(
        self, pair: str, read: Read, identity: str, at: int, *, model: str | None, version: str | None
    ) -> list[Event] | HalfEvent:
        """A response that came as a message of its own; its predictions where responses stand alone."""
        half = self.response(read(), at, model=model, version=version)
        if not self._settings.responses_alone:
            return HalfEvent(pair, "response", half, at)
        if not half["scores"]:
            raise RejectedEventError(Reason.MISSING_FIELD, "the response has no rows")
        return join({"at": at, "id": identity, "rows": [{} for _ in half["scores"]]}, half)

    def request(self, body: object, identity: str, at: int, *, model: str | None, version: str | None) -> Event:
        """What a request says.

        Parameters
        ----------
        body : object
        identity : str
            The request's id.
        at : int, microseconds since the epoch, UTC
        model, version : str or None
            As the message says, in its own words.

        Raises
        ------
        RejectedEventError
            If it cannot be read.
        """
        rows = read_inputs(body, self._settings.feature_names)
        if not rows:
            raise RejectedEventError(Reason.MISSING_FIELD, "the request has no rows")
        half = self._half(at, model, version) | {"id": identity, "rows": rows}
        for name in ("prediction_id", "group"):
            column = getattr(self._settings, name)
            if column is not None:
                half[f"{name}s"] = [row.get(column) for row in rows]
                half["rows"] = [{k: v for k, v in row.items() if k != column} for row in half["rows"]]
        return half

    def response(self, body: object, at: int, *, model: str | None, version: str | None) -> Event:
        """What a response says; arguments as for :meth:`request`."""
        if isinstance(body, dict):
            model = model or _optional_text(body, "model_name")
            if self._settings.version_from == "body":
                version = version or _optional_text(body, "model_version")
        rows = read_outputs(body, self._settings.output)
        scores = [self._score(row, f"row {i} of the response") for i, row in enumerate(rows)]
        return self._half(at, model, version) | {"scores": scores}

    def _half(self, at: int, model: str | None, version: str | None) -> Event:
        settings = self._settings
        model = settings.model or (None if model is None else settings.models.get(model, model))
        version = settings.version or (None if version is None else settings.versions.get(version, version))
        half: Event = {"at": at}
        if model is not None:
            half["model"] = model
        if version is not None:
            half["version"] = version
        return half

    def _score(self, row: object, place: str) -> Event:
        settings = self._settings
        if isinstance(row, dict) and settings.output is None and len(row) == 1:
            row = next(iter(row.values()))
        if settings.classes:
            return {"scores": _probabilities(row, settings.classes, place)}
        while isinstance(row, list) and len(row) == 1 and settings.column in (None, 0):
            row = row[0]
        if isinstance(row, list):
            row = _column(row, settings.column, place)
        if isinstance(row, dict):
            detail = f"{place} has {len(row)} outputs (set output to the one that holds the score)"
            raise RejectedEventError(Reason.WRONG_TYPE, detail)
        return {"score": finite_or_refused(row, place)}


def join(request: Mapping[str, Any], response: Mapping[str, Any]) -> list[Event]:
    """The predictions of a request and its response, row by row.

    Raises
    ------
    RejectedEventError
        If the two do not fit each other.

    Examples
    --------
    >>> asked = {"model": "churn", "at": 1_500_000, "id": "r1", "rows": [{"age": 3}]}
    >>> join(asked, {"version": "7", "at": 2_000_000, "scores": [{"score": 0.5}]})[0]["predicted_at"]
    1.5
    """
    rows, scores = request["rows"], response["scores"]
    if len(rows) != len(scores):
        detail = f"the request has {len(rows)} rows and its response {len(scores)}"
        raise RejectedEventError(Reason.UNPAIRED, detail)
    common = {
        "kind": "prediction",
        "model": request.get("model") or response.get("model"),
        "version": response.get("version") or request.get("version"),
        "predicted_at": request["at"] / MICROSECONDS_PER_SECOND,
    }
    ids = request.get("prediction_ids") or row_ids(request["id"], len(rows))
    groups = request.get("groups") or [None] * len(rows)
    return [
        {**common, "prediction_id": identity, "group": group, "features": features, **score}
        for identity, group, features, score in zip(ids, groups, rows, scores, strict=True)
    ]


def row_ids(identity: str, n: int) -> list[str]:
    """The prediction ids of the rows of a request.

    Examples
    --------
    >>> row_ids("r1", 1), row_ids("r1", 2)
    (['r1'], ['r1/0', 'r1/1'])
    """
    return [identity] if n == 1 else [f"{identity}/{i}" for i in range(n)]


def _optional_text(body: Mapping[str, Any], name: str) -> str | None:
    value = body.get(name)
    return None if value in (None, "") else a_text(value, name)


def _probabilities(row: object, classes: Sequence[str], place: str) -> Mapping[str, float]:
    if isinstance(row, dict):
        return {name: finite_or_refused(row.get(name), f"class {name!r:.40} of {place}") for name in classes}
    if not isinstance(row, list):
        raise wrong(place, f"a list of {len(classes)} probabilities", row)
    if len(row) != len(classes):
        raise RejectedEventError(Reason.WRONG_TYPE, f"{place} has {len(row)} numbers for {len(classes)} classes")
    return {name: finite_or_refused(value, place) for name, value in zip(classes, row, strict=True)}


def _column(row: list[Any], column: int | None, place: str) -> object:
    if column is None:
        detail = f"{place} is a list of {len(row)} numbers (set column to the one that is the score)"
        raise RejectedEventError(Reason.WRONG_TYPE, detail)
    if column >= len(row):
        raise RejectedEventError(Reason.WRONG_TYPE, f"{place} has {len(row)} numbers and none in column {column}")
    value = row[column]
    if isinstance(value, list | dict):
        raise RejectedEventError(Reason.WRONG_TYPE, f"column {column} of {place} is {form(value)}, not a number")
    return value
