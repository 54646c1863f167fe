"""How large a Protobuf payload may be before its parser could ask for too much memory."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor

MAX_PARSED_BYTES: Final = 256 * 1024 * 1024
"""Memory that one message may take while it is read."""

_LEAST_BYTES = 2  # an empty message within another: its tag and its length
_EMPTY_BYTES = 32  # what the parser keeps of it, whatever its type
_FIELD_BYTES = 16  # and for each field that the type has, set or not
_OFTEN = 16


def most_bytes(descriptor: Descriptor) -> int:
    """The largest payload that is read: two bytes may stand for a message that takes room for all its fields.

    Only types that can stand in a payload many times count: repeated ones, and those that contain themselves. So an
    event of thousands of fields, which stands there once, is as large as it likes.

    Parameters
    ----------
    descriptor : Descriptor

    Returns
    -------
    int, bytes
    """
    widest = max((len(one.fields) for one in _often(descriptor).values()), default=0)
    per_byte = (_EMPTY_BYTES + _FIELD_BYTES * widest) / _LEAST_BYTES
    return int(MAX_PARSED_BYTES / per_byte)


def _often(descriptor: Descriptor) -> dict[str, Any]:
    """Types of messages that may stand in one payload more than a few times."""
    times: Counter[str] = Counter()
    often: dict[str, Any] = {}
    waiting: list[tuple[Any, bool]] = [(descriptor, False)]
    while waiting:
        one, many = waiting.pop()
        times[one.full_name] += 1
        many = many or times[one.full_name] > _OFTEN
        if one.full_name in often:
            continue
        if many:
            often[one.full_name] = one
        waiting += [
            (field.message_type, many or is_repeated(field)) for field in one.fields if field.message_type is not None
        ]
    return often


def is_repeated(field: Any) -> bool:
    """Whether a field is a list or a map; in every supported version: ``is_repeated`` came as ``label`` went."""
    repeated = getattr(field, "is_repeated", None)
    return bool(field.label == field.LABEL_REPEATED) if repeated is None else bool(repeated)
