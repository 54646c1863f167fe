"""Binds a tree of YAML nodes to the Structs of the configuration, and locates every fault."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, NoReturn, Union, get_args, get_origin, get_type_hints

import msgspec
import yaml

from sentinel.config import wording
from sentinel.config.durations import Duration
from sentinel.config.errors import ConfigError, Keys, Location, format_path
from sentinel.config.fields import IS_PATH
from sentinel.config.java_names import UntakenError
from sentinel.config.secrets import Secret, read_secret
from sentinel.config.sizes import Bytes
from sentinel.config.text import Scalar, check_tag, location_of, read_scalar

_FILE_SUFFIX = "_file"
_META_FIELDS = ("ge", "gt", "le", "lt", "min_length", "max_length", "pattern", "extra")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a configuration comes from."""

    source: str
    """Its name in messages."""
    environ: Mapping[str, str]
    """What ``${NAME}`` refers to."""
    directory: Path | None
    """What relative paths start from; None leaves them as they are."""
    hints: list[str] = dataclasses.field(default_factory=list)
    """Filled while reading: what is valid and had better be written otherwise."""


def bind(origin: Origin, node: yaml.Node, hint: Any, keys: Keys = ()) -> Any:
    """Read a node as a value of a type.

    Parameters
    ----------
    origin : Origin
    node : yaml.Node
    hint : type
        A Struct, a list, dict or union of such, or a plain type; ``Annotated`` with ``msgspec.Meta``.
    keys : tuple
        The way from the root to this node.

    Returns
    -------
    A value of that type.

    Raises
    ------
    ConfigError
        At the first fault, with its line.
    """
    check_tag(node, keys, origin.source)
    bare, limits = _strip(hint)
    if get_origin(bare) in (Union, UnionType):
        bare, inner = _strip(_choose(origin, node, bare, keys))
        limits |= inner
    if bare is NoneType:
        return None
    if isinstance(bare, type) and issubclass(bare, msgspec.Struct):
        return _bind_struct(origin, node, bare, keys)
    if get_origin(bare) is list:
        return _bind_list(origin, node, bare, limits, keys)
    if get_origin(bare) is dict:
        entries = _entries(origin, node, keys)
        item = get_args(bare)[1]
        return {name: bind(origin, value, item, (*keys, name)) for name, (_, value) in entries.items()}
    return _bind_scalar(origin, node, bare, limits, keys)


def _strip(hint: Any) -> tuple[Any, dict[str, Any]]:
    """Part ``Annotated`` into its type and the merged limits of its Metas."""
    if get_origin(hint) is not Annotated:
        return hint, {}
    bare, *metas = get_args(hint)
    limits: dict[str, Any] = {}
    for meta in metas:
        limits |= {name: getattr(meta, name) for name in _META_FIELDS if getattr(meta, name) is not None}
    return bare, limits


def _choose(origin: Origin, node: yaml.Node, union: Any, keys: Keys) -> Any:
    members = list(get_args(union))
    if NoneType in members:
        members.remove(NoneType)
        if isinstance(node, yaml.ScalarNode) and _scalar(origin, node, keys).value is None:
            return NoneType
    if len(members) == 1:
        return members[0]
    if isinstance(node, yaml.ScalarNode) and {float, str} <= set(members):
        value = _scalar(origin, node, keys).value
        return float if isinstance(value, int | float) and not isinstance(value, bool) else str
    # A union of several kinds has one for each form: text, a list, a mapping.
    return next((member for member in members if isinstance(node, _node_kind(member))), members[0])


def _bind_struct(origin: Origin, node: yaml.Node, struct: type[msgspec.Struct], keys: Keys) -> msgspec.Struct:
    entries = _entries(origin, node, keys)
    hints = get_type_hints(struct, include_extras=True)
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    entries = _translated(origin, entries, struct, fields, keys)
    for name, (key_node, _) in entries.items():
        if name not in fields:
            _fail(origin, key_node, f"unknown key {name!r}", keys, wording.suggest(name, list(fields)))
    values: dict[str, Any] = {}
    for name, field in fields.items():
        hint = hints[field.name]
        if name in entries:
            values[field.name] = bind(origin, entries[name][1], hint, (*keys, name))
        elif field.required:
            _fail(origin, node, f"missing key {name!r}", keys)
        else:
            values |= _default(origin, field, hint)
    values |= _secrets_from_files(origin, entries, hints, values, keys)
    try:
        return struct(**values)
    except ConfigError as error:
        raise error.located(_find(origin, node, error.keys), (*keys, *error.keys)) from None


def _translated(
    origin: Origin,
    entries: dict[str, tuple[yaml.Node, yaml.Node]],
    struct: type[msgspec.Struct],
    fields: Mapping[str, object],
    keys: Keys,
) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """Rename what stands under a name of another program's, where the Struct takes such."""
    translate = getattr(struct, "translate_names", None)
    if translate is None:
        return entries
    try:
        renamed, hints = translate(entries, fields)
    except UntakenError as error:
        _fail(origin, entries[error.name][0], f"{error.name} is not taken", keys, error.hint)
    place = f"{format_path(keys)}: " if keys else ""
    origin.hints.extend(f"{place}{hint}" for hint in hints)
    return dict(renamed)


def _default(origin: Origin, field: msgspec.structs.FieldInfo, hint: Any) -> dict[str, Any]:
    """The Struct's own defaults; a path in them starts from the same folder as a written one."""
    bare, limits = _strip(hint)
    if isinstance(bare, type) and issubclass(bare, msgspec.Struct):
        empty = yaml.MappingNode("tag:yaml.org,2002:map", [], yaml.Mark("", 0, 0, 0, None, 0), None)
        return {field.name: _bind_struct(origin, empty, bare, ())}
    if isinstance(field.default, str) and limits.get("extra", {}).get(IS_PATH):
        return {field.name: _resolve_path(origin, field.default)}
    return {}


def _secrets_from_files(
    origin: Origin,
    entries: Mapping[str, tuple[yaml.Node, yaml.Node]],
    hints: Mapping[str, Any],
    values: Mapping[str, Any],
    keys: Keys,
) -> dict[str, Secret]:
    secrets: dict[str, Secret] = {}
    for name, hint in hints.items():
        file = name + _FILE_SUFFIX
        if Secret not in get_args(_strip(hint)[0]) or values.get(file) is None:
            continue
        key_node, value_node = entries[file]
        if values.get(name) is not None:
            _fail(origin, key_node, f"both {name} and {file} are given", (*keys, file), "keep one")
        path = Path(values[file])
        try:
            secrets[name] = read_secret(path)
        except OSError as error:
            _fail(origin, value_node, f"cannot read {str(path)!r}: {error.strerror}", (*keys, file))
        except ValueError as error:
            _fail(origin, value_node, f"{str(path)!r} {error}", (*keys, file))
    return secrets


def _bind_list(origin: Origin, node: yaml.Node, hint: Any, limits: dict[str, Any], keys: Keys) -> list[Any]:
    if not isinstance(node, yaml.SequenceNode):
        _fail(origin, node, f"expected a list, got {_got(origin, node, keys)}", keys)
    values = [bind(origin, item, get_args(hint)[0], (*keys, index)) for index, item in enumerate(node.value)]
    shortest, longest = limits.get("min_length", 0), limits.get("max_length", len(values))
    if len(values) < shortest:
        _fail(origin, node, f"needs at least {shortest} item{'s' * (shortest > 1)}, not {len(values)}", keys)
    if len(values) > longest:
        _fail(origin, node, f"takes at most {longest} items, not {len(values)}", keys)
    return values


def _bind_scalar(origin: Origin, node: yaml.Node, bare: Any, limits: dict[str, Any], keys: Keys) -> Any:
    if not isinstance(node, yaml.ScalarNode):
        expected = wording.kind_name(bare)
        _fail(origin, node, f"expected {expected}, got {_got(origin, node, keys)}", keys)
    scalar = _scalar(origin, node, keys)
    if bare is Secret:
        return _bind_secret(origin, node, scalar, keys)
    if bare in (Duration, Bytes):
        return _bind_parsed(origin, node, bare, scalar, limits, keys)
    # A variable is text: where text is wanted, 12345 from the environment needs no quotes.
    value = scalar.text if bare is str and scalar.from_environment else scalar.value
    checked = {name: limits[name] for name in _META_FIELDS if name in limits and name != "extra"}
    try:
        value = msgspec.convert(value, Annotated[bare, msgspec.Meta(**checked)] if checked else bare)
    except msgspec.ValidationError:
        # Not chained: all that the cause knows is in the message, and it may quote the environment.
        message, hint = wording.fault(bare, limits, Scalar(value, scalar.text, scalar.from_environment))
        raise ConfigError(message, keys=keys, hint=hint, location=location_of(node, origin.source)) from None
    return _resolve_path(origin, value) if limits.get("extra", {}).get(IS_PATH) else value


def _bind_secret(origin: Origin, node: yaml.Node, scalar: Scalar, keys: Keys) -> Secret:
    if not isinstance(scalar.value, str) and not scalar.from_environment:
        _fail(origin, node, "expected a string", keys, "quote the secret")
    if not scalar.text:
        _fail(origin, node, "must not be empty", keys)
    return Secret(scalar.text)


def _bind_parsed(
    origin: Origin,
    node: yaml.Node,
    kind: type[Duration] | type[Bytes],
    scalar: Scalar,
    limits: dict[str, Any],
    keys: Keys,
) -> Duration | Bytes:
    try:
        value = kind.parse(scalar.value)
    except ValueError as error:
        _fail(origin, node, f"{error}, not {wording.describe(scalar)}", keys)
    message = wording.outside(limits, value)
    if message:
        _fail(origin, node, message, keys)
    return value


def _entries(origin: Origin, node: yaml.Node, keys: Keys) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        got = _got(origin, node, keys)
        hint = "remove the key to keep the defaults" if got == wording.NOTHING else ""
        _fail(origin, node, f"expected a mapping, got {got}", keys, hint)
    entries: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            _fail(origin, key_node, f"a key is text, not {_got(origin, key_node, keys)}", keys)
        name = key_node.value
        if name in entries:
            first = entries[name][0].start_mark.line + 1
            _fail(origin, key_node, f"the key {name!r} is already on line {first}", keys)
        entries[name] = key_node, value_node
    return entries


def _scalar(origin: Origin, node: yaml.ScalarNode, keys: Keys) -> Scalar:
    try:
        return read_scalar(node, origin.environ)
    except ValueError as error:
        _fail(origin, node, str(error), keys)


def _find(origin: Origin, node: yaml.Node, keys: Keys) -> Location:
    """Where the value at ``keys`` below ``node`` begins, or the last of its parents that was written."""
    for key in keys:
        if isinstance(node, yaml.SequenceNode) and isinstance(key, int):
            node = node.value[key]
        elif isinstance(node, yaml.MappingNode):
            node = next((value for name, value in node.value if name.value == key), node)
    return location_of(node, origin.source)


def _resolve_path(origin: Origin, value: str) -> str:
    return value if origin.directory is None else os.path.normpath(origin.directory / value)


def _node_kind(hint: Any) -> type[yaml.Node]:
    if get_origin(hint) is list:
        return yaml.SequenceNode
    is_mapping = isinstance(hint, type) and issubclass(hint, msgspec.Struct)
    return yaml.MappingNode if is_mapping else yaml.ScalarNode


def _got(origin: Origin, node: yaml.Node, keys: Keys) -> str:
    if isinstance(node, yaml.ScalarNode):
        return wording.describe(_scalar(origin, node, keys))
    return "a mapping" if isinstance(node, yaml.MappingNode) else "a list"


def _fail(origin: Origin, node: yaml.Node, message: str, keys: Keys, hint: str = "") -> NoReturn:
    # Not chained: the causes are YAML and parsing errors whose text is part of the message.
    raise ConfigError(message, keys=keys, hint=hint, location=location_of(node, origin.source)) from None
