"""Which checks are made, and which findings stop a pipeline."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sentinel.audit.checks import all_checks
from sentinel.audit.choosing import chosen_checks, titles
from sentinel.audit.findings import Severity
from sentinel.audit.report.gate import failing
from sentinel.errors import FatalError
from tests.audit import reports


def test_every_check_has_a_name_of_its_own() -> None:
    """Names are those of the modules and differ; each says in a few words what it looks for."""
    modules = all_checks()
    assert [module.NAME for module in modules] == sorted({module.NAME for module in modules})
    for name, title in titles().items():
        assert name.isidentifier()
        assert 5 < len(title) < 80


def test_all_checks_are_made_unless_some_are_named() -> None:
    """Without names all are made; a name twice is the same as once; what is left out is left out."""
    assert chosen_checks() == all_checks()
    assert [check.NAME for check in chosen_checks(["copies", "copies"])] == ["copies"]
    left = [check.NAME for check in chosen_checks((), ["copies"])]
    assert left == [check.NAME for check in all_checks() if check.NAME != "copies"]


@pytest.mark.parametrize(
    ("only", "without", "said"),
    [
        (["copys"], [], "there is no check 'copys', did you mean 'copies'?; there are: "),
        ([], ["nonsense"], "there is no check 'nonsense'; there are: "),
        (["copies"], ["copies"], "no check is left: every one that was asked for is left out as well"),
    ],
)
def test_wrong_names_are_told(only: Sequence[str], without: Sequence[str], said: str) -> None:
    """A name that no check has is an error that lists them and guesses; so is leaving none."""
    with pytest.raises(FatalError) as caught:
        chosen_checks(only, without)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(("fail_on", "n"), [("critical", 2), ("warning", 3), ("info", 4)])
def test_graver_findings_fail_too(fail_on: Severity, n: int) -> None:
    """A gate on a severity stops on it and on the graver ones, and lets a clean audit through."""
    assert failing(reports.whole(), fail_on) == reports.whole().findings[:n]
    assert failing(reports.clean(), fail_on) == ()
