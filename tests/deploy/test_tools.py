"""What is said when a program that a check needs is not there."""

from __future__ import annotations

import pytest

from tests.support import tools

REASON = "no program `no-such-program`: nothing is checked"


def test_a_check_without_its_program_is_skipped_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a developer's machine the other checks go on, and the report says what was not checked."""
    monkeypatch.delenv(tools.REQUIRED, raising=False)
    with pytest.raises(pytest.skip.Exception, match=REASON):
        tools.need("no-such-program", "nothing is checked")
    with pytest.raises(pytest.skip.Exception, match="no package `no_such_package`: nothing is checked"):
        tools.need_package("no_such_package", "nothing is checked")


def test_it_is_an_error_where_every_check_has_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """With SENTINEL_REQUIRE_TOOLS=1 nothing is skipped."""
    monkeypatch.setenv(tools.REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match=REASON):
        tools.need("no-such-program", "nothing is checked")


def test_a_program_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of its name goes before every place where it might be."""
    monkeypatch.setenv("SENTINEL_TEST_SYSTEMD_ANALYZE", "/opt/analyze")
    assert tools.find("systemd-analyze") == "/opt/analyze"
