"""Paths are read as their documentation says, and what is none is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.config.paths import parse_path
from sentinel.events.codecs.shapes.parts import getter


@pytest.mark.parametrize(
    ("text", "part", "steps"),
    [
        ("a", "", ("a",)),
        ("a.b.c", "", ("a", "b", "c")),
        ("full name.x", "", ("full name", "x")),
        ("rows[0].id", "", ("rows", 0, "id")),
        ("rows[-1][2]", "", ("rows", -1, 2)),
        ("[0].id", "", (0, "id")),
        ('["a.b"].c', "", ("a.b", "c")),
        (r'a["x\"y\\z"]', "", ("a", 'x"y\\z')),
        ("größe.wert", "", ("größe", "wert")),
        ("$", "", ()),
        ("$key", "key", ()),
        ("$timestamp", "timestamp", ()),
        ("$header.X-Id", "header", ("x-id",)),
        ('$header["a.b"]', "header", ("a.b",)),
    ],
)
def test_paths(text: str, part: str, steps: tuple[str | int, ...]) -> None:
    """Names, places and quoted names, and the parts of a message that are not its body."""
    assert parse_path(text) == (part, steps)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".a",
        "a.",
        "a..b",
        "a.[0]",
        "a[",
        "a[]",
        "a[x]",
        "a[0",
        "a]",
        'a["',
        'a"b',
        "a[0]b",
        "$x",
        "$header",
        "a.$b",
        " a",
    ],
)
def test_what_is_no_path(text: str) -> None:
    """Whatever else is written is refused, with the path in the message."""
    with pytest.raises(ValueError, match=r"not a path|no part of a message"):
        parse_path(text)


@given(st.text(max_size=20))
def test_any_text_is_a_path_or_refused(text: str) -> None:
    """No text ends in anything but a path or a ValueError."""
    try:
        part, steps = parse_path(text)
    except ValueError:
        return
    assert part or all(isinstance(step, str | int) for step in steps)


@given(st.lists(st.text(min_size=1, max_size=6) | st.integers(0, 3), min_size=1, max_size=4))
def test_quoted_steps_find_their_value(steps: list[str | int]) -> None:
    """A path of quoted names and places leads to exactly the value that lies there."""
    body: object = "found"
    for step in reversed(steps):
        body = {step: body, "other": 0} if isinstance(step, str) else [0] * step + [body]
    quoted = [step.replace("\\", "\\\\").replace('"', '\\"') if isinstance(step, str) else step for step in steps]
    text = "".join(f"[{step}]" if isinstance(step, int) else f'["{step}"]' for step in quoted)
    part, parsed = parse_path(text)
    assert (part, parsed) == ("", tuple(steps))
    assert getter(parsed)(body) == "found"
