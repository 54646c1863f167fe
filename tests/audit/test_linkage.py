"""What entities keep tells which share of some pairs of rows is of one entity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from sentinel.audit.check import Context
from sentinel.audit.files.columns import AuditColumns
from sentinel.audit.files.rows import AuditRows, RowDecoder
from sentinel.audit.similarity.linkage import Linkage, linkage
from sentinel.audit.similarity.twins import twins
from sentinel.config.model import Model
from sentinel.stats.estimate import NotEnough

N, N_ENTITIES = 4_000, 1_000


def _context(seed: int = 1, *, noise: float = 0.02) -> Context:
    """Entities keep a town of 500 and a year of 40, but for a share of slips; a visit count changes with each row."""
    rng = np.random.default_rng(seed)
    who = rng.integers(0, N_ENTITIES, 2 * N)
    town, year = rng.integers(0, 500, N_ENTITIES)[who], rng.integers(0, 40, N_ENTITIES)[who].astype(np.float64)
    year[rng.random(2 * N) < noise] = np.nan
    table = pa.table(
        {
            "group": [f"u{one}" for one in who],
            "town": [f"t{one}" for one in town],
            "year": year,
            "visits": rng.integers(0, 1_000, 2 * N),
        }
    )
    model = Model(name="m", version="1")
    columns = AuditColumns(numeric=("year", "visits"), categorical=("town",), group="group")
    decoder = RowDecoder(model, columns)
    train = decoder.decode(table.slice(0, N), "train", np.arange(N))
    validation = decoder.decode(table.slice(N), "validation", np.arange(N))
    return Context(model, columns, {}, N, N, train, validation)


def _linked(context: Context) -> Linkage:
    assert context.train is not None
    links = linkage(context, context.train, context.generator("test"))
    assert isinstance(links, Linkage)
    return links


def test_features_that_entities_keep_are_found_with_their_rates() -> None:
    """Town and year are kept, visits are not; chance agreement is 1 / 500 and 1 / 40 less what is missing."""
    links = _linked(_context())
    assert links.codes.shape == (2, 2 * N)
    # sorted by how telling: a town agrees by chance in 1 of 500, a year in .98^2 / 40 of the pairs, or both missing
    assert links.different == pytest.approx([1 / 500, 0.98**2 / 40 + 0.02**2], abs=0.006)
    assert links.same == pytest.approx([1.0, 0.98**2 + 0.02**2], abs=0.01)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0])
def test_share_of_one_entity_is_recovered(share: float) -> None:
    """Of pairs mixed from rows of one entity and of two, the share is within its interval and nearly right."""
    context = _context()
    links, rng = _linked(context), np.random.default_rng(2)
    assert context.train is not None
    groups = np.concatenate([context.train.groups, context.validation.groups])
    order = np.argsort(groups, kind="stable")
    beside = np.flatnonzero(groups[order][1:] == groups[order][:-1])
    same = rng.choice(beside, round(400 * share), replace=False)
    other = rng.integers(0, 2 * N, (2, 400 - len(same)))
    found = links.share_same(np.append(order[same], other[0]), np.append(order[same + 1], other[1]))
    assert not isinstance(found, NotEnough)
    assert found.value == pytest.approx(share, abs=0.05)
    assert found.lower - 0.02 <= share <= found.upper + 0.02


def test_agreement_of_strangers_is_expected_by_near_misses() -> None:
    """Rows of two entities agree by chance in about as many pairs as near misses say, and are no twins."""
    context = _context(noise=0.0)
    links = _linked(context)
    assert context.train is not None
    groups = np.concatenate([context.train.groups, context.validation.groups])
    _, first = np.unique(groups, return_index=True)
    train, validation = first[::2], first[1::2]
    assert twins(links, train, validation) is None
    # a hundred of the training entities under a second name
    again = np.concatenate([validation, train[:100]])
    found = twins(links, train, again)
    assert found is not None
    assert set(train[:100].tolist()) <= set(found.validation.tolist()) | _common(links, train)
    expected = len(train) * len(again) / (500 * 40)
    assert found.chance == pytest.approx(expected, rel=0.5)


def _common(links: Linkage, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> set[int]:
    """Rows whose combination more than three others have: nobody can say who is meant."""
    _, which, sizes = np.unique(links.codes[:, rows], axis=1, return_inverse=True, return_counts=True)
    return set(rows[sizes[which.ravel()] > 3].tolist())


def test_entities_of_one_row_tell_nothing() -> None:
    """Without two rows of one entity nobody knows what entities keep."""
    context = _context()
    alone = context.validation
    assert context.train is not None
    lonely = Context(
        context.model,
        context.columns,
        {},
        N,
        N,
        _renamed(context.train, 0),
        _renamed(alone, N),
    )
    assert lonely.train is not None
    found = linkage(lonely, lonely.train, lonely.generator("test"))
    assert isinstance(found, NotEnough)
    assert "more than one row" in found.reason


def _renamed(rows: AuditRows, first: int) -> AuditRows:
    return replace(rows, groups=np.arange(first + 1, first + 1 + len(rows)).astype(np.uint64))
