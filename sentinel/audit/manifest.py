"""The manifest: what a team states of its own split, read strictly and kept whole."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from sentinel.config.errors import ConfigError, Keys, Location, format_path
from sentinel.config.text import check_tag, compose, location_of, read_scalar
from sentinel.config.times import parse_time_us
from sentinel.errors import BaselineError


def read_manifest(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a manifest; every key is optional, and keys that are not known are kept: the manifest also documents.

    ``split: {protocol, seed}``
        How rows were parted: ``random``, ``time``, ``group``.
    ``train: {rows, start, end}``
    ``go_live``
        When the model went live, RFC 3339.
    ``candidates``, ``candidates_correlation``
        Models compared on the validation rows, and how their estimates correlate (0 to below 1, .5 by default).
    ``fit_statistics: {feature: {mean, sd, n}}``
        What the preprocessing was fitted to.
    ``encoder_categories: {feature: [category, ...]}``
        What the encoder knows.
    ``oversampling``
        ``before_split``, ``after_split`` or ``none``.
    ``serving_defaults: {feature: value}``
        What a feature is served as where its value is not known yet; null where nothing is served.

    Returns
    -------
    dict of plain values

    Raises
    ------
    BaselineError
        If the file cannot be read, is no YAML mapping, or states one of the known keys in another shape. Names the
        file and the line.
    """
    source = os.fspath(path)
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BaselineError(f"{source}: cannot read the manifest: {error}") from error
    return parse_manifest(text, source)


def parse_manifest(text: str, source: str) -> dict[str, Any]:
    """The same of YAML, or JSON, that is no file; ``source`` is its name in messages.

    Raises
    ------
    BaselineError
        As `read_manifest` does.
    """
    lines: dict[Keys, Location] = {}
    try:
        plain = _plain(compose(text, source), (), source, lines)
    except ConfigError as error:
        raise BaselineError(str(error)) from error
    if not isinstance(plain, dict):
        raise BaselineError(f"{source}:1: a manifest is a mapping, such as split: {{protocol: time}}")
    for keys, (kind, what) in _known(plain).items():
        _check(plain, keys, kind, what, lines)
    return plain


_KNOWN: Mapping[Keys, tuple[type, str]] = {
    ("split",): (dict, "a mapping such as {protocol: time}"),
    ("split", "protocol"): (str, "a word: random, time, group"),
    ("split", "seed"): (int, "a whole number"),
    ("train",): (dict, "a mapping such as {rows: 1000}"),
    ("train", "rows"): (int, "a whole number"),
    ("train", "start"): (str, "an RFC 3339 time"),
    ("train", "end"): (str, "an RFC 3339 time"),
    ("go_live",): (str, "an RFC 3339 time"),
    ("oversampling",): (str, "a word: before_split, after_split, none"),
    ("fit_statistics",): (dict, "a mapping of features such as {age: {mean: 41.2, sd: 9.7, n: 1000}}"),
    ("encoder_categories",): (dict, "a mapping of features such as {plan: [free, pro]}"),
    ("serving_defaults",): (dict, "a mapping of features such as {call_seconds: 0}"),
    ("candidates_correlation",): (float, "a number from 0 to below 1"),
    ("candidates",): (int, "how many models were compared, 1 or more"),
}


_STATISTIC: Final = "a number"


def _known(plain: Mapping[str, Any]) -> dict[Keys, tuple[type, str]]:
    """The rules, those for each feature that is named included."""
    known = dict(_KNOWN)
    fitted, encoded = plain.get("fit_statistics"), plain.get("encoder_categories")
    for name in fitted if isinstance(fitted, dict) else ():
        known["fit_statistics", name] = (dict, "a mapping such as {mean: 41.2, sd: 9.7, n: 1000}")
        known |= {("fit_statistics", name, part): (float, _STATISTIC) for part in ("mean", "sd")}
        known["fit_statistics", name, "n"] = (int, "a whole number")
    for name in encoded if isinstance(encoded, dict) else ():
        known["encoder_categories", name] = (list, "a list of categories")
    return known


def _check(plain: Mapping[str, Any], keys: Keys, kind: type, what: str, lines: Mapping[Keys, Location]) -> None:
    value: Any = plain
    for key in keys:
        if not isinstance(value, dict) or value.get(str(key)) is None:
            return
        value = value[str(key)]
    right = isinstance(value, (int, float) if kind is float else kind) and not isinstance(value, bool)
    if right and keys[-1] in ("start", "end", "go_live"):
        right = _is_time(value)
    if right and keys == ("candidates_correlation",):
        right = 0 <= value < 1
    if right and keys == ("oversampling",):
        right = value in ("before_split", "after_split", "none")
    if right and keys[-1] in ("candidates", "rows"):
        right = value >= 1
    if not right:
        place = lines[keys]
        raise BaselineError(f"{place.source}:{place.line}: {format_path(keys)} must be {what}, not {value!r:.60}")


def _is_time(value: str) -> bool:
    try:
        parse_time_us(value)
    except ValueError:
        return False
    return True


def _plain(node: yaml.Node, keys: Keys, source: str, lines: dict[Keys, Location]) -> Any:
    lines[keys] = location_of(node, source)
    check_tag(node, keys, source)
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            name = str(key_node.value)
            if name in result:
                raise ConfigError("the key stands twice", keys=(*keys, name), location=location_of(key_node, source))
            result[name] = _plain(value_node, (*keys, name), source, lines)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*keys, i), source, lines) for i, item in enumerate(node.value)]
    if not isinstance(node, yaml.ScalarNode):
        raise ConfigError("neither a value, a list nor a mapping", keys=keys, location=lines[keys])
    try:
        # A manifest is stored in the baseline: nothing of the environment may enter it.
        return read_scalar(yaml.ScalarNode(node.tag, node.value.replace("$", "$$"), style=node.style), {}).value
    except ValueError as error:
        raise ConfigError(str(error), keys=keys, location=lines[keys]) from error
