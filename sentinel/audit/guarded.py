"""Checks that may fail, on odd data or with a model that does, without taking the others along."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Self, cast

from sentinel.audit.check import Check, Context, Started
from sentinel.audit.files.rows import AuditRows
from sentinel.audit.findings import CheckResult, not_checked
from sentinel.errors import SentinelError
from sentinel.logs import get_logger

FAILED: Final = "the check failed: "
"""How the detail of such a result begins."""
log = get_logger(__name__)


def guarded(checks: Sequence[Started]) -> tuple[Started, ...]:
    """The same checks; one that raises becomes one that was not made, and is logged.

    Parameters
    ----------
    checks : sequence of modules
    """
    return tuple(cast(Started, _Guarded(module)) for module in checks)


def where_it_failed(error: BaseException) -> str:
    """The kind of an error and the line it came from; never its message, which may hold values.

    Examples
    --------
    >>> where_it_failed(ValueError("4111 1111 1111 1111"))
    'ValueError'
    """
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


class _Guarded:
    """A check's module, as far as the audit looks at it."""

    def __init__(self, module: Started) -> None:
        self.NAME, self.TITLE = module.NAME, module.TITLE
        self._start = module.start

    def start(self, context: Context) -> Check | CheckResult:
        """Start the check, on guard."""
        try:
            check = self._start(context)
        except Exception as error:  # noqa: BLE001 # odd data: whatever a check raises, the others go on
            return _failed(self.NAME, error)
        return check if isinstance(check, CheckResult) else _GuardedCheck(self.NAME, check)


class _GuardedCheck:
    """A check, until it raises; then the result that it could not be made."""

    def __init__(self, name: str, check: Any) -> None:
        self._name = name
        self._check = check
        self._result: CheckResult | None = None

    def train(self, rows: AuditRows) -> None:
        """As of the check."""
        self._guard(lambda: self._check.train(rows))

    def add_train(self, other: Self) -> None:
        """As of the check; what failed there has failed here."""
        self._result = self._result or other._result
        self._guard(lambda: self._check.add_train(other._check))

    def validation(self, rows: AuditRows) -> None:
        """As of the check."""
        self._guard(lambda: self._check.validation(rows))

    def add_validation(self, other: Self) -> None:
        """As of the check; what failed there has failed here."""
        self._result = self._result or other._result
        self._guard(lambda: self._check.add_validation(other._check))

    def result(self) -> CheckResult:
        """As of the check, or why there is none."""
        found = self._guard(lambda: self._check.result())
        return found if self._result is None else self._result

    def _guard(self, step: Callable[[], Any]) -> Any:
        if self._result is not None:
            return None
        try:
            return step()
        except Exception as error:  # noqa: BLE001 # as above
            self._result = _failed(self._name, error)
            return None


def _failed(name: str, error: Exception) -> CheckResult:
    """What sentinel raises itself tells of no value, and how to mend it; of other errors the place alone is told."""
    is_ours = isinstance(error, SentinelError)
    why = str(error) if is_ours else where_it_failed(error)
    log.info("audit_check_failed", check=name, why=why)  # whoever asked is told by the result
    needs = "what it failed for, mended" if is_ours else "a report of this failure to the maintainers"
    return not_checked(name, f"{FAILED}{why}", needs)
