"""Mutants of a module: one small change each, put into the module that is loaded.

The changes are those of cosmic-ray's operators. A mutant is not written to disk: its functions' code, their defaults
and the module's constants are put in place of the loaded ones, so that a process that has collected the tests tries it
in the time that the tests take.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import importlib
import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

OPERATORS = (
    "AddNot",
    "NumberReplacer",
    "ReplaceAndWithOr",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "ReplaceFalseWithTrue",
    "ReplaceOrWithAnd",
    "ReplaceTrueWithFalse",
    "ReplaceUnaryOperator_Delete_Invert",
    "ReplaceUnaryOperator_Delete_Not",
    "ReplaceUnaryOperator_Delete_USub",
    "ZeroIterationForLoop",
    *(f"ReplaceBinaryOperator_{pair}" for pair in ("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Mul")),
    *(f"ReplaceBinaryOperator_{pair}" for pair in ("Mod_Mul", "Pow_Mul", "BitOr_BitAnd", "BitAnd_BitOr")),
    *(f"ReplaceBinaryOperator_{pair}" for pair in ("BitXor_BitOr", "LShift_RShift", "RShift_LShift")),
    *(f"ReplaceComparisonOperator_{pair}" for pair in ("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is")),
    *(f"ReplaceComparisonOperator_{pair}" for pair in ("Lt_LtE", "Lt_Gt", "LtE_Lt", "LtE_Gt")),
    *(f"ReplaceComparisonOperator_{pair}" for pair in ("Gt_GtE", "Gt_Lt", "GtE_Gt", "GtE_Lt")),
)
"""Of the ways to replace an operator, the nearest (a bound off by one) and the opposite: the rest is easier to see."""

_HELD = ("__wrapped__", "__func__", "fget", "func")
"""Where decorators, methods, properties and partial functions keep the function that they stand for."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: the ``occurrence``-th place where ``operator`` applies to the file ``path``."""

    path: Path
    line: int
    operator: str
    occurrence: int
    scope: str
    """The names of the top-level statement that holds the place: a function, a class, constants."""
    lines: range
    """The lines of the smallest statement that holds the place."""

    def source(self) -> str | None:
        """The mutated file, or None where the change leaves the compiled code as it was or makes none."""
        apply = importlib.import_module("cosmic_ray.mutating").mutate_code
        original = self.path.read_text()
        mutated: str | None = apply(original, _operator(self.operator), self.occurrence)
        if mutated is None or _compiled(mutated) in (None, _original(self.path)):
            return None
        return mutated

    def __str__(self) -> str:
        """Say which mutant this is."""
        return f"{self.path}:{self.line} {self.operator} {self.occurrence}"


def mutants(path: Path) -> Iterator[Mutant]:
    """Every mutant of a file whose place is no annotation, decorator or class keyword."""
    nodes_of = importlib.import_module("cosmic_ray.ast")
    source = path.read_text()
    tree, lines = ast.parse(source), source.splitlines()
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    spared = [_span(node) for node in _not_executed(tree)]
    nodes = list(nodes_of.ast_nodes(nodes_of.get_ast(source)))
    for name in OPERATORS:
        places = [place for node in nodes for place in _operator(name).mutation_positions(node)]
        for occurrence, (start, _) in enumerate(places):
            is_marker = lines[start[0] - 1][start[1] :].startswith(("*,", "/,"))  # of keyword-only arguments
            if not is_marker and not any(first <= start < last for first, last in spared):
                yield Mutant(path, start[0], name, occurrence, _scope(tree, start[0]), _statement(statements, start[0]))


def put_in_place(path: Path, source: str) -> None:
    """Make the loaded module behave as ``source`` does, wherever its functions and constants were imported to."""
    module = sys.modules[".".join(path.with_suffix("").parts).removesuffix(".__init__")]
    new = ModuleType(module.__name__)
    new.__dict__.update({"__file__": module.__file__, "__package__": module.__package__})
    sys.modules[module.__name__] = new  # dataclasses look their module up
    try:
        exec(compile(source, str(path), "exec", dont_inherit=True), new.__dict__)
    finally:
        sys.modules[module.__name__] = module
    for name, value in vars(new).items():
        if not name.startswith("__"):
            _replace(module, name, value)


def _replace(module: ModuleType, name: str, value: object) -> None:
    old: Any = getattr(module, name, None)
    if (_plain(value) and value != old) or (isinstance(value, np.ndarray) and not np.array_equal(value, old)):
        for holder in list(sys.modules.values()):
            if holder.__name__.startswith(("sentinel", "tests")) and holder.__dict__.get(name) is old:
                setattr(holder, name, value)
    else:
        _graft(old, value, module.__name__, set())


def _plain(value: object) -> bool:
    """Whether a value has no parts that others hold too: a number, a text, or a row of those."""
    parts = value if isinstance(value, tuple | frozenset) else (value,)
    return all(isinstance(part, int | float | str | bytes) for part in parts)


def _graft(old: Any, new: Any, module: str, seen: set[int]) -> None:
    """Give the old object the new one's code, defaults and values, as far as both have the same parts."""
    if old is new or id(new) in seen or type(old) is not type(new):
        return
    seen.add(id(new))
    if isinstance(old, FunctionType) and old.__code__.co_freevars == new.__code__.co_freevars:
        old.__code__, old.__defaults__, old.__kwdefaults__ = new.__code__, new.__defaults__, new.__kwdefaults__
    if isinstance(old, functools._lru_cache_wrapper):
        old.cache_clear()
    for old_part, new_part in _parts(old, new, module):
        _graft(old_part, new_part, module, seen)


def _parts(old: Any, new: Any, module: str) -> Iterator[tuple[Any, Any]]:
    """What both hold under the same name; plain values of the old one are replaced on the way."""
    if isinstance(old, type):
        shared = vars(old).keys() & vars(new).keys() if old.__module__ == module else ()
        yield from ((inspect.getattr_static(old, name), inspect.getattr_static(new, name)) for name in shared)
    elif isinstance(old, tuple | list):
        yield from zip(old, new, strict=False)
    elif isinstance(old, dict):
        for key in old.keys() & new.keys():
            old[key] = new[key] if _plain(new[key]) else old[key]
            yield old[key], new[key]
    elif dataclasses.is_dataclass(old):
        for name in (part.name for part in dataclasses.fields(old)):
            if _plain(getattr(new, name)):
                object.__setattr__(old, name, getattr(new, name))
            yield getattr(old, name), getattr(new, name)
    else:
        for name in _HELD:
            yield getattr(old, name, None), getattr(new, name, None)
        cells = (getattr(one, "__closure__", None) or () for one in (old, new))
        yield from ((one.cell_contents, other.cell_contents) for one, other in zip(*cells, strict=False))


@functools.cache
def _operator(name: str) -> Any:
    return importlib.import_module("cosmic_ray.plugins").get_operator(f"core/{name}")()


@functools.cache
def _original(path: Path) -> object:
    return _compiled(path.read_text())


def _compiled(source: str) -> object:
    try:
        return compile(ast.unparse(ast.parse(source)), "", "exec", dont_inherit=True, optimize=2)
    except SyntaxError:
        return None


def _not_executed(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield from node.decorator_list
        if isinstance(node, ast.ClassDef):
            yield from node.keywords
        if isinstance(node, ast.FunctionDef) and node.returns is not None:
            yield node.returns
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
            yield node.annotation
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield node


def _span(node: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)


def _scope(tree: ast.Module, line: int) -> str:
    for node in tree.body:
        if node.lineno <= line <= (node.end_lineno or line):
            targets = getattr(node, "targets", [getattr(node, "target", node)])
            return " ".join(getattr(target, "name", getattr(target, "id", "")) for target in targets)
    return ""


def _statement(statements: list[ast.stmt], line: int) -> range:
    inside = [node for node in statements if node.lineno <= line <= (node.end_lineno or line)]
    smallest = min(inside, key=lambda node: (node.end_lineno or 0) - node.lineno)
    heads = [child.lineno for child in getattr(smallest, "body", []) if isinstance(child, ast.stmt)]
    return range(smallest.lineno, min([*heads, (smallest.end_lineno or line) + 1]))
