"""How the bytes of a topic's messages are written, and which settings of it fit together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sentinel.config.errors import ConfigError

if TYPE_CHECKING:
    from sentinel.config.formats import Format

Encoding = Literal["json", "json-schema", "avro", "protobuf"]

KNOWN_MESSAGES = frozenset(("inference.ModelInferRequest", "inference.ModelInferResponse"))
"""Protobuf messages that need no schema: they are part of a published protocol."""
_BINARY = ("avro", "protobuf")


def is_framed(format_: Format) -> bool:
    """Whether a binary message says which schema it was written with: unless told, where none is named beforehand.

    JSON is read with and without framing, whatever is configured.
    """
    if format_.encoding not in _BINARY:
        return False
    return format_.framed if format_.framed is not None else needs_registry(format_)


def needs_registry(format_: Format) -> bool:
    """Whether schemas have to be looked up."""
    is_known = format_.message in KNOWN_MESSAGES and format_.framed is not True
    return format_.encoding in _BINARY and format_.schema_file is None and not is_known


def check_encoding(format_: Format) -> None:
    """Check what the settings of an encoding say of each other.

    Raises
    ------
    ConfigError
    """
    encoding = format_.encoding
    for name in ("schema_file", "message", "framed"):
        wanted = ("protobuf",) if name == "message" else _BINARY
        if getattr(format_, name) is not None and encoding not in wanted:
            message = f"{name} has no effect with encoding {encoding} (it is for {', '.join(wanted)})"
            raise ConfigError(message, keys=(name,))
    if encoding == "protobuf" and format_.schema_file is not None and format_.message is None:
        hint = "its full name, for example example.v1.Prediction"
        raise ConfigError(
            "a descriptor set holds many messages: name one with message", keys=("schema_file",), hint=hint
        )
    if format_.framed is False and needs_registry(format_):
        raise ConfigError("without framing no message names its schema", keys=("framed",), hint="set schema_file")
