"""Text that a notebook shows as it is, line by line."""

from __future__ import annotations


class Text(str):
    r"""A string whose representation is itself, so that the last line of a cell prints it.

    Examples
    --------
    >>> Text("two\nlines")
    two
    lines
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)
