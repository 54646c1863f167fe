"""One category written in several ways: words of validation rows that training rows write otherwise."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Final

import numpy as np

from sentinel.audit.check import Check, Context
from sentinel.audit.estimates.measured import share_of
from sentinel.audit.files.rows import AuditRows
from sentinel.audit.findings import CheckResult, Finding, found, not_checked
from sentinel.events.codecs.arrow_columns import category_names

NAME: Final = "spellings"
TITLE: Final = "one category written in several ways"
MOST_WORDS: Final = 10_000
"""Categories beyond which a column is not one of kinds: writing alike says nothing there."""
NOTEWORTHY: Final = 0.001
"""Share of validation rows with such a word that is worth a line."""
_DROPPED: Final = re.compile(r"[\W_]+")


def start(context: Context) -> Check | CheckResult:
    """Needs training rows, and a category that both files have; the samples are all it looks at."""
    if context.train is None:
        return not_checked(NAME, "there are no training rows", "--train")
    names = [name for name in context.columns.categorical if name not in context.columns.one_sided]
    if not names:
        return not_checked(NAME, "no category is in both files", "files of the same columns")
    respelled = {name: _respelled(context.train, context.validation, name) for name in names}
    compared = {name: rows for name, rows in respelled.items() if rows is not None}
    n = len(context.validation)
    concerned = {name: rows for name, rows in compared.items() if n and rows / n >= NOTEWORTHY}
    passed = len(names) - len(compared)
    left = f", {passed} of too many words passed over" if passed else ""
    detail = (
        f"{len(compared)} categories of {n:,} validation rows compared{left}; {NOTEWORTHY:.1%} of the rows would be "
        "told"
    )
    return found(NAME, [_finding(name, rows, n) for name, rows in concerned.items()], detail)


def plain(word: str) -> str:
    """The word without case, blanks and punctuation.

    Examples
    --------
    >>> plain(" Pro-Plan ") == plain("pro_plan")
    True
    """
    return _DROPPED.sub("", word.casefold())


def _respelled(train: AuditRows, validation: AuditRows, name: str) -> int | None:
    """Validation rows whose word no training row writes so, though one does otherwise; None of too many words."""
    known, asked = _counted(train, name), _counted(validation, name)
    if max(len(known), len(asked)) > MOST_WORDS:
        return None
    spelled: dict[str, set[str]] = defaultdict(set)
    for word in known:
        spelled[plain(word)].add(word)
    return sum(n for word, n in asked.items() if plain(word) and word not in known and plain(word) in spelled)


def _counted(rows: AuditRows, name: str) -> dict[str, int]:
    """Rows by word, as it stands in the file."""
    column = rows.column(name)
    named = None if column is None else category_names(column)
    if named is None:
        return {}
    places, words = named
    counts = np.bincount(places, minlength=len(words)).tolist()
    return {word: n for word, n in zip(words, counts, strict=False) if word is not None and n}


def _finding(name: str, rows: int, n: int) -> Finding:
    share = share_of(rows, n)
    return Finding(
        check=NAME,
        cause="data_quality_fault",
        severity="info",
        title=f"{name} is written otherwise in {share.value:.1%} of validation rows",
        detail=(
            f"{rows:,} of {n:,} sampled validation rows have a word of {name} that training rows write only with "
            "another case, other blanks or other punctuation. A model that takes words as they are has never met them."
        ),
        mend="Write the words alike before the split, as they are written live.",
        columns=(name,),
        share=share,
        chance=0.0,
        no_inflation="a word that the model does not know makes its scores worse, not better",
        n_rows=rows,
    )
