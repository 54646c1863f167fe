"""What was worked out once in an audit: fits take minutes, and several checks ask for the same."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

T = TypeVar("T")


class Memo:
    """Answers by their question; a copy that goes to another process starts with none.

    Examples
    --------
    >>> memo = Memo()
    >>> memo.once("a", lambda: 1), memo.once("a", lambda: 2)
    (1, 1)
    """

    def __init__(self) -> None:
        self._known: dict[Hashable, object] = {}

    def __reduce__(self) -> tuple[type[Memo], tuple[()]]:
        return Memo, ()

    def __contains__(self, question: Hashable) -> bool:
        return question in self._known

    def once(self, question: Hashable, work: Callable[[], T]) -> T:
        """The answer, worked out unless it is known; what raises is not remembered."""
        if question not in self._known:
            self._known[question] = work()
        return self._known[question]  # type: ignore[return-value]
