"""Copies of what adds up rows, sent to workers and back; what a worker leaves as it was does not travel back.

A check holds what it keeps of all training rows: hundreds of megabytes, which every worker needs to look rows up and
none of them changes.
"""

from __future__ import annotations

import io
import pickle
from typing import Any, Final, Generic, TypeVar

import numpy as np
import pyarrow as pa
import xxhash
from pyspark import cloudpickle

from sentinel.audit.check import Context
from sentinel.audit.files.rows import AuditRows

_Pickler: Any = cloudpickle.CloudPickler
SMALL_BYTES: Final = 1 << 12
"""Arrays below this size travel with what holds them."""
Kept = TypeVar("Kept")


class Sent(Generic[Kept]):
    """Something, pickled so that its copies need not bring back what they did not change.

    Parameters
    ----------
    original : object
        Anything that can be pickled; functions are sent by value where they are of no module.
    """

    def __init__(self, original: Kept) -> None:
        self._apart: list[Any] = []
        stream = io.BytesIO()
        _Splitter(stream, self._apart).dump(original)
        everything = io.BytesIO()
        _Pickler(everything, protocol=pickle.HIGHEST_PROTOCOL).dump((stream.getvalue(), self._apart))
        self.payload = everything.getvalue()

    def returned(self, reply: bytes) -> Kept:
        """A copy that came back; arrays that it did not change are those of the original."""
        copy: Kept = _Joiner(io.BytesIO(reply), self._apart).load()
        return copy


class Received(Generic[Kept]):
    """A copy, on a worker.

    Parameters
    ----------
    payload : bytes
        Of :class:`Sent`.
    """

    def __init__(self, payload: bytes) -> None:
        stream, self._apart = pickle.loads(payload)  # noqa: S301 - from this job's own driver
        self._digests = [_digest(each) for each in self._apart]
        self.copy: Kept = _Joiner(io.BytesIO(stream), self._apart).load()

    def reply(self) -> bytes:
        """The copy as it is now."""
        unchanged = {
            id(each): place
            for place, (each, digest) in enumerate(zip(self._apart, self._digests, strict=True))
            if _digest(each) == digest
        }
        stream = io.BytesIO()
        _Referrer(stream, unchanged).dump(self.copy)
        return stream.getvalue()


def _is_apart(value: object) -> bool:
    if isinstance(value, np.ndarray):
        return value.nbytes >= SMALL_BYTES and not value.dtype.hasobject
    return isinstance(value, Context | AuditRows | pa.Table)


def _digest(value: Any) -> int:
    """Tells whether an array has been changed; the other kinds cannot be."""
    return xxhash.xxh3_64_intdigest(np.ascontiguousarray(value).data) if isinstance(value, np.ndarray) else 0


class _Splitter(_Pickler):  # type: ignore[misc]
    """Puts what is large apart, and numbers in its place."""

    def __init__(self, stream: io.BytesIO, apart: list[Any]) -> None:
        super().__init__(stream, protocol=pickle.HIGHEST_PROTOCOL)
        self._apart = apart
        self._places: dict[int, int] = {}

    def persistent_id(self, value: object) -> int | None:
        """Where it lies among what is apart."""
        if not _is_apart(value):
            return None
        place = self._places.setdefault(id(value), len(self._apart))
        if place == len(self._apart):
            self._apart.append(value)
        return place


class _Referrer(_Pickler):  # type: ignore[misc]
    def __init__(self, stream: io.BytesIO, places: dict[int, int]) -> None:
        super().__init__(stream, protocol=pickle.HIGHEST_PROTOCOL)
        self._places = places

    def persistent_id(self, value: object) -> int | None:
        """Its place, if it came from the driver and is as it was."""
        return self._places.get(id(value))


class _Joiner(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, apart: list[Any]) -> None:
        super().__init__(stream)
        self._apart = apart

    def persistent_load(self, place: int) -> Any:
        """What lies there."""
        return self._apart[place]
