"""A reader of schema registries that speak Confluent's REST interface."""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from uuid import UUID

from sentinel.clock import Clock
from sentinel.config.registry import SchemaRegistry as Settings
from sentinel.errors import SourceError
from sentinel.events.batch import Reason
from sentinel.events.codecs.framing import SchemaKey
from sentinel.events.codecs.repair import RejectedEventError
from sentinel.events.codecs.schemas import Schema, unusable
from sentinel.ingest.registry_http import Answer, Ask, make_ask
from sentinel.logs import get_logger

log = get_logger(__name__)

REFUSED_SECONDS = 30.0
"""How long a schema stays unknown before it is asked for again: a registry may learn of it late from its leader."""
RETRY_SECONDS = 1.0
"""How long a registry that did not answer is left alone."""
MAX_REFERENCES = 200
"""Schemas that one schema may refer to, directly or not."""

_MAX_REFUSED = 10_000
_SERIALIZED = "?format=serialized"
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]*={0,2}\s*")
_NOT_FOUND, _OK = 404, 200
_NO_SUCH_SCHEMA = frozenset((40401, 40402, 40403))  # no such subject, version, schema
_HINTS = {
    301: "it redirects: write the address that it names",
    302: "it redirects: write the address that it names",
    307: "it redirects: write the address that it names",
    308: "it redirects: write the address that it names",
    401: "check username and password, or the token",
    403: "this user may not read schemas",
    404: "there is no such interface: check the path in urls; schemas by GUID need a registry that knows GUIDs",
}


class RegistryUnavailableError(SourceError):
    """No schema registry gives an answer that can be used, so nothing is known of the message: neither good nor bad."""


class SchemaRegistry:
    """Finds schemas by the id or GUID that messages name. Called by one thread, the loop; it waits for the answer.

    A registry that answers is kept to; one that does not is passed over for the next address. When none answers, that
    is remembered for ``RETRY_SECONDS``, in which nobody is asked; it is logged as it begins and as it ends.
    Found schemas are not kept here but, parsed, by the readers that asked.

    Parameters
    ----------
    settings : sentinel.config.registry.SchemaRegistry
    clock : Clock
    ask : callable, optional
        Puts one question to one address.
    """

    def __init__(self, settings: Settings, clock: Clock, ask: Ask | None = None) -> None:
        self._urls = list(settings.urls)
        self._clock = clock
        self._ask = ask or make_ask(settings)
        self._refused: OrderedDict[SchemaKey, tuple[float, RejectedEventError]] = OrderedDict()
        self._failure: RegistryUnavailableError | None = None
        self._retry_at = 0.0

    def find(self, key: SchemaKey) -> Schema:
        """Find a schema, with all that it refers to; its text is the schema's own.

        Raises
        ------
        RejectedEventError
            If the registry says that there is no such schema.
        RegistryUnavailableError
            If it says nothing that can be used.
        """
        return self._find(key, "")

    def find_serialized(self, key: SchemaKey) -> Schema:
        """Find a Protobuf schema in its serialised form, since nothing but protoc reads the other.

        Raises
        ------
        RejectedEventError, RegistryUnavailableError
            As :meth:`find`.
        """
        return self._find(key, _SERIALIZED)

    def _find(self, key: SchemaKey, query: str) -> Schema:
        until, refusal = self._refused.get(key, (0.0, None))
        if refusal is not None and until > self._clock.monotonic():
            raise refusal.with_traceback(None)
        kind = "guids" if isinstance(key, UUID) else "ids"
        try:
            found = self._get(f"/schemas/{kind}/{key}{query}")
            if found is None:
                raise _unknown(key)
            return self._schema(found, query, {}, ())
        except RejectedEventError as error:
            self._refused[key] = self._clock.monotonic() + REFUSED_SECONDS, error
            self._refused.move_to_end(key)
            if len(self._refused) > _MAX_REFUSED:
                self._refused.popitem(last=False)
            raise

    def _schema(
        self,
        found: Mapping[str, Any],
        query: str,
        seen: dict[tuple[str, int], Schema],
        path: tuple[tuple[str, int], ...],
    ) -> Schema:
        """Read what a registry says of a schema, and look up what it refers to."""
        references = []
        for reference in found.get("references") or []:
            name, subject, version = reference["name"], reference["subject"], int(reference["version"])
            at = subject, version
            if at in path:
                raise unusable("its references form a circle")
            if at not in seen:
                if len(seen) + len(path) >= MAX_REFERENCES:
                    raise unusable(f"it refers to more than {MAX_REFERENCES} others")
                inner = self._get(f"/subjects/{quote(subject, safe='')}/versions/{version}{query}")
                if inner is None:
                    raise unusable("the registry does not have what it refers to")
                seen[at] = self._schema(inner, query, seen, (*path, at))
            references.append((name, seen[at]))
        return Schema(found.get("schemaType") or "AVRO", found["schema"], tuple(references))

    def _get(self, path: str) -> Mapping[str, Any] | None:
        """Ask the addresses in turn; None where the first that answers says that there is no such thing."""
        if self._failure is not None and self._clock.monotonic() < self._retry_at:
            raise self._failure.with_traceback(None)
        faults = []
        for url in list(self._urls):
            try:
                found = _understood(self._ask(url, path), path)
            except (OSError, ValueError) as error:
                faults.append(f"{url}: {error}")
                self._urls.append(self._urls.pop(0))  # the next question goes to the next address
                continue
            self._note_answer(url)
            return found
        raise self._note_failure("; ".join(faults))

    def _note_answer(self, url: str) -> None:
        if self._failure is not None:
            self._failure = None
            log.info("schema_registry_answers", url=url)

    def _note_failure(self, faults: str) -> RegistryUnavailableError:
        self._retry_at = self._clock.monotonic() + RETRY_SECONDS
        if self._failure is None:
            hint = "events that need a schema wait until it answers; nothing is lost"
            log.error("schema_registry_unavailable", error=faults, hint=hint)
        self._failure = RegistryUnavailableError(f"no schema registry answers ({faults})")
        return self._failure


def _understood(answer: Answer, path: str) -> Mapping[str, Any] | None:
    """What an answer says; None for 'there is no such schema', which only a registry can say.

    Raises
    ------
    ValueError
        If it is not the answer of a registry, or that of one that is in trouble.
    """
    try:
        content: object = json.loads(answer.body)
    except (ValueError, RecursionError):
        content = None
    if answer.status == _NOT_FOUND and isinstance(content, dict) and content.get("error_code") in _NO_SUCH_SCHEMA:
        return None
    if answer.status != _OK:
        hint = _HINTS.get(answer.status, "")
        raise ValueError(f"status {answer.status}" + (f": {hint}" if hint else ""))
    if not isinstance(content, dict) or not _is_schema(content):
        raise ValueError(f"the answer to {path} is not that of a schema registry")
    if (
        path.endswith(_SERIALIZED)
        and content.get("schemaType") == "PROTOBUF"
        and not _BASE64.fullmatch(content["schema"])
    ):
        raise ValueError("it does not serialise Protobuf schemas: name a schema_file in the format instead")
    return content


def _is_schema(content: Mapping[str, Any]) -> bool:
    if not isinstance(content.get("schema"), str) or not isinstance(content.get("schemaType"), str | None):
        return False
    references = content.get("references")
    return references is None or (isinstance(references, list) and all(map(_is_reference, references)))


def _is_reference(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("name"), str)
        and isinstance(entry.get("subject"), str)
        and type(entry.get("version")) is int
    )


def _unknown(key: SchemaKey) -> RejectedEventError:
    named = f"schema {key}" if isinstance(key, int) else f"schema of GUID {key}"
    return RejectedEventError(Reason.UNKNOWN_SCHEMA, f"the registry has no {named}")
