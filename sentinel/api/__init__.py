"""For notebooks and scripts: a baseline from a DataFrame, a stream replayed against it, and the report to look at."""

from __future__ import annotations

from sentinel.api.audit import AuditResult, LeakageFoundError, check_leakage, read_audit
from sentinel.api.baseline import Baseline, build_baseline, load_baseline
from sentinel.api.charts import Chart
from sentinel.api.inspection import DataWarning
from sentinel.api.replaying import replay
from sentinel.api.result import AlertFiringError, Result, read_report

__all__ = [
    "AlertFiringError",
    "AuditResult",
    "Baseline",
    "Chart",
    "DataWarning",
    "LeakageFoundError",
    "Result",
    "build_baseline",
    "check_leakage",
    "load_baseline",
    "read_audit",
    "read_report",
    "replay",
]
