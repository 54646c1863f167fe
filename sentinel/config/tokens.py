"""The file of bearer tokens: one to a line, each with the name of who holds it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from sentinel.config.bounded import read_bounded
from sentinel.config.errors import ConfigError, Location
from sentinel.config.secrets import MAX_SECRET_BYTES, Secret

MIN_TOKEN_CHARS = 16  # a shorter one can be guessed
MAX_TOKENS = 1_000
DEFAULT_NAME = "token"
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, section 2.1


def load_tokens(path: str | os.PathLike[str]) -> dict[str, Secret]:
    """Read a file of tokens.

    Each line is ``name token``; a token alone is held by ``token``. Empty lines and those that begin with ``#`` are
    skipped.

    Returns
    -------
    dict of name to token, at least one

    Raises
    ------
    ConfigError
        With the line, and never with a token.
    """
    source = os.fspath(path)
    hint = "a line of it is `name token`; the user that sentinel runs as has to be able to read it"
    content = read_bounded(Path(path), MAX_SECRET_BYTES, "the tokens", hint)
    tokens: dict[str, Secret] = {}
    # Undecodable bytes become a character that no token may hold.
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        words = line.split()
        if words and not words[0].startswith("#"):
            name, token = _entry(words, Location(source, number))
            if name in tokens:
                raise ConfigError(f"a second token of {name!r}", location=Location(source, number))
            tokens[name] = token
    if not 0 < len(tokens) <= MAX_TOKENS:
        raise ConfigError(f"holds {len(tokens)} tokens, from 1 to {MAX_TOKENS} are taken", location=Location(source))
    return tokens


def parse_token(text: str, source: str) -> Secret:
    """A token that stands alone; ``source`` says where, for the message of a fault.

    Raises
    ------
    ConfigError
        If it is none. The message does not hold it.
    """
    words = text.split()
    if len(words) != 1:
        raise ConfigError("holds no token, or more than one word", location=Location(source))
    return _entry(words, Location(source))[1]


def _entry(words: list[str], location: Location) -> tuple[str, Secret]:
    if len(words) > 2:
        raise ConfigError("a line is `name token`, or a token alone", location=location)
    *name, token = words
    if not _TOKEN.fullmatch(token):
        raise ConfigError("a token holds only letters, digits and ._~+/-, then =", location=location)
    if len(token) < MIN_TOKEN_CHARS:
        hint = "`openssl rand -hex 32` makes one"
        raise ConfigError(f"a token has at least {MIN_TOKEN_CHARS} characters", location=location, hint=hint)
    return (name[0] if name else DEFAULT_NAME), Secret(token)
