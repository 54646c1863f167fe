"""Reads a configuration file strictly, and prints a configuration without its secrets."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from sentinel.config.bind import Origin, bind
from sentinel.config.errors import ConfigError, Location
from sentinel.config.settings import Config
from sentinel.config.text import compose


def load_config(
    path: str | os.PathLike[str], environ: Mapping[str, str] | None = None, *, hints: list[str] | None = None
) -> Config:
    """Read a configuration file.

    Parameters
    ----------
    path : path
        A YAML file in UTF-8. Relative paths in it start from its folder.
    environ : mapping, optional
        What ``${NAME}`` refers to; the process's environment by default.
    hints : list of str, optional
        Filled with what is valid and had better be written otherwise.

    Raises
    ------
    ConfigError
        If the file cannot be read, or at the first fault in it.
    """
    source = os.fspath(path)
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        message = f"cannot read the configuration: {error.strerror}"
        raise ConfigError(message, location=Location(source)) from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        # Not chained: the cause holds the whole file, secrets included.
        raise ConfigError("not UTF-8 text", location=Location(source, line)) from None
    directory = Path(path).absolute().parent
    known = os.environ if environ is None else environ
    return parse_config(text, source, known, directory=directory, hints=hints)


def parse_config(
    text: str,
    source: str = "<string>",
    environ: Mapping[str, str] | None = None,
    *,
    directory: Path | None = None,
    hints: list[str] | None = None,
) -> Config:
    """Read a configuration from text.

    Parameters
    ----------
    text : str
        YAML.
    source : str
        Its name in messages.
    environ : mapping, optional
        What ``${NAME}`` refers to; nothing by default.
    directory : Path, optional
        What relative paths start from; without it they are left as they are.
    hints : list of str, optional
        Filled with what is valid and had better be written otherwise.

    Raises
    ------
    ConfigError
        At the first fault, with its line and column.
    """
    node = compose(text, source)
    config = bind(Origin(source, environ or {}, directory, [] if hints is None else hints), node, Config)
    if not isinstance(config, Config):  # pragma: no cover # bind's result follows its argument
        raise TypeError(type(config).__name__)
    return config


def dump_config(config: Config) -> str:
    """The effective configuration, defaults included, as YAML in which every secret reads ``<secret>``."""
    return yaml.safe_dump(config_as_builtins(config), sort_keys=False, allow_unicode=True)


def config_as_builtins(config: Config) -> dict[str, Any]:
    """The effective configuration as dictionaries, lists and plain values, secrets redacted."""
    plain: dict[str, Any] = msgspec.to_builtins(config, enc_hook=str)
    return plain
