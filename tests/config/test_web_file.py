"""The web configuration file and the file of tokens: what is taken, and each fault with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinel.config import ConfigError, parse_config
from sentinel.config.loader import dump_config
from sentinel.config.tokens import load_tokens
from sentinel.config.web_file import load_web_file
from tests.config.test_loader import MINIMAL

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"

MESSAGES = {
    "": "the file is empty ({} means no TLS and no passwords)",
    "# later\n\n": "the file is empty ({} means no TLS and no passwords)",
    "[]": "1:1: expected a mapping, got a list",
    "tls_config: {}": "1:1: unknown key 'tls_config' (did you mean 'tls_server_config'?)",
    "tls_server_config: {cert_file: a}": "1:20: tls_server_config: missing key 'key_file'",
    "tls_server_config: {cert_file: a, key_file: b, cert: c}": "1:48: tls_server_config: unknown key 'cert' "
    "(did you mean 'cert_file'?)",
    "tls_server_config: {cert_file: a, key_file: b, min_version: TLS10}": "1:61: tls_server_config.min_version: "
    "must be one of TLS12, TLS13, not 'TLS10' (did you mean 'TLS13'?)",
    "tls_server_config: {cert_file: a, key_file: b, min_version: TLS13, max_version: TLS12}": "1:61: "
    "tls_server_config.min_version: is above max_version TLS12",
    "tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequireAndVerifyClientCert}": "1:66: "
    "tls_server_config.client_auth_type: RequireAndVerifyClientCert needs client_ca_file",
    "tls_server_config: {cert_file: a, key_file: b, client_ca_file: c}": "1:64: tls_server_config.client_ca_file: is "
    "given, but no client is asked for a certificate (RequireAndVerifyClientCert lets only clients with a certificate "
    "in)",
    "http_server_config: {headers: {X-Powered-By: us}}": "1:46: http_server_config.headers.X-Powered-By: this header "
    "cannot be configured (these can: Content-Security-Policy, Strict-Transport-Security, X-Content-Type-Options, "
    "X-Frame-Options, X-XSS-Protection)",
    "http_server_config: {headers: {X-Frame-Options: allow}}": "1:49: http_server_config.headers.X-Frame-Options: is "
    "one of deny, sameorigin",
    'http_server_config: {headers: {X-XSS-Protection: "1\\r\\nSet-Cookie: a"}}': "1:50: "
    "http_server_config.headers.X-XSS-Protection: may hold only printable ASCII",
    "basic_auth_users: {alice: hunter2}": "1:27: basic_auth_users.alice: is not a bcrypt hash (`htpasswd -nB NAME` "
    "makes one)",
    f"basic_auth_users: {{alice: {HASH.replace('$10$', '$31$')}}}": "1:27: basic_auth_users.alice: has cost 31; from 4 "
    "to 16 is served",
    f'basic_auth_users: {{"a:b": {HASH}}}': "1:27: basic_auth_users['a:b']: a user's name is printable and holds no "
    "colon",
    f"basic_auth_users: {{alice: {HASH}, alice: {HASH}}}": "1:89: basic_auth_users: the key 'alice' is already on "
    "line 1",
    "rate_limit: {interval: 3}": "1:24: rate_limit.interval: a duration needs a unit, for example 15s, 500ms or 1h30m, "
    "not the number 3",
}


@pytest.mark.parametrize(("text", "message"), MESSAGES.items())
def test_each_fault_has_its_place(text: str, message: str, tmp_path: Path) -> None:
    """The message names file, line and column, and never what stood in the place of a hash."""
    file = tmp_path / "web.yml"
    file.write_text(text)
    with pytest.raises(ConfigError) as fault:
        load_web_file(file)
    separator = ": " if message.startswith("the file") else ":"
    assert str(fault.value) == f"{file}{separator}{message}"
    assert "hunter2" not in str(fault.value)


def test_the_whole_format_is_read(tmp_path: Path) -> None:
    """A file as Prometheus takes it, with paths from its folder."""
    file = tmp_path / "web.yml"
    file.write_text(
        "tls_server_config:\n  cert_file: tls.crt\n  key_file: tls.key\n"
        "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: /ca.pem\n"
        "  client_allowed_sans: [prometheus]\n  min_version: TLS13\n  prefer_server_cipher_suites: false\n"
        "http_server_config:\n  http2: false\n  headers:\n    X-Frame-Options: deny\n"
        f"basic_auth_users:\n  alice: {HASH}\n  bob: {HASH.replace('$2y$', '$2b$')}\n"
        "rate_limit:\n  interval: 100ms\n  burst: 10\n"
    )
    read = load_web_file(file)
    assert read.tls_server_config is not None
    assert read.tls_server_config.files == (str(tmp_path / "tls.crt"), str(tmp_path / "tls.key"), "/ca.pem")
    assert read.basic_auth_users["alice"].reveal() == HASH
    assert HASH not in repr(read)
    assert (float(read.rate_limit.interval), read.rate_limit.burst) == (0.1, 10)
    file.write_text("{}\n")
    assert load_web_file(file).tls_server_config is None


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    """No file, not text, far too large."""
    with pytest.raises(ConfigError, match="cannot read the web configuration: No such file"):
        load_web_file(tmp_path / "none.yml")
    file = tmp_path / "web.yml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8 text"):
        load_web_file(file)
    file.write_bytes(b"#" * 2_000_000)
    with pytest.raises(ConfigError, match="is larger than 1048576 bytes"):
        load_web_file(file)


def test_tokens_have_names(tmp_path: Path) -> None:
    """A line is a name and a token; a token alone has a name too; comments and empty lines are skipped."""
    file = tmp_path / "tokens"
    file.write_text(f"# readers\n\nscraper  {'a' * 40}\r\n{'b' * 38}==\n")
    tokens = load_tokens(file)
    assert {name: token.reveal() for name, token in tokens.items()} == {"scraper": "a" * 40, "token": "b" * 38 + "=="}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds 0 tokens, from 1 to 1000 are taken"),
        ("a secret-of-16-chars too many\n", "a line is `name token`, or a token alone"),
        ("\nscraper secret15chars..\n", "a token has at least 16 characters (`openssl rand -hex 32` makes one)"),
        ("scraper secret:with:colons:in:it\n", "a token holds only letters, digits and ._~+/-, then ="),
        (f"a {'secret' * 4}\na {'secret' * 5}\n", "a second token of 'a'"),
        ("secret" * 20_000, "is larger than 65536 bytes"),
    ],
)
def test_a_bad_token_file_is_told_without_the_token(text: str, message: str, tmp_path: Path) -> None:
    """The message names file and line."""
    file = tmp_path / "tokens"
    file.write_text(text)
    with pytest.raises(ConfigError) as fault:
        load_tokens(file)
    assert fault.value.message + (f" ({fault.value.hint})" if fault.value.hint else "") == message
    assert str(fault.value).startswith(str(file))
    assert "secret" not in str(fault.value)


def test_writers_need_a_way_to_log_in() -> None:
    """Nobody can be a writer where nobody can log in; with a file of users the names are taken."""
    with pytest.raises(ConfigError, match=r"web.writers: nobody can log in"):
        parse_config(MINIMAL + "web: {writers: [alice]}\n")
    config = parse_config(MINIMAL + "web: {writers: [alice], config_file: web.yml}\n")
    assert config.web.writers == ["alice"]
    assert "config_file: web.yml" in dump_config(config)
