"""What changed between two configurations, and what of it a reload cannot apply."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from sentinel.config.errors import Keys, format_path
from sentinel.config.settings import Config

RESTART_PREFIXES = ("source", "state", "web.listen", "web.config_file", "web.bearer_token_file", "web.max_connections")
"""Bound at start: connections, the store's folder and lock, the listening socket."""


def changed_paths(old: Config, new: Config) -> list[str]:
    """The settings that differ, as dotted paths in order.

    Models are matched by name and version, so their order does not matter; ``models['churn/7']`` alone means
    that the model came or went. Lists are compared as a whole. Values are never part of the result.
    """
    return sorted(format_path(keys) for keys in _differences((), _matched(old), _matched(new)))


def changed_plain_paths(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The same of configurations as plain values, as ``config_as_builtins`` makes them."""
    return sorted(format_path(keys) for keys in _differences((), _matched_plain(old), _matched_plain(new)))


def needs_restart(paths: Iterable[str]) -> list[str]:
    """Those of the changed paths that take effect only after a restart."""
    return [path for path in paths if any(_is_under(path, prefix) for prefix in RESTART_PREFIXES)]


def _is_under(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith((f"{prefix}.", f"{prefix}["))


def _matched(config: Config) -> dict[str, Any]:
    return _children(config) | {"models": {model.key: model for model in config.models}}


def _matched_plain(config: Mapping[str, Any]) -> dict[str, Any]:
    return {**config, "models": {f"{model['name']}/{model['version']}": model for model in config["models"]}}


def _children(struct: msgspec.Struct) -> dict[str, Any]:
    return dict(zip(struct.__struct_encode_fields__, msgspec.structs.astuple(struct), strict=True))


def _differences(keys: Keys, old: Any, new: Any) -> Iterator[Keys]:
    if isinstance(old, msgspec.Struct) and isinstance(new, msgspec.Struct):
        old, new = _children(old), _children(new)
    if not (isinstance(old, dict) and isinstance(new, dict)):
        if old != new:
            yield keys
        return
    for name in dict.fromkeys([*old, *new]):
        yield from _differences((*keys, name), old.get(name), new.get(name))
