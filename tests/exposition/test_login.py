"""Who gets in, who may write, and what it costs those who guess."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from time import process_time

import bcrypt
import pytest

from sentinel.clock import ManualClock
from sentinel.config.errors import ConfigError
from sentinel.config.secrets import Secret
from sentinel.config.web import Web
from sentinel.exposition.access import PROBES
from sentinel.exposition.passwords import Passwords
from tests.exposition.served import Served

ALICE, BOB = "correct horse", "pässword: with a colon"
TOKEN, OTHER_TOKEN = "t0k3n-" + "a" * 40, "t0k3n-" + "b" * 40


def hashed(password: str) -> str:
    """At the lowest cost that bcrypt knows: under a millisecond."""
    return bytes(bcrypt.hashpw(password.encode(), bcrypt.gensalt(4))).decode()


def basic(user: str, password: str) -> dict[str, str]:
    """The header that a user logs in with."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    """The header that a token is shown in."""
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def clock() -> ManualClock:
    """The clock of the limits."""
    return ManualClock()


@pytest.fixture
def locked(tmp_path: Path, clock: ManualClock) -> Iterator[Served]:
    """A server with two users and two tokens, of whom alice and deploy may write."""
    users = tmp_path / "web.yml"
    users.write_text(f"basic_auth_users:\n  alice: {hashed(ALICE)}\n  bob: {hashed(BOB)}\n", encoding="utf-8")
    tokens = tmp_path / "tokens"
    tokens.write_text(f"# who reads\nscraper {TOKEN}\n\ndeploy {OTHER_TOKEN}\n", encoding="utf-8")
    web = Web(
        config_file=str(users),
        bearer_token_file=str(tokens),
        writers=["alice", "deploy"],
        requests_per_second=1_000.0,
        reload_endpoint=True,
    )
    with Served(web=web, clock=clock, reload_enabled=True) as served:
        yield served


@pytest.mark.parametrize("path", ["/", "/metrics", "/api/v1/models", "/api/v1/openapi.json", "/nothing", "/livez/"])
def test_nothing_is_told_to_strangers(locked: Served, path: str) -> None:
    """Without credentials every path but the probes is 401 and says how to log in; also one that there is not."""
    answer = locked.ask(path)
    assert answer.status == 401
    challenge = 'Basic realm="sentinel", charset="UTF-8", Bearer realm="sentinel"'
    assert answer.headers["WWW-Authenticate"] == challenge
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


@pytest.mark.parametrize("path", PROBES)
def test_probes_need_no_password(locked: Served, path: str) -> None:
    """An orchestrator asks without credentials, or with wrong ones, however often somebody failed to log in."""
    for _ in range(8):
        locked.ask("/metrics", headers=basic("alice", "wrong"))
    assert locked.ask("/metrics", headers=basic("alice", "wrong")).status == 429
    assert locked.ask(path).status == 200
    assert locked.ask(path, headers=basic("alice", "wrong")).status == 200


@pytest.mark.parametrize("headers", [basic("alice", ALICE), basic("bob", BOB), bearer(TOKEN), bearer(OTHER_TOKEN)])
def test_credentials_open(locked: Served, headers: dict[str, str]) -> None:
    """A password in UTF-8 with a colon, and either token: the first time and every time after."""
    assert [locked.ask("/metrics", headers=headers).status for _ in range(3)] == [200, 200, 200]


@pytest.mark.parametrize(
    "offered",
    [
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic " + base64.b64encode(b"alice").decode(),
        "Basic " + base64.b64encode(b"alice:").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Basic " + base64.b64encode(f"alice:{BOB}".encode()).decode(),
        "Basic " + base64.b64encode(f"alice:{ALICE}\0".encode()).decode(),
        "Basic " + base64.b64encode(b"alice:" + b"x" * 5_000).decode(),
        "Basic " + base64.b64encode(f"ALICE:{ALICE}".encode()).decode(),
        "Bearer",
        "Bearer " + TOKEN[:-1],
        "Bearer " + TOKEN + "a",
        "Digest username=alice",
        TOKEN,
    ],
)
def test_anything_else_does_not(locked: Served, offered: str) -> None:
    """Half, foreign, malformed and over-long credentials are all the same 401."""
    answer = locked.ask("/metrics", headers={"Authorization": offered})
    assert (answer.status, answer.text) == (401, "these credentials open nothing here\n")


def test_guessing_is_slowed_down_and_success_is_not(locked: Served, clock: ManualClock) -> None:
    """After five wrong guesses an address waits ten seconds for the next; who logged in before is not locked out."""
    assert locked.ask("/metrics", headers=basic("alice", ALICE)).status == 200
    statuses = [locked.ask("/metrics", headers=basic("alice", f"guess {n}")).status for n in range(7)]
    assert statuses == [401] * 5 + [429] * 2
    refused = locked.ask("/metrics", headers=basic("nobody", "x"))
    assert (refused.status, refused.headers["Retry-After"]) == (429, "10")
    assert locked.ask("/metrics", headers=basic("alice", ALICE)).status == 200
    assert locked.ask("/metrics", headers=bearer(TOKEN)).status == 200
    assert locked.ask("/metrics", headers=basic("bob", BOB)).status == 429  # never logged in before: a guess as any
    clock.advance(10.1)
    assert locked.ask("/metrics", headers=basic("bob", BOB)).status == 200
    assert locked.ask("/metrics", headers=basic("bob", "wrong")).status == 401  # the success was given back


def test_each_client_has_its_rate(locked: Served, clock: ManualClock) -> None:
    """Four seconds' worth at once, then 429 with the time to wait; a moment later one more."""
    locked.web = Web(requests_per_second=1.0)
    assert [locked.ask("/metrics", headers=bearer(TOKEN)).status for _ in range(5)] == [200] * 4 + [429]
    answer = locked.ask("/api/v1/models", headers=bearer(TOKEN))
    assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
    assert locked.ask("/livez").status == 200
    clock.advance(1.1)
    assert locked.ask("/metrics", headers=bearer(TOKEN)).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (basic("alice", ALICE), 200),
        (bearer(OTHER_TOKEN), 200),
        (basic("bob", BOB), 403),
        (bearer(TOKEN), 403),
        ({}, 401),
    ],
)
def test_only_writers_reload(locked: Served, headers: dict[str, str], status: int) -> None:
    """A reader's reload is refused, and nothing happens."""
    calls: list[int] = []
    locked.reload = lambda: calls.append(1)
    assert locked.ask("/-/reload", "POST", headers).status == status
    assert len(calls) == (status == 200)
    assert locked.ask("/-/reload", "POST", {**headers, "Sec-Fetch-Site": "cross-site"}).status in (401, 403)


def test_users_come_and_go_while_it_runs(locked: Served, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A removed user is out at once though the password was remembered; a bad file changes nothing."""
    assert locked.ask("/metrics", headers=basic("bob", BOB)).status == 200
    file = tmp_path / "web.yml"
    file.write_text(f"basic_auth_users:\n  alice: {hashed('another')}\n", encoding="utf-8")
    locked.guard.locks.refresh()
    assert locked.ask("/metrics", headers=basic("bob", BOB)).status == 401
    assert locked.ask("/metrics", headers=basic("alice", ALICE)).status == 401
    assert locked.ask("/metrics", headers=basic("alice", "another")).status == 200
    file.write_text("basic_auth_users: {alice: my plain password}\n", encoding="utf-8")
    locked.guard.locks.refresh()
    assert "is not a bcrypt hash" in (locked.guard.locks.fault or "")
    assert locked.ask("/metrics", headers=basic("alice", "another")).status == 200
    (tmp_path / "tokens").write_text("scraper short\n", encoding="utf-8")
    locked.guard.locks.refresh()
    assert locked.ask("/metrics", headers=bearer(TOKEN)).status == 200
    assert "plain password" not in caplog.text
    assert "short\n" not in caplog.text


def test_passwords_are_remembered_in_bounded_memory() -> None:
    """One entry a user, only of what was verified, forgotten with the file; a second look costs no bcrypt."""
    users = {"alice": Secret(hashed(ALICE)), "bob": Secret(hashed(BOB))}
    passwords = Passwords(users)
    for n in range(50):
        assert not passwords.verify("alice", f"guess {n}")
        assert not passwords.verify(f"user {n}", ALICE)
    assert len(passwords._verified) == 0
    assert not passwords.remembered("alice", ALICE)
    assert passwords.verify("alice", ALICE)
    assert passwords.remembered("alice", ALICE)
    assert not passwords.remembered("alice", BOB)
    assert not passwords.remembered("bob", ALICE)
    assert not passwords.remembered("", "")
    assert not passwords.verify("alice", ALICE + "\0")
    assert not passwords.verify("alice", "x" * 73)
    assert len(passwords._verified) == 1


def test_a_user_that_there_is_not_costs_as_much() -> None:
    """Time does not tell names: bcrypt runs either way, so neither takes less than half of the other."""
    passwords = Passwords({"alice": Secret(bytes(bcrypt.hashpw(b"x", bcrypt.gensalt(8))).decode())})

    def seconds(user: str) -> float:
        started = process_time()
        for _ in range(5):
            assert not passwords.verify(user, "guess")
        return process_time() - started

    seconds("alice")
    known, unknown = seconds("alice"), seconds("nobody")
    assert 0.5 < known / unknown < 2.0


def test_a_name_is_a_user_or_a_token_but_not_both(tmp_path: Path) -> None:
    """Otherwise the record of who wrote would not say who."""
    (tmp_path / "web.yml").write_text(f"basic_auth_users: {{scraper: {hashed('x')}}}\n")
    (tmp_path / "tokens").write_text(f"scraper {TOKEN}\n")
    web = Web(config_file=str(tmp_path / "web.yml"), bearer_token_file=str(tmp_path / "tokens"))
    with pytest.raises(ConfigError, match="'scraper' is both a user and the holder of a token"), Served(web=web):
        pass


def test_configured_headers_win(tmp_path: Path) -> None:
    """What the operator wrote stands in every answer, refusals included; an empty value changes nothing."""
    (tmp_path / "web.yml").write_text(
        "http_server_config:\n  headers:\n    X-Frame-Options: sameorigin\n    Content-Security-Policy: ''\n"
        "    Strict-Transport-Security: max-age=31536000\nrate_limit: {interval: 1h, burst: 2}\n"
    )
    with Served(web=Web(config_file=str(tmp_path / "web.yml"))) as served:
        answers = [served.ask(path) for path in ("/", "/nothing", "/metrics", "/livez")]
    assert [answer.status for answer in answers] == [200, 404, 429, 200]
    assert {answer.headers["X-Frame-Options"] for answer in answers} == {"sameorigin"}
    assert {answer.headers["Strict-Transport-Security"] for answer in answers} == {"max-age=31536000"}
    assert all(answer.headers["Content-Security-Policy"].startswith("default-src") for answer in answers)


def test_no_page_holds_a_secret(locked: Served, tmp_path: Path) -> None:
    """Neither what is served nor what is refused repeats a password, its hash or a token."""
    secrets = [ALICE, BOB, TOKEN, OTHER_TOKEN, "$2b$"]
    secrets += [line.split()[-1] for line in (tmp_path / "web.yml").read_text().splitlines()[1:]]
    paths = ("/", "/metrics", "/api/v1/models", "/api/v1/openapi.json", "/livez?verbose", "/readyz?verbose", "/nothing")
    for headers in (basic("alice", ALICE), bearer(TOKEN), bearer(TOKEN + "x"), {}):
        for path in paths:
            answer = locked.ask(path, headers=headers)
            said = answer.text + str(answer.headers)
            assert not any(secret in said for secret in secrets)


def test_what_is_refused_is_counted_by_reason(locked: Served) -> None:
    """No credentials, a wrong token, too many of them, a foreign name, and too long an address; nothing else counts."""
    assert set(locked.guard.refused.values()) == {0}
    assert locked.ask("/livez").status == 200
    assert locked.ask("/metrics", headers=bearer(TOKEN)).status == 200
    assert set(locked.guard.refused.values()) == {0}
    assert locked.ask("/metrics").status == 401
    asked = [locked.ask("/metrics", headers=bearer("x" * 40)).status for _ in range(6)]
    assert asked == [401] * 5 + [429]
    assert locked.ask("/metrics", headers={"Host": "evil.example.com"}).status == 421
    assert locked.ask("/" + "a" * 5_000).status == 414
    assert locked.ask("/metrics", headers={"Content-Encoding": "gzip"}).status == 415
    counted = {reason: n for reason, n in locked.guard.refused.items() if n}
    assert counted == {"login": 1 + 5, "guessing": 1, "host": 1, "size": 1, "form": 1}


def test_requests_beyond_the_rate_are_counted(clock: ManualClock) -> None:
    """At a tenth of a request a second the first is answered and the second is not."""
    with Served(web=Web(requests_per_second=0.1), clock=clock) as served:
        assert [served.ask("/metrics").status for _ in range(2)] == [200, 429]
        assert served.guard.refused["rate"] == 1
