"""The settings of one model from keyword arguments, judged by the same rules as a configuration file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from sentinel.audit.files.manifest import parse_manifest, read_manifest
from sentinel.config import load_config, parse_config
from sentinel.config.errors import ConfigError
from sentinel.config.model import Model
from sentinel.config.times import rfc3339_of
from sentinel.errors import FatalError
from sentinel.events.schema import Task

_ROOT: Final = ("models", 0)
_FIXED: Final = ("name", "version", "task", "slices", "built_in_slices", "threshold", "ranks")
"""What is counted by: the baseline's own."""


def settings_of(name: str, version: str, given: Mapping[str, Any]) -> Model:
    """Read keyword arguments as the configuration of a model is read.

    Parameters
    ----------
    name, version : str
    given : mapping
        Keys of a model in the configuration. Spans of time may be ``timedelta`` or text such as ``"14d"``.

    Raises
    ------
    ConfigError
        At the first fault; names the argument.

    Examples
    --------
    >>> settings_of("churn", "7", {"slices": ["region"], "outcome": {"horizon": timedelta(days=14)}}).outcome.horizon
    Duration('14d')
    """
    model = {"name": name, "version": version, **{key: value for key, value in given.items() if value is not None}}
    text = _json({"apiVersion": "sentinel/v1", "models": [model]})
    try:
        return parse_config(text.replace("$", "$$"), "arguments").models[0]
    except ConfigError as error:
        keys = error.keys[2:] if error.keys[:2] == _ROOT else error.keys
        raise ConfigError(error.message, keys=keys, hint=error.hint) from None  # its place is in text no one wrote


def with_settings(base: Model, given: Mapping[str, Any]) -> Model:
    """The same model with some settings replaced; None leaves one as it is."""
    known = {key: value for key, value in given.items() if value is not None}
    fixed = [key for key in known if key in _FIXED]
    if fixed:
        raise FatalError(f"{fixed[0]} is fixed by the baseline: build another one to change it")
    if not known:
        return base
    read = settings_of(base.name, base.version, {"task": base.task, **known})
    return msgspec.structs.replace(base, **{key: getattr(read, key) for key in known})


def of_config(path: str | os.PathLike[str], name: str | None, version: str | None) -> Model:
    """The settings that a configuration file has for one model.

    Raises
    ------
    FatalError
        If the file cannot be used, or not exactly one of its models fits.
    """
    models = load_config(path).models
    fitting = [m for m in models if name in (None, m.name) and version in (None, m.version)]
    if len(fitting) == 1:
        return fitting[0]
    known = ", ".join(f"{m.name} {m.version}" for m in models)
    raise FatalError(f"{os.fspath(path)} has the models {known}: choose one of them with model= and version=")


def chosen_settings(
    config: str | os.PathLike[str] | None, name: str | None, version: str | None, task: Task, given: Mapping[str, Any]
) -> Model:
    """The settings of a configuration file where one is given, else those of the arguments.

    Parameters
    ----------
    config : path or None
    name, version : str or None
        Of the model; ``"model"`` and ``"1"`` where neither a file nor the caller names it.
    task : str
    given : mapping
        As of :func:`settings_of`.

    Raises
    ------
    FatalError
        If both are given.
    """
    if config is None:
        return settings_of(name or "model", version or "1", {"task": task, **given})
    refuse_beside_config({**given, "task": None if task == "binary" else task})
    return of_config(config, name, version)


def refuse_beside_config(given: Mapping[str, Any]) -> None:
    """See that no setting is given twice.

    Raises
    ------
    FatalError
        Naming the first that is not None.
    """
    beside = [key for key, value in given.items() if value is not None]
    if beside:
        raise FatalError(f"{beside[0]} and config are both given: the configuration file holds all settings")


def manifest_of(given: Mapping[str, Any] | str | os.PathLike[str] | None) -> dict[str, Any]:
    """What is stated of the split, from a mapping or a YAML file, judged by the same rules."""
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return parse_manifest(_json(dict(given)), "manifest")
    return read_manifest(Path(given))


def _json(plain: Mapping[str, Any]) -> str:
    try:
        return json.dumps(plain, default=_plain, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise FatalError(f"the arguments hold what no configuration can: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return f"{round(value.total_seconds())}s"
    if isinstance(value, datetime):
        return rfc3339_of(value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC))
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):  # numpy's numbers and arrays, pandas' series
        return value.tolist()
    if isinstance(value, tuple | set | frozenset):
        return list(value)
    raise TypeError(f"{value!r:.60} is a {type(value).__name__}")
