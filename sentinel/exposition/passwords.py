"""Whether a password is a user's: bcrypt once, then a keyed hash that is remembered."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping

from sentinel.config.secrets import Secret

MAX_PASSWORD_BYTES = 72  # bcrypt reads no more, so a longer one is no password that was ever set


class Passwords:
    """The users of one web configuration file. Any thread may ask.

    Parameters
    ----------
    users : mapping of str to Secret
        Bcrypt hashes, well-formed.

    Notes
    -----
    bcrypt is slow by design: 50 to 200 ms at cost 10. What was verified once is remembered as an HMAC of user and
    password under a key that this process drew, one entry a user, so memory is bounded by the file. A user that there
    is not costs as much as one that there is.
    """

    def __init__(self, users: Mapping[str, Secret]) -> None:
        self._hashes = {name: hashed.reveal().encode() for name, hashed in users.items()}
        self._key = os.urandom(32)
        self._verified: dict[str, bytes] = {}
        self._nobody = self._hash_of_nobody() if users else b""

    def __bool__(self) -> bool:
        return bool(self._hashes)

    @property
    def names(self) -> frozenset[str]:
        """The users."""
        return frozenset(self._hashes)

    def remembered(self, user: str, password: str) -> bool:
        """Whether this very pair was verified before: microseconds."""
        return hmac.compare_digest(self._verified.get(user, b""), self._digest(user, password))

    def verify(self, user: str, password: str) -> bool:
        """Whether the password is the user's: takes as long as bcrypt does, without holding the interpreter."""
        import bcrypt

        offered = password.encode()
        fits = len(offered) <= MAX_PASSWORD_BYTES and b"\0" not in offered
        matches = bcrypt.checkpw(offered if fits else b"-", self._hashes.get(user, self._nobody))
        verified = matches and fits and user in self._hashes
        if verified:
            self._verified[user] = self._digest(user, password)
        return verified

    def _digest(self, user: str, password: str) -> bytes:
        # The length parts the two, so that no pair reads as another.
        name = user.encode()
        return hmac.digest(self._key, len(name).to_bytes(4, "big") + name + password.encode(), hashlib.sha256)

    def _hash_of_nobody(self) -> bytes:
        import bcrypt

        cost = max(int(hashed[4:6]) for hashed in self._hashes.values())
        return bcrypt.hashpw(os.urandom(16).hex().encode(), bcrypt.gensalt(cost))
