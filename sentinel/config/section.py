"""What every section of the configuration has in common."""

from __future__ import annotations

import msgspec


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Named fields that never change, and nothing unknown among them."""
