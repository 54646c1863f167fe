"""The Layout: a name for what counts mean, the same on every machine and in every run."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.errors import CorruptArtifactError
from sentinel.summaries.layout import FeatureBins, Layout, OutcomeScale, SliceColumn, cross_value
from tests.support.layouts import draw_layout, seeds, small_layout

TEXTS = st.text(alphabet="a,\\", max_size=4)
PROGRAM = "from tests.support.layouts import small_layout; print(small_layout().digest)"


@pytest.mark.parametrize("hash_seed", ["0", "4242"])
def test_the_digest_is_the_same_in_another_process(hash_seed: str) -> None:
    """A process with another hash seed names the same layout by the same digest."""
    environment = {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path)}
    run = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == small_layout().digest


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_two_pairs_of_values_never_share_a_name(a: str, b: str, c: str, d: str) -> None:
    """The name of a cross tells its two values apart, commas and backslashes in them included."""
    assert (cross_value(a, b) == cross_value(c, d)) == ((a, b) == (c, d))


BASE = small_layout()
CHANGED: dict[str, Layout] = {
    "model": small_layout(model="fraud"),
    "version": small_layout(version="8"),
    "task": small_layout(task="regression"),
    "column order": small_layout(columns=BASE.columns[::-1]),
    "vocabulary order": small_layout(columns=(*BASE.columns[:3], ("plan", "categorical", ("basic", "pro")))),
    "kind": small_layout(columns=(*BASE.columns[:3], ("plan", "numeric", ()))),
    "feature order": small_layout(features=BASE.features[::-1]),
    "feature edge": small_layout(
        features=(FeatureBins(name="age", kind="numeric", edges=(18.0, 30.0, 45.5, 90.0)), *BASE.features[1:])
    ),
    "kept categories": small_layout(
        features=(*BASE.features[:2], FeatureBins(name="plan", kind="categorical", n_kept=2))
    ),
    "slice values": small_layout(
        slices=(SliceColumn(name="region", columns=("region",), values=("US", "EU")), *BASE.slices[1:])
    ),
    "slice name": small_layout(
        slices=(SliceColumn(name="r", columns=("region",), values=("EU", "US")), *BASE.slices[1:])
    ),
    "no slices": small_layout(slices=()),
    "score edges": small_layout(score_edges=BASE.score_edges[:-1]),
    "score edge by one bit": small_layout(score_edges=(*BASE.score_edges[:-1], float(np.nextafter(0.9, 1)))),
    "slice score edges": small_layout(slice_score_edges=(0.5,)),
    "threshold": small_layout(threshold=0.51),
    "buckets": small_layout(n_buckets=16),
    "maturity": small_layout(maturity_us=1),
    "twin horizons": small_layout(twin_horizons_us=(1,)),
    "outcome scale": small_layout(outcome_scale=OutcomeScale(centre=0.0, unit=1.0, split=0.0, error_limit=9.0)),
    "classes": small_layout(classes=("a", "b")),
    "class edges": small_layout(class_edges=((0.5,), (0.5,))),
    "ranks": small_layout(n_ranked=10),
    "rank ratios": small_layout(rank_ratios=(0.1, 0.9)),
}


def test_any_change_of_content_changes_the_digest() -> None:
    """No two of these layouts, each one change apart, share a digest; every field is among them."""
    digests = {name: layout.digest for name, layout in CHANGED.items()}
    assert len({BASE.digest, *digests.values()}) == 1 + len(CHANGED)
    touched = {
        field
        for layout in CHANGED.values()
        for field in Layout.__struct_fields__
        if getattr(layout, field) != getattr(BASE, field)
    }
    assert touched == set(Layout.__struct_fields__)


@given(seeds)
def test_bytes_round_trip(seed: int) -> None:
    """A layout read back is equal, with equal bytes and digest."""
    layout = draw_layout(np.random.default_rng(seed))
    again = Layout.from_bytes(layout.to_bytes())
    assert again == layout
    assert again.to_bytes() == layout.to_bytes()
    assert again.digest == layout.digest


def test_equal_numbers_of_any_type_are_one_layout() -> None:
    """1, 1.0 and a numpy 1.0 mean the same, so they must not name different layouts."""
    edges = (0.0, 0.5, 1.0)
    expected = small_layout(score_edges=edges, slice_score_edges=edges, threshold=1.0, n_buckets=4).digest
    mixed = small_layout(
        score_edges=(0, 0.5, 1), slice_score_edges=tuple(np.array(edges)), threshold=1, n_buckets=np.int64(4)
    )
    assert mixed.digest == expected


def test_what_is_no_number_or_text_has_no_bytes() -> None:
    """An object that found its way into a layout is refused, not written as something else."""
    with pytest.raises(TypeError, match="not a complex"):
        small_layout(threshold=1j).to_bytes()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no",
        BASE.to_bytes()[:-1],
        BASE.to_bytes() + b"\0",
        msgspec.msgpack.encode({"model": "churn"}),
        BASE.to_bytes().replace(b"churn", b"\xff" * 5),
        BASE.to_bytes().replace(b"columns", b"\xff" * 7),
    ],
)
def test_bytes_of_something_else_are_refused(data: bytes) -> None:
    """Cut, foreign and incomplete bytes are corrupt."""
    with pytest.raises(CorruptArtifactError, match="no Layout"):
        Layout.from_bytes(data)


def test_sizes_are_the_sum_of_their_parts() -> None:
    """The flat arrays have a place for every bin and slot: four special bins a feature, two special slots a slice."""
    assert BASE.n_feature_bins == (4 + 3) + (4 + 2) + (4 + 1)
    assert BASE.feature_offsets.tolist() == [0, 7, 13, 18]
    assert BASE.slice_offsets.tolist() == [0, 4, 8, 12]
    assert BASE.is_of_score.tolist() == [False] * 12 + [True] * 4
    assert BASE.pair_offsets.tolist() == [0, (2 + 1) * (1 + 1)]
    assert BASE.n_slices == 16 == len(BASE.slice_names)
    assert (BASE.n_score_bins, BASE.n_slice_score_bins) == (10, 4)
    assert BASE.describe() == {
        "features": 3,
        "feature_bins": 18,
        "slices": 16,
        "score_bins": 10,
        "digest": BASE.digest[:12],
    }


def test_the_schema_lists_the_columns() -> None:
    """What the codecs decode is what the layout's columns say, numeric and categorical apart."""
    assert [c.name for c in BASE.schema.numeric] == ["age", "income"]
    assert [c.name for c in BASE.schema.categorical] == ["region", "plan"]
    assert BASE.schema.codes == ({"EU": 0, "US": 1, "APAC": 2}, {"pro": 0, "basic": 1})
