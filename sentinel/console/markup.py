"""Pieces of HTML and SVG that are safe to put into a page as they are: whatever went into them was escaped."""

from __future__ import annotations

from html import escape


class Html(str):
    """Text that templates insert without escaping it again."""

    __slots__ = ()

    def __html__(self) -> str:
        """The protocol by which template engines know it."""
        return str(self)


def element(name: str, *children: str, **attributes: object) -> Html:
    """One element. Children that are no `Html` and all attributes are escaped.

    Parameters
    ----------
    name : str
    children : str
    attributes : object
        Attributes of the element: ``_`` stands for ``-``, one at the end is dropped; None leaves it out.

    Examples
    --------
    >>> element("text", "a < b", class_="mark", text_anchor="end")
    '<text class="mark" text-anchor="end">a &lt; b</text>'
    """
    parts = [
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    ]
    inside = "".join(child if isinstance(child, Html) else escape(child) for child in children)
    return Html(f"<{name}{''.join(parts)}>{inside}</{name}>" if inside else f"<{name}{''.join(parts)}/>")
