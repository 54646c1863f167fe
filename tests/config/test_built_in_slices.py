"""Slices that no one has to configure."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sentinel.config.model import Model
from sentinel.config.slices import BuiltInSlices


def test_built_in_slices_are_on_unless_switched_off() -> None:
    """Both slices of the score are the default, columns are named by their part, and an unknown part is refused."""
    model = msgspec.convert({"name": "m", "version": "1"}, Model)
    assert model.built_in_slices == BuiltInSlices(predicted_class=True, score_band=True)
    given: dict[str, Any] = {
        "name": "m",
        "version": "1",
        "built_in_slices": {"score_band": False, "entity_age": "tenure_days"},
    }
    assert msgspec.convert(given, Model).built_in_slices == BuiltInSlices(score_band=False, entity_age="tenure_days")
    given["built_in_slices"] = {"weekday": "day"}
    with pytest.raises(msgspec.ValidationError, match="unknown field `weekday`"):
        msgspec.convert(given, Model)
