"""What every shape owes: a name in the configuration, code that reads it, an example, and a row on its page."""

from __future__ import annotations

from pathlib import Path

import msgspec

from sentinel.config.formats import Format
from sentinel.config.shapes import SHAPES
from sentinel.events.codecs.shapes.registry import all_makers
from tests.events.test_formats import EXAMPLES

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "formats.md").read_text(encoding="utf-8")


def test_the_configuration_and_the_code_know_the_same_shapes() -> None:
    """A name that only one has is a configuration that loads and fails, or code that nobody reaches."""
    named, made = set(SHAPES), {*all_makers(), "cloudevents"}
    assert sorted(named - made) == [], "in sentinel/config/shapes.py, but in MAKERS of no module of codecs/shapes"
    assert sorted(made - named) == [], (
        "in MAKERS of sentinel/events/codecs/shapes, but without a row in config/shapes.py"
    )


def test_every_shape_has_an_example() -> None:
    """A dump in tests/events/formats, with the events that it stands for in EXAMPLES of test_formats.py."""
    chosen = [msgspec.convert(settings, Format) for _, settings, _ in EXAMPLES.values()]
    shown = {name for one in chosen for name in (one.shape, one.inner_shape)}
    assert sorted(set(SHAPES) - shown) == [], (
        "no dump in tests/events/formats with a row in EXAMPLES of test_formats.py"
    )


def test_every_shape_is_on_the_page() -> None:
    """The table of docs/reference/formats.md has it in its first column."""
    first = {row.split("|")[1] for row in PAGE.splitlines() if row.startswith("| `")}
    told = " ".join(first)
    assert [name for name in SHAPES if f"`{name}`" not in told] == [], (
        "no row in the table of docs/reference/formats.md"
    )
