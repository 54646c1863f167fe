"""Labels that many metrics share, and the slice that is all traffic."""

from __future__ import annotations

from typing import Final

MODEL = ("model", "version")
FINDING = (*MODEL, "metric", "slice")
FEATURE = (*MODEL, "feature")
HEADLINE_SLICE: Final = "all"
