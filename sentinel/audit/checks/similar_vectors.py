"""Validation rows whose embedding is nearly that of a training row: the same voice or picture, a little changed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

import pyarrow as pa

from sentinel.audit.check import Check, Context
from sentinel.audit.files.rows import AuditRows
from sentinel.audit.findings import CheckResult, Finding, found, not_checked
from sentinel.audit.similarity.likeness import compare, some_of
from sentinel.audit.similarity.resemblance import Kind, judge
from sentinel.audit.similarity.vectors import common_length, is_list, near_copy_cosine, nearest_vectors, read_vectors

NAME: Final = "similar_vectors"
TITLE: Final = "nearly the same embedding in training and validation"
MOST_ASKED: Final = 2_000
"""Validation rows looked up, and training rows for the chance level: a share of 1 % is then known to .4 %."""
MOST_PRODUCTS: Final = 200_000_000_000
"""Multiplications a column: about six seconds of one core. 100,000 training vectors of 500 numbers fit."""
FALSE_MATCHES: Final = 1e-3
"""Share of honest rows that the learned cosine may pass; what they make up is subtracted all the same."""
LEAST_COSINE: Final = 0.9
"""Vectors 26 degrees apart are no copies, however far apart others are."""
SAME: Final = 1.0 - 1e-6
"""Cosine of equal vectors, less what single precision loses."""
_DISTANCES: Final = (0.25, 0.35, 0.5, 0.7, 1.0)
"""Of the learned distance: where vectors lie so unevenly that it holds more than the share allowed, a nearer one."""
_SHORTEST: Final = 3
"""Numbers in a vector: of two, all directions are taken by few rows."""
_MOST_NEAR: Final = 16
"""Neighbours kept: more than there are of one burst."""
_MEND: Final = (
    "Look at the pairs. Keep recordings, pictures or texts that were made from one another on one side of the split "
    "(split by their source), and augment only after it; then estimate again."
)


def start(context: Context) -> Check | CheckResult:
    """Needs a column of vectors in both files, and `faiss`."""
    columns = context.columns.embeddings
    if not columns:
        return not_checked(NAME, "there is no column of vectors", "audit.embeddings in the configuration")
    train = context.train
    if train is None:
        return not_checked(NAME, "there are no training rows", "--train")
    if find_spec("faiss") is None:
        return not_checked(NAME, "faiss is not installed", "pip install 'sentinel-leakage[audit]'")
    findings: list[Finding] = []
    details: list[str] = []
    n_read = 0
    for column in columns:
        sides = train.column(column), context.validation.column(column)
        why = _unreadable(*sides)
        if why is not None:
            details.append(f"{column!r}: {why}")
            continue
        finding, detail, is_read = _check(context, train, column, *sides)
        n_read += is_read
        details.append(detail)
        findings += [] if finding is None else [finding]
    if not n_read:
        return not_checked(NAME, "; ".join(details), "columns of lists of numbers, of one length, in both files")
    return found(NAME, findings, "; ".join(details))


def _unreadable(train: pa.Array | None, validation: pa.Array | None) -> str | None:
    if train is None or validation is None:
        return "only one file has it"
    if not is_list(train.type) or not is_list(validation.type):
        return "its values are not lists of numbers"
    if common_length(train) < _SHORTEST:
        return f"its vectors have fewer than {_SHORTEST} numbers"
    return None


def _check(
    context: Context, train: AuditRows, column: str, vectors: pa.Array, asked: pa.Array
) -> tuple[Finding | None, str, bool]:
    """The finding, what was looked at, and whether there was anything to compare."""
    generator = context.generator(f"{NAME}.{column}")
    length = common_length(vectors)
    fitting = max(int(MOST_PRODUCTS / (2 * MOST_ASKED * length)), MOST_ASKED)
    looked_at = some_of(len(vectors), fitting, generator)
    among = read_vectors(vectors, length, looked_at)
    among = among.at(generator.permutation(len(among.rows)))  # ties are then of all times
    probes = read_vectors(asked, length, some_of(len(asked), MOST_ASKED, generator))
    left_out = "".join(
        f"; {side} vectors left out: {read.excuse}"
        for side, read in (("validation", probes), ("training", among))
        if read.excuse
    )
    if not len(among.rows) or not len(probes.rows):
        return None, f"{column!r}: no vector of one of the files can be compared{left_out}", False
    own = among.at(some_of(len(among.rows), MOST_ASKED, generator))
    seen = compare(nearest_vectors(probes, among, _MOST_NEAR), nearest_vectors(own, among, _MOST_NEAR + 1), train.times)
    learned = near_copy_cosine(seen.train.likeness[:, 0], false_matches=FALSE_MATCHES, least=LEAST_COSINE, most=SAME)
    narrower = [1.0 - (1.0 - learned) * share**2 for share in _DISTANCES]
    least = seen.widest(narrower, FALSE_MATCHES)
    kind = Kind(NAME, "vector", "cosine", least, _MEND)
    finding, detail = judge(context, kind, column, seen, n_looked_at=len(looked_at))
    return finding, detail + left_out, True
