"""Tokens for SASL/OAUTHBEARER, from a provider on loopback and from files."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentinel.clock import Clock, ManualClock
from sentinel.config.secrets import Secret
from sentinel.errors import FatalError, SourceError
from sentinel.ingest import oauth
from sentinel.ingest.oauth import ClientCredentials, EndpointTokens, FileTokens
from tests.support.identity_provider import IdentityProvider, unsigned_token

SECRET = "hunter2 & more:"


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    """A provider that runs for one test."""
    with IdentityProvider() as running:
        yield running


def _tokens(provider: IdentityProvider, scope: str = "", clock: Clock | None = None) -> EndpointTokens:
    return EndpointTokens(ClientCredentials(provider.endpoint, "sentinel", Secret(SECRET), scope), clock)


def _clock() -> ManualClock:
    return ManualClock(time.time_ns() // 1_000)


def test_the_client_proves_itself_and_asks_for_its_scope(provider: IdentityProvider) -> None:
    """The request is that of RFC 6749: basic authentication of the encoded pair, the grant and the scope as a form."""
    assert _tokens(provider, scope="kafka read").token() == provider.tokens[0]
    (asked,) = provider.requests
    kind, _, pair = asked.authorization.partition(" ")
    assert (kind, base64.b64decode(pair)) == ("Basic", b"sentinel:hunter2+%26+more%3A")
    assert asked.form == {"grant_type": ["client_credentials"], "scope": ["kafka read"]}


def test_a_token_is_kept_until_shortly_before_its_end(provider: IdentityProvider) -> None:
    """Of 100 s of life 80 are used; then a new one is asked for, once."""
    provider.life_seconds = 100
    clock = _clock()
    tokens, now = _tokens(provider, clock=clock), clock.now_us() / 1e6
    first = tokens.token()
    assert [tokens.token() for _ in range(5)] == [first] * 5
    clock.advance(79.0)
    assert tokens.token() == first
    clock.advance(3.0)
    assert tokens.token() == provider.tokens[1] != first
    assert len(provider.requests) == 2
    assert tokens.expires_at() == pytest.approx(now + 182.0, abs=1.0)


def test_a_provider_that_is_away_costs_nothing_while_the_token_lasts(provider: IdentityProvider) -> None:
    """Between renewal and expiry the old token is good; after that the error says why there is none."""
    provider.life_seconds = 100
    clock = _clock()
    tokens = _tokens(provider, clock=clock)
    first = tokens.token()
    provider.status = 503
    clock.advance(90.0)
    assert tokens.token() == first
    clock.advance(11.0)
    with pytest.raises(SourceError, match=r"/token answers 503$"):
        tokens.token()
    provider.status = 200
    clock.advance(2.0)
    assert tokens.token() == provider.tokens[-1]


def test_a_refusal_is_named_and_remembered_for_a_moment(provider: IdentityProvider) -> None:
    """The error code is told, no text of the answer, and a second connection of the same start does not ask again."""
    provider.status, provider.fault = 401, {"error": "invalid_client", "error_description": SECRET}
    tokens = _tokens(provider)
    for _ in range(3):
        with pytest.raises(SourceError) as caught:
            tokens.token()
        assert str(caught.value).endswith("/token answers 401 (invalid_client)")
        assert SECRET not in str(caught.value)
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"<html>", "without an access_token"),
        (b"[]", "without an access_token"),
        (b'{"access_token": ""}', "without an access_token"),
        (b'{"access_token": "a\\u0001auth=x"}', "without an access_token"),
        (b" " * (oauth.MAX_ANSWER_BYTES + 1), "more than 262144 bytes"),
    ],
)
def test_an_answer_that_is_no_token_is_refused(provider: IdentityProvider, answer: bytes, says: str) -> None:
    """What could not be sent to a broker, or is endless, never is."""
    provider.answer = answer
    with pytest.raises(SourceError, match=says):
        _tokens(provider).token()


def test_a_redirect_is_not_followed(provider: IdentityProvider) -> None:
    """The secret goes to the configured address alone."""
    provider.status, provider.location = 307, provider.endpoint
    with pytest.raises(SourceError, match="answers 307"):
        _tokens(provider).token()
    assert len(provider.requests) == 1


def test_an_answer_that_never_ends_is_given_up(provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """However slowly bytes drip, the time for an answer is bounded."""
    monkeypatch.setattr(oauth, "REQUEST_SECONDS", 0.5)
    provider.drips = True
    with pytest.raises(SourceError, match=r"took over 0\.5 s to answer"):
        _tokens(provider).token()


def test_nobody_there_is_said_at_once() -> None:
    """A provider that is not there is an error that is tried again, not one that ends the process."""
    tokens = EndpointTokens(ClientCredentials("http://127.0.0.1:9/token", "c", Secret("s")))
    with pytest.raises(SourceError, match="cannot be asked: ConnectionRefusedError"):
        tokens.token()


def test_authorities_that_cannot_be_read_stop_the_start(tmp_path: Path) -> None:
    """The file is named before anything is connected."""
    with pytest.raises(FatalError, match=r"sasl_oauth_cafile .*ca\.pem cannot be read"):
        EndpointTokens(ClientCredentials("https://a/", "c", Secret("s"), cafile=str(tmp_path / "ca.pem")))


def test_a_token_file_is_read_anew(tmp_path: Path) -> None:
    """A renewed file gives the renewed token, and its claim says when it ends."""
    path = tmp_path / "token"
    ends = round(time.time()) + 600
    path.write_text(unsigned_token("sentinel", ends - 10) + "\n")
    tokens = FileTokens(path)
    first = tokens.token()
    path.write_text(unsigned_token("sentinel", ends))
    assert tokens.token() != first
    assert tokens.expires_at() == ends


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read: No such file"),
        ("", "does not hold one token"),
        ("one two", "does not hold one token"),
        ("x" * 70_000, "does not hold one token"),
        (unsigned_token("sentinel", 1_000), "has expired; is what renews it running?"),
    ],
    ids=["missing", "empty", "two words", "long", "expired"],  # a token holds the moment it was made at
)
def test_a_token_file_without_a_token_is_named(tmp_path: Path, content: str | None, says: str) -> None:
    """The path and the fault are told, and nothing of what it holds."""
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SourceError) as caught:
        FileTokens(path).token()
    assert says in str(caught.value)
    assert str(path) in str(caught.value)


def test_nothing_that_is_printed_holds_a_token(provider: IdentityProvider) -> None:
    """Neither the source nor what it keeps shows token or secret."""
    tokens = _tokens(provider)
    text = tokens.token()
    shown = f"{tokens!r} {vars(tokens)!r}"
    assert text not in shown
    assert SECRET not in shown
    assert json.loads(base64.urlsafe_b64decode(text.split(".")[1] + "=="))["sub"] == "sentinel"
