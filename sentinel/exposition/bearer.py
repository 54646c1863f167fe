"""Whose a bearer token is, in a time that does not tell how much of it was right."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping

from sentinel.config.secrets import Secret


class Bearers:
    """The tokens of one file. Any thread may ask."""

    def __init__(self, tokens: Mapping[str, Secret]) -> None:
        self._key = os.urandom(32)
        self._digests = {name: self._digest(token.reveal()) for name, token in tokens.items()}

    def __bool__(self) -> bool:
        return bool(self._digests)

    @property
    def names(self) -> frozenset[str]:
        """Who holds one."""
        return frozenset(self._digests)

    def holder(self, token: str) -> str | None:
        """The name that stands beside the token; None when it is none of them."""
        offered, found = self._digest(token), None
        for name, digest in self._digests.items():  # all of them: the time says nothing of the place
            if hmac.compare_digest(digest, offered):
                found = name
        return found

    def _digest(self, token: str) -> bytes:
        return hmac.digest(self._key, token.encode("utf-8", "replace"), hashlib.sha256)
