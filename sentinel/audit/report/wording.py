"""Names in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

MOST_NAMED: Final = 3
"""Names that a title holds without becoming a list."""


def listed(names: Sequence[str]) -> str:
    """Some names as part of a sentence, cut where there are many.

    Examples
    --------
    >>> listed(["age"]), listed(["age", "plan", "city", "country", "zone"])
    ('age', 'age, plan, city and 2 more')
    """
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
