"""Strict YAML: text becomes a tree of nodes that know their lines, and a scalar becomes a plain value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import yaml

from sentinel.config.errors import ConfigError, Keys, Location

_STRING = "tag:yaml.org,2002:str"
_NULL = "tag:yaml.org,2002:null"
_BOOL = "tag:yaml.org,2002:bool"
_INT = "tag:yaml.org,2002:int"
_FLOAT = "tag:yaml.org,2002:float"
_COLLECTIONS = {"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}

# The core schema of YAML 1.2, without its octals and infinities: under YAML 1.1 `no` is false, 12:30 is 750
# and 010 is 8, which nobody means in a configuration.
_PLAIN: tuple[tuple[str, str, str], ...] = (
    (_NULL, r"~|null|Null|NULL|", "~nN\0"),
    (_BOOL, r"true|True|TRUE|false|False|FALSE", "tTfF"),
    (_INT, r"[-+]?(0|[1-9][0-9]{0,17})", "-+0123456789"),
    (_FLOAT, r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]{1,3})?", "-+.0123456789"),
)
_CONSTRUCT: dict[str, Callable[[str], object]] = {
    _NULL: lambda _: None,
    _BOOL: lambda text: text.lower() == "true",
    _INT: int,
    _FLOAT: float,
    _STRING: str,
}
_REFERENCE = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<opened>\{(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<fallback>:-[^}]*)?\})?))"
)


class _StrictLoader(yaml.SafeLoader):
    """Resolves plain scalars by ``_PLAIN`` only."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 # PyYAML's name and shape


for _tag, _expression, _first in _PLAIN:
    _StrictLoader.add_implicit_resolver(
        _tag, re.compile(rf"(?:{_expression})\Z"), ["" if char == "\0" else char for char in _first]
    )


@dataclass(frozen=True, slots=True)
class Scalar:
    """A plain value, and how it came about."""

    value: object
    text: str
    """As written, or as expanded from the environment."""
    from_environment: bool


def compose(text: str, source: str) -> yaml.Node:
    """Parse one YAML document into its nodes.

    Raises
    ------
    ConfigError
        If the text is not YAML, empty, or holds more than one document.
    """
    try:
        node = _StrictLoader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        # Not chained: the cause quotes the line, which may hold a secret.
        raise _syntax_error(error, source) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"the character U+{int(error.character):04X} is not allowed"
        raise ConfigError(message, location=Location(source, line)) from None
    except RecursionError:
        raise ConfigError("nested too deeply", location=Location(source)) from None
    if node is None:
        message = "the file is empty"
        raise ConfigError(message, location=Location(source), hint="it needs at least apiVersion and models")
    return node


def _syntax_error(error: yaml.MarkedYAMLError, source: str) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    if error.problem == "but found another document":
        problem, hint = "a second document begins here", "keep one configuration in a file"
    else:
        problem, hint = _without_values(error.problem or "not YAML")
    location = Location(source, mark.line + 1, mark.column + 1) if mark else Location(source)
    return ConfigError(f"not valid YAML: {problem}", location=location, hint=hint)


def _without_values(problem: str) -> tuple[str, str]:
    """Cut what the parser quotes: an unquoted password that begins with * or ! would be part of it."""
    match = re.search(r"(alias|anchor|tag handle)(?= )", problem)
    return (problem[: match.end()], "quote a value that begins with *, & or !") if match else (problem, "")


def location_of(node: yaml.Node, source: str) -> Location:
    """Where a node begins."""
    return Location(source, node.start_mark.line + 1, node.start_mark.column + 1)


def check_tag(node: yaml.Node, keys: Keys, source: str) -> None:
    """Refuse tags that would change what a value means.

    Raises
    ------
    ConfigError
        If the node carries another tag than the one that its form implies.
    """
    if isinstance(node, yaml.ScalarNode):
        allowed = {_STRING, _resolve(node.value) if node.style is None else _STRING}
    else:
        allowed = _COLLECTIONS
    if node.tag not in allowed:
        hint = "quote a value that begins with !"
        raise ConfigError("tags are not supported", keys=keys, hint=hint, location=location_of(node, source))


def read_scalar(node: yaml.ScalarNode, environ: Mapping[str, str]) -> Scalar:
    """The value of a scalar with its ``${NAME}`` filled in; a filled plain scalar is typed afterwards.

    Raises
    ------
    ValueError
        If a variable is not set and has no default, or a reference is malformed.
    """
    text = expand(node.value, environ)
    if text == node.value:
        return Scalar(_CONSTRUCT[node.tag](text), text, from_environment=False)
    tag = _resolve(text) if node.style is None else _STRING
    if tag == _NULL and text:
        tag = _STRING  # an empty variable means nothing; one that says "null" may be a password
    return Scalar(_CONSTRUCT[tag](text), text, from_environment=True)


def expand(text: str, environ: Mapping[str, str]) -> str:
    """Fill in ``${NAME}`` and ``${NAME:-default}``; ``$$`` is one dollar sign, another ``$`` itself.

    The default also replaces an empty variable, as in a shell.

    Raises
    ------
    ValueError
        If a variable is not set and has no default, or ``${`` does not open a reference.

    Examples
    --------
    >>> expand("${HOST:-localhost}:9092 costs $$5", {})
    'localhost:9092 costs $5'
    """

    def fill(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        name, fallback = match["name"], match["fallback"]
        if name is None:
            raise ValueError(
                "${ opens a reference to the environment but is not one: write ${NAME}, or $${ for the text"
            )
        if fallback is not None:
            return environ.get(name) or fallback[2:]
        if name not in environ:
            raise ValueError(f"the environment variable {name} is not set")
        return environ[name]

    return _REFERENCE.sub(fill, text)


def _resolve(text: str) -> str:
    for tag, expression, _ in _PLAIN:
        if re.fullmatch(expression, text):
            return tag
    return _STRING
