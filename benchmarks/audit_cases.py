"""What the audit says of real evaluations whose truth is known, without a model and with the reference learner.

    python -m benchmarks.audit_cases [--quick] [--no-fit] [FOLDER]

FOLDER holds CASE/VARIANT/train.parquet and validation.parquet ($SENTINEL_TEST_DATA unless it is named). One
line a variant: the truth, everything that is more than good to know, the features that are suspect (the first named
first), the AUC of the scores in the file, and that of the reference learner with every feature and without the first
suspect.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import pandas as pd
from sklearn.metrics import roc_auc_score

from sentinel.api.settings import settings_of
from sentinel.audit.findings import AuditReport, Finding, Inflation
from sentinel.audit.learner import fit
from sentinel.audit.scan import Given, audit
from sentinel.config.columns import Columns

FOLDER: Final = Path(os.environ.get("SENTINEL_TEST_DATA", "../shared/data"))
QUICK: Final = "bank_duration/leaky"
SUSPECTS: Final = ("target_leakage", "temporal_leakage")
"""Causes of which a finding that names columns names suspects."""
SERIOUS: Final = ("critical", "warning")


class Truth(NamedTuple):
    """What is wrong, in which feature, and how loudly a file of the past can be expected to say so."""

    cause: str | None
    feature: str | None = None
    loudness: str = "nothing"


TRUTHS: Final[Mapping[str, Truth]] = {
    "bank_duration/honest": Truth(None),
    "bank_duration/leaky": Truth("target_leakage", "duration", "serious"),
    "bank_duration/leaky_median": Truth("target_leakage", "duration", "serious"),
    "diabetes_futurecount/honest": Truth(None),
    "diabetes_futurecount/leaky": Truth("temporal_leakage", "n_enc_total", "suspect"),
    "diabetes_group/honest": Truth(None),
    "diabetes_group/leaky": Truth("group_leakage", None, "information"),
    "diabetes_targetenc/leaky": Truth("target_leakage", "pat_rate_all", "serious"),
    "flights_posthoc/honest": Truth(None),
    "flights_posthoc/leaky_depdelay": Truth("target_leakage", "dep_delay", "serious"),
    "flights_posthoc/leaky_missingness": Truth("target_leakage", "carrier_delay", "serious"),
    "flights_posthoc/leaky_taxi_out": Truth("target_leakage", "taxi_out", "nothing"),
}
"""Of ``n_enc_total`` the files of the past show a feature that tells more than any other, and no more; of ``taxi_out``,
whose area alone is .66, not even that; the patients in both files of ``diabetes_group`` are as many live, and cost
nothing."""


def look(folder: Path, *, with_fit: bool) -> AuditReport:
    """Audit one variant as anybody would: nothing is said of its columns but what they are called by default."""
    model = settings_of(folder.parent.name, folder.name, {})
    fit_with: Callable[..., Any] | None = fit if with_fit else None
    given = Given(model, folder / "validation.parquet", folder / "train.parquet", fit_with=fit_with)
    return audit(given, now_us=0)


def suspects(report: AuditReport) -> tuple[str, ...]:
    """Features that a finding names as telling too much, the gravest first; each once."""
    named = [name for one in report.findings if one.cause in SUSPECTS for name in one.columns]
    return tuple(dict.fromkeys(named))


def serious(report: AuditReport) -> tuple[Finding, ...]:
    """Findings that are more than good to know."""
    return tuple(one for one in report.findings if one.severity in SERIOUS)


def _inflation(report: AuditReport, name: str) -> Inflation | None:
    gains = [one.inflation for one in report.findings if name in one.columns and one.inflation is not None]
    return gains[0] if gains else None


def _anew(folder: Path, named: Sequence[str]) -> tuple[float, float]:
    """What the reference learner reaches with every feature, and without the first of the suspects that is one."""
    train, validation = (pd.read_parquet(folder / f"{part}.parquet") for part in ("train", "validation"))
    roles = set(Columns().roles("binary").values())
    features = [str(name) for name in train.columns if name in validation.columns and name not in roles]
    suspect = next((name for name in named if name in features), None)
    known = validation["outcome"].notna()
    train, validation = train[train["outcome"].notna()], validation[known]
    areas = []
    for kept in (features, [name for name in features if name != suspect]):
        scores = fit(train, validation, features=kept, outcome="outcome", task="binary")
        areas.append(float(roc_auc_score(validation["outcome"], scores)))
    return areas[0], areas[1]


def row(folder: Path, *, with_fit: bool) -> str:
    """One line of the table."""
    begun = time.process_time()
    case = f"{folder.parent.name}/{folder.name}"
    truth = TRUTHS.get(case, Truth("not known"))
    report = look(folder, with_fit=False)
    fitted = look(folder, with_fit=True) if with_fit else report
    named = suspects(fitted)
    said = ", ".join(f"{one.check} ({one.severity})" for one in serious(report)) or "-"
    more = [one for one in serious(fitted) if one.check not in {two.check for two in serious(report)}]
    said += "".join(f"; fitted anew {one.check} ({one.severity})" for one in more)
    stated = "-" if report.offline is None else f"{report.offline.value:.3f}"
    gain = _inflation(fitted, named[0]) if named else None
    areas = None if gain is None else (gain.stated, gain.repaired)
    if areas is None and named and with_fit:
        areas = _anew(folder, named)
    anew = "-" if areas is None else f"{areas[0]:.3f} -> {areas[1]:.3f}"
    what = "none" if truth.cause is None else f"{truth.cause}{f': {truth.feature}' if truth.feature else ''}"
    taken = f"{time.process_time() - begun:.1f}"
    return f"| {case} | {what} | {said} | {', '.join(named) or '-'} | {stated} | {anew} | {taken} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, help="where the cases are")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} alone")
    parser.add_argument("--no-fit", action="store_true", help="without the reference learner")
    given = parser.parse_args(arguments)
    cases = sorted(path.parent for path in given.folder.glob("*/*/train.parquet"))
    if given.quick:
        cases = [case for case in cases if f"{case.parent.name}/{case.name}" == QUICK]
    if not cases:
        print(f"{given.folder}: no real evaluations here (CASE/VARIANT/train.parquet); nothing was measured")
        return 0
    print("| case | truth | serious | suspects | AUC | fitted anew: with all -> without the first | CPU s |")
    print("|---|---|---|---|---|---|---|")
    for case in cases:
        print(row(case, with_fit=not given.no_fit), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
