"""Keys of predictions and entities: stable, apart from each other, and never by chance the mark of none."""

from __future__ import annotations

import numpy as np
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from sentinel.events.keys import group_keys, model_seed, prediction_keys


def test_a_key_is_the_seeded_xxh3_of_the_id() -> None:
    """The stored keys are XXH3-64 of the UTF-8 id, seeded by the model: other programs can compute them."""
    seed = xxhash.xxh3_64_intdigest(b"churn")
    assert model_seed("churn") == seed
    expected = [xxhash.xxh3_64_intdigest("é".encode(), seed), xxhash.xxh3_64_intdigest(b"", seed)]
    assert prediction_keys(["é", ""], model_seed("churn"), 2).tolist() == expected


def test_xxh3_is_the_published_one() -> None:
    """The hash of nothing is the one in the XXH3 specification, so a library change cannot move stored keys."""
    assert xxhash.xxh3_64_intdigest(b"") == 0x2D06800538D394C2


@given(st.lists(st.text(max_size=8), unique=True, max_size=50))
def test_ids_and_models_are_kept_apart(ids: list[str]) -> None:
    """Different ids, and equal ids of two models, have different keys."""
    first = prediction_keys(ids, model_seed("churn"), len(ids))
    second = prediction_keys(ids, model_seed("fraud"), len(ids))
    assert first.dtype == np.uint64
    assert len({*first.tolist(), *second.tolist()}) == 2 * len(ids)


@given(st.lists(st.one_of(st.none(), st.text(max_size=8)), max_size=50))
def test_only_the_nameless_have_group_zero(groups: list[str | None]) -> None:
    """Group 0 means no entity; every named entity has another key, equal names the same one."""
    keys = group_keys(groups, len(groups)).tolist()
    assert [key == 0 for key in keys] == [not group for group in groups]
    assert len(set(keys) - {0}) == len(set(groups) - {None, ""})


def test_an_entity_is_not_confused_with_a_prediction_id() -> None:
    """A group named as a prediction has a key of its own."""
    assert group_keys(["p-1"], 1)[0] != prediction_keys(["p-1"], model_seed("churn"), 1)[0]
