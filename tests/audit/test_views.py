"""Columns of Arrow's views give what plain ones give, whether all rows are in the sample or not."""

from __future__ import annotations

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from sentinel.audit.scan import Given, audit
from sentinel.config.audit import Audit
from sentinel.config.model import Model
from tests.audit.frames import rows
from tests.audit.parted import timeless


def _tables(seed: int) -> tuple[pa.Table, pa.Table]:
    """The same rows with plain columns and with views: ids, entities, words and free text."""
    frame = rows(1_500, seed, group=lambda rng, n: np.array([f"u{i}" for i in rng.integers(0, 200, n)]))
    plain = pa.Table.from_pandas(frame, preserve_index=False)
    kinds = [
        pa.field(one.name, pa.string_view() if pa.types.is_large_string(one.type) else one.type) for one in plain.schema
    ]
    return plain, plain.cast(pa.schema(kinds))


@pytest.mark.parametrize("sample_rows", [1_000, 100_000])
def test_views_change_nothing(sample_rows: int) -> None:
    """All checks say the same of both, and nothing ends in an error."""
    model = Model(name="m", version="1", audit=Audit(sample_rows=sample_rows))
    (train, viewed_train), (validation, viewed) = _tables(1), _tables(2)
    assert pa.types.is_string_view(viewed.schema.field("plan").type)
    reports = [timeless(audit(Given(model, *pair), now_us=0)) for pair in ((validation, train), (viewed, viewed_train))]
    assert msgspec.json.encode(reports[0]) == msgspec.json.encode(reports[1])
