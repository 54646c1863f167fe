"""Watches models in production and says when the offline-online gap means data leakage, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentinel.api import (
        AlertFiringError,
        AuditResult,
        Baseline,
        Chart,
        DataWarning,
        LeakageFoundError,
        Result,
        build_baseline,
        check_leakage,
        load_baseline,
        read_audit,
        read_report,
        replay,
    )
    from sentinel.errors import SentinelError

__version__ = "0.1.0"

__all__ = [
    "AlertFiringError",
    "AuditResult",
    "Baseline",
    "Chart",
    "DataWarning",
    "LeakageFoundError",
    "Result",
    "SentinelError",
    "__version__",
    "build_baseline",
    "check_leakage",
    "load_baseline",
    "read_audit",
    "read_report",
    "replay",
]


if not TYPE_CHECKING:  # a type checker would take any name for one of ours

    def __getattr__(name: str) -> Any:
        """Import what notebooks use when it is first asked for: the command line does not wait for it."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib

        home = importlib.import_module("sentinel.errors" if name == "SentinelError" else "sentinel.api")
        found = globals()[name] = getattr(home, name)
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
