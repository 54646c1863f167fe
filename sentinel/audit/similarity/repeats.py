"""Rows of one file that repeat each other, beyond what coarse inputs bring about: good to know, whatever they cost."""

from __future__ import annotations

from typing import Final, NamedTuple

from sentinel.audit.estimates.excess import SURE, excess, twin_variance
from sentinel.audit.files.rows import SideName
from sentinel.audit.findings import Finding

NOTEWORTHY: Final = 0.01
"""Excess share of a file's rows that have a twin in it: fewer move no metric by as much as matters."""
TIMES: Final = 2.0
"""As many rows need a twin in their own file as in the other: rows that drift meet fewer of the other file, too."""


class Repeated(NamedTuple):
    """Rows of a file: all of them, those that have a twin in it, and how many are left when one of each is kept."""

    n: int
    n_twins: int
    n_distinct: int


def repeats(check: str, side: SideName, rows: Repeated, n_met: int, n_looked_up: int) -> Finding | None:
    """Judge how often rows of a file repeat each other.

    Parameters
    ----------
    check : str
        In whose name.
    side : ``train`` or ``validation``
    rows : Repeated
    n_met, n_looked_up : int
        Validation rows with a twin among the training rows, and all of them. Coarse inputs bring about as many twins
        between files as within one, where the other one has no fewer rows.
    """
    if rows.n_distinct < 2:
        return None  # a file of one row, however often it is there: constant columns are told of elsewhere
    judged = excess(n_met, n_looked_up, rows.n_twins / rows.n, twin_variance(rows.n_twins, rows.n))
    share, chance = judged.chance, judged.share.value  # of the other file's rows here: what coarse inputs bring about
    if -judged.value < NOTEWORTHY or -judged.value <= SURE * judged.error or share < TIMES * chance:
        return None
    name, extra = ("training" if side == "train" else "validation"), 1.0 - rows.n_distinct / rows.n
    return Finding(
        check=check,
        cause="data_quality_fault",
        severity="info",
        title=f"{extra:.1%} of {name} rows repeat another {name} row",
        detail=(
            f"{share:.2%} of {name} rows have a twin in their own file, in every feature and whatever its outcome; of "
            f"validation rows {chance:.2%} have one among the training rows, so coarse inputs do not explain it. Rows "
            "of one entity in which nothing has changed count as well."
        ),
        mend="If a join or an import has doubled rows, remove them: they weigh more than others, and intervals of the "
        "metric are too narrow. Repeated on purpose, or by entities that return, they may stay.",
        chance=chance,
        no_inflation="no row is in both files" if n_met == 0 else "it is not about the split",
    )
