"""One line for each fact, however many checks see it: findings of one cause in the same columns stand together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sentinel.audit.findings import Finding


@dataclass(frozen=True, slots=True)
class Headline:
    """A fact: the gravest finding that tells it, its number, and those that tell it too.

    ``number`` is the place of the finding among all, from 1; so are the numbers of ``also``.
    """

    number: int
    finding: Finding
    also: tuple[tuple[int, Finding], ...] = ()


def headlines(findings: Sequence[Finding]) -> tuple[Headline, ...]:
    """Group findings by what they are about, in their own order.

    A finding that names no column stands alone: what two such have in common is not known.

    Parameters
    ----------
    findings : sequence of Finding
        The worst first.

    Examples
    --------
    >>> told = {"cause": "target_leakage", "severity": "critical", "title": "", "detail": "", "mend": ""}
    >>> twice = [Finding(check=name, columns=("rate",), **told) for name in ("encoded_outcomes", "single_features")]
    >>> [(line.finding.check, [also.check for _, also in line.also]) for line in headlines(twice)]
    [('encoded_outcomes', ['single_features'])]
    """
    groups: dict[object, list[tuple[int, Finding]]] = {}
    for number, finding in enumerate(findings, 1):
        key = (finding.cause, frozenset(finding.columns)) if finding.columns else number
        groups.setdefault(key, []).append((number, finding))
    return tuple(Headline(*told[0], tuple(told[1:])) for told in groups.values())
