"""The manifest: what a team states of its own split, read strictly and kept whole."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sized
from pathlib import Path
from typing import Any, Final

import yaml

from sentinel.audit.files.manifest_shapes import shaped
from sentinel.config.errors import ConfigError, Keys, Location, format_path
from sentinel.config.text import check_tag, compose, location_of, read_scalar
from sentinel.errors import BaselineError


def read_manifest(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a manifest; every key is optional, and keys that are not known are kept: the manifest also documents.

    ``split: {protocol, seed}``
        How rows were parted: ``random``, ``time``, ``group``.
    ``train: {rows, start, end}``
    ``go_live``
        When the model went live, RFC 3339.
    ``candidates``, ``candidates_correlation``
        Models compared on the validation rows: how many, or the score of each, as a list or by name. And how their
        estimates correlate (0 to below 1, .5 by default).
    ``fit_statistics: {feature: {mean, sd, variance, median, min, max, max_abs, iqr, quantiles, most_frequent, n}}``
        What the preprocessing was fitted to; ``imputed`` is what missing values were replaced by before mean, sd and
        variance were taken, ``subsample`` how many rows a statistic was taken from at most.
    ``encoder_categories: {feature: [category, ...]}``
        What the encoder knows.
    ``vocabularies: {column: [token, ...]}``
        What the vectoriser of a text knows.
    ``target_encodings: {feature: {category: mean}}``
        The mean outcome that stands for each category.
    ``selected_features: {method, k, features, of}``
        Which features were kept, ``of`` which (all by default): by ``univariate_f``, ``mutual_information``,
        ``correlation``, ``variance`` or ``other``.
    ``pca: {columns, mean}``
        What the projection takes from each of its columns.
    ``fitted_pipeline``
        Path of a fitted scikit-learn pipeline: what it holds is as good as stated here.
    ``oversampling``
        ``before_split``, ``after_split`` or ``none``.
    ``stated_metrics: {auc | rmse | accuracy: number}``
        What is said to have been measured on the validation rows.
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
    for keys, value, shape in shaped(plain):
        if not shape.fits(value):
            place, found = lines[keys], f"{value!r:.60}" if shape.is_shown else "what stands there"
            raise BaselineError(f"{place.source}:{place.line}: {format_path(keys)} must be {shape.words}, not {found}")
    pca = plain.get("pca") or {}
    if len(pca.get("columns") or ()) != len(pca.get("mean") or ()):
        place = lines["pca",]
        raise BaselineError(f"{place.source}:{place.line}: pca must state as many means as columns")
    return plain


def without_values(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest to be kept or shown: how many categories, tokens and statistics it states, and none of them.

    Examples
    --------
    >>> without_values({"split": {"protocol": "time"}, "encoder_categories": {"plan": ["free", "pro"]}})
    {'split': {'protocol': 'time'}, 'encoder_categories': {'plan': 2}}
    """
    return {key: _counted(value) if key in _OF_VALUES else value for key, value in manifest.items()}


_OF_VALUES: Final = ("encoder_categories", "vocabularies", "target_encodings", "fit_statistics", "pca")


def _counted(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return None
    return {name: len(some) if isinstance(some, Sized) else None for name, some in value.items()}


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
