"""What each known key of a manifest may hold, in words and as a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sentinel.config.errors import Keys
from sentinel.config.times import parse_time_us

ANY: Final = "*"
"""In a pattern: whatever key stands there."""
METHODS: Final = ("univariate_f", "mutual_information", "correlation", "variance", "other")
"""How features may have been selected."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a value must be.

    Parameters
    ----------
    fits : callable
    words : str
        Follows "must be".
    is_shown : bool
        Whether a message may repeat what stands there instead; never where categories do.
    """

    fits: Callable[[Any], bool]
    words: str
    is_shown: bool = True


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _at_least(least: int) -> Callable[[Any], bool]:
    return lambda value: _whole(value) and value >= least


def _mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _list_of(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(fits, value))


def _time(value: Any) -> bool:
    try:
        parse_time_us(value)
    except (ValueError, TypeError, AttributeError):
        return False
    return True


def _scalar(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _numbers_by_name(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_number, value.values()))


def _candidates(value: Any) -> bool:
    scores = list(value.values()) if isinstance(value, dict) else value
    return _at_least(1)(value) or (bool(scores) and _list_of(_number)(scores))


def _quantiles(value: Any) -> bool:
    return _numbers_by_name(value) and all(_is_share(key) for key in value)


def _is_share(text: str) -> bool:
    try:
        return 0.0 <= float(text) <= 1.0
    except ValueError:
        return False


_FITTED: Final = ("fit_statistics", ANY)
_SELECTED: Final = "selected_features"
SHAPES: Final[Mapping[tuple[str, ...], Shape]] = {
    ("split",): Shape(_mapping, "a mapping such as {protocol: time}"),
    ("split", "protocol"): Shape(_text, "a word: random, time, group"),
    ("split", "seed"): Shape(_whole, "a whole number"),
    ("train",): Shape(_mapping, "a mapping such as {rows: 1000}"),
    ("train", "rows"): Shape(_at_least(1), "a whole number"),
    ("train", "start"): Shape(_time, "an RFC 3339 time"),
    ("train", "end"): Shape(_time, "an RFC 3339 time"),
    ("go_live",): Shape(_time, "an RFC 3339 time"),
    ("oversampling",): Shape(
        lambda value: value in ("before_split", "after_split", "none"), "a word: before_split, after_split, none"
    ),
    ("fit_statistics",): Shape(_mapping, "a mapping of features such as {age: {mean: 41.2, sd: 9.7, n: 1000}}"),
    _FITTED: Shape(_mapping, "a mapping such as {mean: 41.2, sd: 9.7, n: 1000}"),
    **{
        (*_FITTED, part): Shape(_number, "a number")
        for part in ("mean", "sd", "variance", "median", "min", "max", "max_abs", "iqr", "imputed")
    },
    **{(*_FITTED, part): Shape(_whole, "a whole number") for part in ("n", "subsample")},
    (*_FITTED, "most_frequent"): Shape(_scalar, "one category or number", is_shown=False),
    (*_FITTED, "quantiles"): Shape(_quantiles, "a mapping of shares such as {0.25: 31.5, 0.75: 52}", is_shown=False),
    ("encoder_categories",): Shape(_mapping, "a mapping of features such as {plan: [free, pro]}", is_shown=False),
    ("encoder_categories", ANY): Shape(_list_of(lambda _: True), "a list of categories", is_shown=False),
    ("vocabularies",): Shape(_mapping, "a mapping of columns such as {note: [late, refund]}", is_shown=False),
    ("vocabularies", ANY): Shape(_list_of(_scalar), "a list of tokens", is_shown=False),
    ("target_encodings",): Shape(_mapping, "a mapping of features such as {plan: {free: 0.11}}", is_shown=False),
    ("target_encodings", ANY): Shape(_numbers_by_name, "a mapping of categories to numbers", is_shown=False),
    (_SELECTED,): Shape(_mapping, "a mapping such as {method: univariate_f, k: 10, features: [age]}"),
    (_SELECTED, "method"): Shape(lambda value: value in METHODS, f"a word: {', '.join(METHODS)}"),
    (_SELECTED, "k"): Shape(_at_least(1), "a whole number, 1 or more"),
    (_SELECTED, "features"): Shape(_list_of(_text), "a list of features"),
    (_SELECTED, "of"): Shape(_list_of(_text), "a list of features"),
    ("pca",): Shape(_mapping, "a mapping such as {columns: [age], mean: [41.2]}"),
    ("pca", "columns"): Shape(_list_of(_text), "a list of features"),
    ("pca", "mean"): Shape(_list_of(_number), "a list of numbers, one for each of its columns"),
    ("fitted_pipeline",): Shape(_text, "the path of a file"),
    ("stated_metrics",): Shape(_numbers_by_name, "a mapping of metrics such as {auc: 0.91}"),
    ("serving_defaults",): Shape(_mapping, "a mapping of features such as {call_seconds: 0}"),
    ("candidates_correlation",): Shape(lambda value: _number(value) and 0 <= value < 1, "a number from 0 to below 1"),
    ("candidates",): Shape(_candidates, "how many models were compared, 1 or more, or the score of each"),
}


def shaped(plain: Mapping[str, Any]) -> Iterator[tuple[Keys, Any, Shape]]:
    """Every value that stands under a known key, with its keys and its rule; a null is no value."""
    for pattern, shape in SHAPES.items():
        for keys, value in _matching(plain, pattern):
            yield keys, value, shape


def _matching(plain: Any, pattern: tuple[str, ...], before: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    if not pattern:
        yield before, plain
        return
    first, *rest = pattern
    if not isinstance(plain, dict):
        return
    for key in plain if first == ANY else (first,):
        if plain.get(key) is not None:
            yield from _matching(plain[key], tuple(rest), (*before, key))
