"""The client of Grafana: every way to fail has its reason, and none shows the token."""

from __future__ import annotations

import ssl
import threading
from pathlib import Path
from random import Random

import pytest

from sentinel.config.durations import Duration
from sentinel.config.errors import ConfigError
from sentinel.config.grafana import Grafana
from sentinel.config.secrets import Secret
from sentinel.exposition.grafana.client import MAX_MESSAGE_CHARS, GrafanaClient
from sentinel.exposition.grafana.errors import BRIEF, FINAL, GrafanaError, Reason
from sentinel.exposition.grafana.retry import ATTEMPTS, FIRST_SECONDS, MAX_SECONDS, backoff_seconds, with_retries
from tests.exposition.certificates import Authority
from tests.support.grafana import TOKEN, Failure, FakeGrafana
from tests.support.process import free_port


def settings(url: str, *, token: str = TOKEN, timeout: str = "5s", ca_file: str | None = None) -> Grafana:
    """Settings of a test."""
    return Grafana(url=url, token=Secret(token), timeout=Duration.parse(timeout), ca_file=ca_file)


def refusal(fake: FakeGrafana, failure: Failure | None, *, token: str = TOKEN, timeout: str = "5s") -> GrafanaError:
    """What one call raises."""
    if failure is not None:
        fake.failures.append(failure)
    client = GrafanaClient(settings(fake.url, token=token, timeout=timeout))
    try:
        with pytest.raises(GrafanaError) as caught:
            client.call("GET", "/folders/sentinel")
    finally:
        client.close()
    return caught.value


def test_calls_go_below_the_path_with_the_token() -> None:
    """A Grafana below a path is reached, an answer is read, and a query is quoted."""
    with FakeGrafana("/grafana") as fake:
        fake.folders["sentinel"] = "Sentinel"
        client = GrafanaClient(settings(f"{fake.url}/"))
        assert client.call("GET", "/folders/sentinel") == {"uid": "sentinel", "title": "Sentinel"}
        assert client.call("GET", "/annotations", query={"tags": ["model:a&b c", "open"]}) == []
        assert fake.requests[-1].query == {"tags": ["model:a&b c", "open"]}
        client.close()


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, Reason.REFUSED),
        (401, Reason.UNAUTHORIZED),
        (403, Reason.FORBIDDEN),
        (404, Reason.NOT_FOUND),
        (409, Reason.CONFLICT),
        (412, Reason.CONFLICT),
        (422, Reason.REFUSED),
        (429, Reason.THROTTLED),
        (500, Reason.SERVER_ERROR),
        (503, Reason.SERVER_ERROR),
    ],
)
@pytest.mark.parametrize("body", [b'{"message": "no"}', b"", b"<html>", b"null", b"7", b"[]", b"\xff"])
def test_each_status_has_its_reason(status: int, reason: Reason, body: bytes) -> None:
    """Whatever stands in the body of an error, its status decides."""
    with FakeGrafana() as fake:
        error = refusal(fake, Failure(status=status, body=body))
    assert error.reason is reason
    assert f"status {status}" in str(error)


def test_a_wrong_token_is_told_and_not_shown() -> None:
    """Neither the message nor what an echoing server says holds the token."""
    with FakeGrafana() as fake:
        wrong = "glsa_wrong_but_secret"
        assert "token is wrong" in str(refusal(fake, None, token=wrong))
        echo = refusal(fake, Failure(status=400, body=b'{"message": "bad glsa_wrong_but_secret"}'), token=wrong)
        assert wrong not in str(echo)
        assert "<secret>" in str(echo)


def test_a_long_message_is_cut() -> None:
    """One line of bounded length, whatever a proxy sends."""
    with FakeGrafana() as fake:
        error = refusal(fake, Failure(status=500, body=b"line\n" * 10_000))
    assert len(str(error)) < MAX_MESSAGE_CHARS + 150
    assert "\n" not in str(error)


def test_an_empty_answer_is_none() -> None:
    """204, and 200 without a body, are answers without content."""
    with FakeGrafana() as fake:
        client = GrafanaClient(settings(fake.url))
        for status, body in ((204, b""), (200, b""), (200, b" \n")):
            fake.failures.append(Failure(status=status, body=body))
            assert client.call("POST", "/annotations", {"time": 1}) is None
        client.close()


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (Failure(status=200, body=b"<html>log in</html>"), Reason.UNEXPECTED),
        (Failure(status=302, body=b"", headers={"Location": "/login"}), Reason.UNEXPECTED),
        (Failure(cut=True), Reason.UNREACHABLE),
    ],
    ids=["page", "redirect", "cut"],
)
def test_what_is_no_grafana_is_told(failure: Failure, reason: Reason) -> None:
    """A login page, a redirect and a cut connection: nothing follows them."""
    with FakeGrafana() as fake:
        assert refusal(fake, failure).reason is reason
        assert len(fake.requests) == 1


def test_a_slow_grafana_is_given_up() -> None:
    """The time-out of the settings holds."""
    held = threading.Event()
    with FakeGrafana() as fake:
        assert refusal(fake, Failure(hold=held), timeout="100ms").reason is Reason.TIMEOUT
        held.set()


def test_nobody_there() -> None:
    """A refused connection says so in few words."""
    client = GrafanaClient(settings(f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(GrafanaError, match=r"Connection refused \(is the address right") as caught:
        client.call("GET", "/health")
    assert caught.value.reason is Reason.UNREACHABLE
    assert len(str(caught.value)) < 150


def test_tls_that_is_none() -> None:
    """TLS where http is spoken, and an authority's file that is not there."""
    with FakeGrafana() as fake:
        for ca_file in (None, "/does/not/exist.pem"):
            client = GrafanaClient(settings(fake.url.replace("http:", "https:"), ca_file=ca_file))
            with pytest.raises(GrafanaError) as caught:
                client.call("GET", "/health")
            assert caught.value.reason in (Reason.TLS, Reason.UNEXPECTED)


def test_only_the_named_authority_is_trusted(tmp_path: Path) -> None:
    """With its certificate as ca_file the call succeeds; without it the fault is told from others, and what to do."""
    authority = Authority(tmp_path)
    own = authority.sign("grafana")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.cert, own.key)
    with FakeGrafana(tls=context) as fake:
        client = GrafanaClient(settings(fake.url, ca_file=str(authority.cert)))
        assert client.call("GET", "/annotations") == []
        client.close()
        assert refusal(fake, None).reason is Reason.TLS


@pytest.mark.parametrize(("header", "wait"), [("7", 7.0), ("99999", 300.0), ("soon", None), ("-1", None)])
def test_grafana_may_ask_to_be_left_alone(header: str, wait: float | None) -> None:
    """Retry-After is taken in seconds, up to five minutes."""
    with FakeGrafana() as fake:
        error = refusal(fake, Failure(status=429, headers={"Retry-After": header}))
    assert (error.reason, error.wait_seconds) == (Reason.THROTTLED, wait)


def test_waits_double_within_bounds() -> None:
    """From half to all of the doubled time, never above the longest, never below what was asked for."""
    random = Random(7)
    for failures in range(1, 40):
        whole = min(FIRST_SECONDS * 2.0 ** (failures - 1), MAX_SECONDS)
        waits = [backoff_seconds(failures, random) for _ in range(50)]
        assert whole / 2 <= min(waits) < max(waits) <= whole
    assert backoff_seconds(1, random, asked=90.0) == 90.0


@pytest.mark.parametrize("reason", list(Reason))
def test_only_what_may_pass_is_tried_again(reason: Reason) -> None:
    """As often as promised, and the last error comes through; what no wait mends is raised at once."""
    tried: list[int] = []
    slept: list[float] = []

    def attempt() -> None:
        tried.append(1)
        raise GrafanaError(reason, "no")

    with pytest.raises(GrafanaError):
        with_retries(attempt, slept.append, Random(1))
    again = reason in BRIEF
    assert len(tried) == (ATTEMPTS if again else 1)
    assert len(slept) == len(tried) - 1
    assert not BRIEF & FINAL


@pytest.mark.parametrize(
    "url",
    ["grafana", "ftp://g", "http://", "http://u:p@g", "http://g?x=1", "http://g#x", "http://g:99999", "http://[g"],
)
def test_bad_addresses_are_refused(url: str) -> None:
    """Host, port and path of http or https, and no password in between."""
    with pytest.raises(ConfigError, match=r"grafana\.example\.org"):
        settings(url)


def test_a_token_is_needed() -> None:
    """Without one the fault is found when the configuration is read."""
    with pytest.raises(ConfigError, match="a token is needed"):
        Grafana(url="http://g")
