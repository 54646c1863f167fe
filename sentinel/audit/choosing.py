"""Which checks to make, by their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from sentinel.audit.check import Started
from sentinel.audit.checks import all_checks
from sentinel.errors import FatalError


def titles() -> Mapping[str, str]:
    """What each check looks for, in a few words, by its name."""
    return {module.NAME: module.TITLE for module in all_checks()}


def chosen_checks(only: Sequence[str] = (), without: Sequence[str] = ()) -> tuple[Started, ...]:
    """The checks of these names, or all, less some.

    Parameters
    ----------
    only : sequence of str
        Empty for all.
    without : sequence of str
        Left out, whatever ``only`` says.

    Raises
    ------
    FatalError
        If there is no check of a name, or none is left.

    Examples
    --------
    >>> [check.NAME for check in chosen_checks(["copies"])]
    ['copies']
    """
    every = {module.NAME: module for module in all_checks()}
    for name in (*only, *without):
        if name not in every:
            raise FatalError(f"there is no check {name!r}{_meant(name, every)}; there are: {', '.join(sorted(every))}")
    left = tuple(module for name, module in every.items() if name in (only or every) and name not in without)
    if not left:
        raise FatalError("no check is left: every one that was asked for is left out as well")
    return left


def _meant(name: str, every: Mapping[str, Started]) -> str:
    near = get_close_matches(name.replace("-", "_"), every, 1)
    return f", did you mean {near[0]!r}?" if near else ""
