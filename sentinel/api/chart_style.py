"""The colours of the console's stylesheet for drawings that leave its page: light ones, and only those in use."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Final

from sentinel.console.markup import Html

_MEDIA: Final = re.compile(r"@media[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")
_RULE: Final = re.compile(r"([^{}]+)\{([^{}]*)\}")
_COLOUR: Final = re.compile(r"--([\w-]+):\s*([^;]+)")
_VARIABLE: Final = re.compile(r"var\(--([\w-]+)\)")
_CLASSES: Final = re.compile(r'class="([\w-]+)"')
_OWN: Final = (
    ".sentinel { font: 13px system-ui, sans-serif } .sentinel .paper { fill: var(--card) } "
    ".sentinel text { fill: var(--dim); font-size: 12px } .sentinel .name { fill: var(--ink) } "
    ".sentinel .title { fill: var(--ink); font-size: 14px; font-weight: 600 } "
    ".sentinel * { vector-effect: non-scaling-stroke } .sentinel svg { overflow: visible }"
)


def style_of(drawing: str) -> Html:
    """The ``style`` element of an SVG: rules for each class that is in it, in force within ``.sentinel`` alone.

    Parameters
    ----------
    drawing : str
        SVG, drawn by the console's charts.

    Examples
    --------
    >>> "live-path" in style_of('<path class="live-path"/>'), "live-path" in style_of("<path/>")
    (True, False)
    """
    colours, rules = _console()
    used = dict.fromkeys(_CLASSES.findall(drawing))
    found = [f".sentinel .{name} {{ {rule} }}" for name in used for rule in rules.get(name, ())]
    text = " ".join([_OWN, *found])
    return Html(f"<style>{_VARIABLE.sub(lambda match: colours[match[1]], text)}</style>")


@functools.cache
def _console() -> tuple[Mapping[str, str], Mapping[str, tuple[str, ...]]]:
    """Colours by name, and by class the declarations of each rule that is about that class alone."""
    css = (files("sentinel.console") / "static" / "console.css").read_text(encoding="utf-8")
    colours: dict[str, str] = {}
    rules: dict[str, list[str]] = {}
    for selectors, declarations in _rules(_MEDIA.sub("", css)):
        if ":root" in selectors:
            colours |= dict(_COLOUR.findall(declarations))
        for selector in selectors:
            if re.fullmatch(r"\.[\w-]+", selector):
                rules.setdefault(selector[1:], []).append(declarations)
    return colours, {name: tuple(found) for name, found in rules.items()}


def _rules(css: str) -> Iterator[tuple[list[str], str]]:
    for selectors, declarations in _RULE.findall(css):
        yield [one.strip() for one in selectors.split(",")], declarations.strip()
