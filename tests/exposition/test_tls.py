"""Encryption: certificates of servers and clients, replaced while connections come."""

from __future__ import annotations

import socket
import ssl
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sentinel.config.errors import ConfigError
from sentinel.config.web import Web
from sentinel.config.web_file import TlsServer
from sentinel.exposition import door
from sentinel.exposition.tls import make_context
from tests.exposition.certificates import Authority, Certificate
from tests.exposition.raw import connect, crowd, everything
from tests.exposition.served import Served
from tests.support.process import PATIENCE_SECONDS, wait_until


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority of this file's tests."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server_certificate(authority: Authority) -> Certificate:
    """A certificate for this machine."""
    return authority.sign("server")


def _write(file: Path, certificate: Certificate, *more: str) -> None:
    lines = ["tls_server_config:", f"  cert_file: {certificate.cert}", f"  key_file: {certificate.key}", *more]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def encrypted(tmp_path: Path, authority: Authority, server_certificate: Certificate) -> Iterator[Served]:
    """A server that speaks TLS alone."""
    file = tmp_path / "web.yml"
    _write(file, server_certificate)
    with Served(web=Web(config_file=str(file)), trust=authority.trusted_by()) as served:
        yield served


def _subject(served: Served, context: ssl.SSLContext) -> str:
    with (
        socket.create_connection(("127.0.0.1", served.server.port), timeout=PATIENCE_SECONDS) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as wrapped,
    ):
        certificate: Any = wrapped.getpeercert()
        return str(dict(pair for (pair,) in certificate["subject"])["commonName"])


def test_https_is_served_and_http_is_not(encrypted: Served) -> None:
    """A client that trusts the authority is answered; one that speaks plainly is cut off."""
    assert [encrypted.ask("/livez").status for _ in range(5)] == [200] * 5
    assert encrypted.ask("/metrics").status == 200
    with socket.create_connection(("127.0.0.1", encrypted.server.port), timeout=PATIENCE_SECONDS) as plain:
        plain.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = plain.recv(1_000)
    assert b"HTTP" not in answer
    assert encrypted.ask("/livez").status == 200


def test_old_versions_are_refused(encrypted: Served, authority: Authority) -> None:
    """TLS 1.1 ends in the handshake."""
    context = authority.trusted_by()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        _subject(encrypted, context)


def test_a_new_certificate_serves_the_next_connection(encrypted: Served, authority: Authority, tmp_path: Path) -> None:
    """The file names another certificate, or the named file is replaced: no restart, and open connections live on."""
    file = tmp_path / "web.yml"
    assert _subject(encrypted, authority.trusted_by()) == "server"
    _write(file, authority.sign("second"))
    encrypted.guard.locks.refresh()
    assert _subject(encrypted, authority.trusted_by()) == "second"
    third = authority.sign("third")
    third.key.replace(authority.cert.with_name("second.key"))
    third.cert.replace(authority.cert.with_name("second.pem"))
    encrypted.guard.locks.refresh()
    assert _subject(encrypted, authority.trusted_by()) == "third"


def test_a_bad_certificate_keeps_the_old_one(
    encrypted: Served, authority: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Another's key, no certificate, no TLS at all: each is logged once, and the one before goes on serving."""
    file = tmp_path / "web.yml"
    old, other = authority.sign("old"), authority.sign("other")
    faults = []
    for text in (
        f"tls_server_config: {{cert_file: {old.cert}, key_file: {other.key}}}\n",
        f"tls_server_config: {{cert_file: {file}, key_file: {old.key}}}\n",
        "tls_server_config: {cert_file: none.pem, key_file: none.key}\n",
        "{}\n",
        "",
        "tls_server_config: {cert_file: a, keyfile: b}\n",
    ):
        file.write_text(text, encoding="utf-8")
        encrypted.guard.locks.refresh()
        encrypted.guard.locks.refresh()
        faults.append(encrypted.guard.locks.fault or "")
    assert faults[3] == "the new version has no TLS (restart sentinel if that is meant)"
    assert "KEY_VALUES_MISMATCH" in faults[0]
    assert "No such file or directory" in faults[2]
    assert "the file is empty" in faults[4]
    assert "unknown key 'keyfile' (did you mean 'key_file'?)" in faults[5]
    assert sum("web_config_kept" in record.message for record in caplog.records) == len(faults)
    assert _subject(encrypted, authority.trusted_by()) == "server"


def test_clients_show_certificates(tmp_path: Path, authority: Authority, server_certificate: Certificate) -> None:
    """None, another authority's, and one without the wanted name are turned away; the right one is served."""
    file = tmp_path / "web.yml"
    more = ("  client_auth_type: RequireAndVerifyClientCert", f"  client_ca_file: {authority.cert}")
    _write(file, server_certificate, *more, "  client_allowed_sans: [prometheus.example.org]")
    (tmp_path / "stranger").mkdir()
    stranger = Authority(tmp_path / "stranger").sign("stranger", san="DNS:prometheus.example.org")
    wrong, right = (
        authority.sign("wrong", san="DNS:other.example.org"),
        authority.sign("right", san="DNS:prometheus.example.org"),
    )
    with Served(web=Web(config_file=str(file))) as served:
        for client in (None, stranger, wrong):
            served.trust = authority.trusted_by(client)
            with pytest.raises((urllib.error.URLError, ConnectionError, ssl.SSLError)):
                served.ask("/livez")
        served.trust = authority.trusted_by(right)
        assert served.ask("/metrics").status == 200
        wait_until(lambda: len(served.guard.connections) == 0, PATIENCE_SECONDS, "every connection to be forgotten")


def test_suites_and_curves_are_understood(server_certificate: Certificate) -> None:
    """The format's names become OpenSSL's; the curve that is named is taken."""
    suites = ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"]
    context = make_context(
        TlsServer(
            cert_file=str(server_certificate.cert),
            key_file=str(server_certificate.key),
            cipher_suites=suites,  # type: ignore[arg-type] # literals
            curve_preferences=["X25519"],
            max_version="TLS12",
        )
    )
    names = [each["name"] for each in context.get_ciphers() if each["protocol"] == "TLSv1.2"]
    assert names == ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"]
    assert context.maximum_version == ssl.TLSVersion.TLSv1_2


def test_a_file_that_is_no_certificate_stops_the_start(tmp_path: Path) -> None:
    """What a start cannot use is one clear line that names the files."""
    (tmp_path / "a.pem").write_text("nothing")
    file = tmp_path / "web.yml"
    file.write_text("tls_server_config: {cert_file: a.pem, key_file: a.pem}\n")
    with (
        pytest.raises(ConfigError, match=r"tls_server_config: cannot use certificate '.*a\.pem'"),
        Served(web=Web(config_file=str(file))),
    ):
        pass


def test_slow_handshakes_end_and_stop_nothing(encrypted: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that never finish their handshake are cut off in time; others are served meanwhile."""
    monkeypatch.setattr(door, "HANDSHAKE_SECONDS", 0.5)
    hello = bytes.fromhex("160301020001000001fc0303")  # the first bytes of a client's greeting
    with crowd(encrypted, 50), crowd(encrypted, 50, hello) as half:
        assert encrypted.ask("/livez").status == 200
        assert {everything(connection) for connection in half} == {b""}
        wait_until(lambda: len(encrypted.guard.connections) == 0, PATIENCE_SECONDS, "every connection to be forgotten")


def test_a_stop_does_not_wait_for_clients(
    tmp_path: Path, authority: Authority, server_certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections that are half-way in when the server stops are cut off, and so is one that does not say goodbye."""
    file = tmp_path / "web.yml"
    _write(file, server_certificate)
    monkeypatch.setattr(door, "GOODBYE_SECONDS", 0.2)
    with (
        Served(web=Web(config_file=str(file))) as served,
        crowd(served, 5),
        connect(served) as raw,
        authority.trusted_by().wrap_socket(raw, server_hostname="localhost") as idle,
    ):
        idle.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle.recv(12) == b"HTTP/1.1 200"
        wait_until(lambda: len(served.guard.connections) == 6, PATIENCE_SECONDS, "the connections to be taken in")
        assert served.server.stop(4.0)
