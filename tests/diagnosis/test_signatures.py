"""What every signature owes: its own signals and no other's, under names of their own, with causes that there are."""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from sentinel.diagnosis.report import Cause
from sentinel.diagnosis.signatures import all_signatures
from tests.diagnosis.test_signals import evidence

SIGNATURES = all_signatures()
TESTS = sorted(Path(__file__).parent.glob("test_*.py"))


def folder(name: str) -> str:
    """The file of a signature, as a person names it."""
    return f"sentinel/diagnosis/signatures/{name}.py"


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_signature_has_what_is_read_of_it(name: str) -> None:
    """Each module declares MEANINGS and read(evidence)."""
    module = SIGNATURES[name]
    assert getattr(module, "MEANINGS", ()), f"{folder(name)}: MEANINGS, a tuple of Meaning, is missing or empty"
    assert callable(getattr(module, "read", None)), f"{folder(name)}: read(evidence), which yields Signal, is missing"


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_signature_yields_what_it_declares(name: str) -> None:
    """Of a stream with a gap, it yields each of its own signals once, and no other."""
    yielded = Counter(signal.name for signal in SIGNATURES[name].read(evidence(9)))
    declared = Counter(meaning.name for meaning in SIGNATURES[name].MEANINGS)
    assert yielded == declared, f"{folder(name)}: read() yields other signals than MEANINGS declares"


def test_no_two_signatures_share_a_signal() -> None:
    """The name of a signal is its column in the scorecard: the second of that name would replace the first."""
    names = Counter(meaning.name for module in SIGNATURES.values() for meaning in module.MEANINGS)
    assert [name for name, n in names.items() if n > 1] == []


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_signature_speaks_for_what_there_is(name: str) -> None:
    """Families and causes in MEANINGS are those of the report: a misspelt one would never get a weight."""
    families, causes = {cause.family for cause in Cause}, {cause.value for cause in Cause}
    for meaning in SIGNATURES[name].MEANINGS:
        assert set(meaning.families) <= families, f"{folder(name)}: {meaning.name} speaks for an unknown family"
        assert set(meaning.causes) <= causes, f"{folder(name)}: {meaning.name} speaks for an unknown cause"
        assert meaning.families or meaning.causes, f"{folder(name)}: {meaning.name} speaks for nothing"


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_signature_has_a_test(name: str) -> None:
    """Some test of this folder names one of its signals, and so its value."""
    own = {meaning.name for meaning in SIGNATURES[name].MEANINGS}
    is_tested = bool(own & _named_in_tests())
    assert is_tested, f"no test in tests/diagnosis names a signal of {folder(name)}: {', '.join(sorted(own))}"


@cache
def _named_in_tests() -> set[str]:
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in TESTS)
    return {node.value for tree in trees for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)}  # fmt: skip
