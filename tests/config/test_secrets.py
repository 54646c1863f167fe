"""Secrets reach the client that needs them and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinel.config import ConfigError, KafkaSource, Secret, dump_config, load_config, parse_config
from sentinel.config.secrets import MAX_SECRET_BYTES, read_secret
from tests.config.test_loader import KAFKA

PASSWORD = "hunter2"
SASL = "    security_protocol: SASL_SSL\n    sasl_mechanism: PLAIN\n    sasl_plain_username: ann\n"


def _kafka(text: str, environ: dict[str, str] | None = None, directory: Path | None = None) -> KafkaSource:
    config = parse_config(text, environ=environ, directory=directory)
    assert config.source is not None
    assert config.source.kafka is not None
    return config.source.kafka


def test_a_secret_shows_itself_nowhere() -> None:
    """Neither str, repr, format nor a container shows the text; reveal does."""
    secret = Secret(PASSWORD)
    shown = f"{secret} {secret!r} {[secret]} {'%s' % secret}"  # noqa: UP031 # the old way is one of the ways
    assert PASSWORD not in shown
    assert secret.reveal() == PASSWORD


def test_secrets_compare_by_value() -> None:
    """A reload can see that a password changed without showing it."""
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_secret_from_a_file(tmp_path: Path, ending: str) -> None:
    """One trailing newline, as editors leave it, is not part of the password."""
    (tmp_path / "password").write_bytes(f"{PASSWORD}{ending}".encode())
    source = _kafka(KAFKA + SASL + "    sasl_plain_password_file: password\n", directory=tmp_path)
    assert source.sasl_plain_password is not None
    assert source.sasl_plain_password.reveal() == PASSWORD


def test_only_one_newline_is_taken_off(tmp_path: Path) -> None:
    """Spaces and further newlines may belong to the secret."""
    (tmp_path / "password").write_bytes(b" x \n\n")
    assert read_secret(tmp_path / "password").reveal() == " x \n"


@pytest.mark.parametrize("value", [PASSWORD, "12345", "null", "true", "$x${y}"])
def test_secret_from_the_environment(value: str) -> None:
    """A password that looks like a number, a boolean, nothing or a reference is still that text."""
    source = _kafka(KAFKA + SASL + "    sasl_plain_password: ${PASSWORD}\n", {"PASSWORD": value})
    assert source.sasl_plain_password is not None
    assert source.sasl_plain_password.reveal() == value


def test_an_empty_variable_is_no_password() -> None:
    """An empty variable means that no password was given, and the rule for SASL says so."""
    with pytest.raises(ConfigError, match="SASL_SSL needs sasl_plain_password"):
        parse_config(KAFKA + SASL + "    sasl_plain_password: ${PASSWORD}\n", environ={"PASSWORD": ""})


def test_the_dump_is_redacted() -> None:
    """What check-config and the console print holds the word <secret> where the password was."""
    config = parse_config(KAFKA + SASL + f"    sasl_plain_password: {PASSWORD}\n")
    dumped = dump_config(config)
    assert PASSWORD not in dumped
    assert "sasl_plain_password: <secret>" in dumped
    assert PASSWORD not in repr(config)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"x" * (MAX_SECRET_BYTES + 1), "is larger than 65536 bytes"),
    ],
)
def test_files_that_hold_no_secret(tmp_path: Path, content: bytes, message: str) -> None:
    """An empty, binary or huge file is a wrong path, and none of its content is shown."""
    (tmp_path / "password").write_bytes(content)
    (tmp_path / "sentinel.yaml").write_text(KAFKA + SASL + "    sasl_plain_password_file: password\n")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "sentinel.yaml", {})
    assert caught.value.message == f"'{tmp_path}/password' {message}"
    assert caught.value.__cause__ is None
