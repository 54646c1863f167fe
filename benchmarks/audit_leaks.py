"""What the audit finds of planted leaks, what it finds where there are none, and how well it puts a price on them.

    python -m benchmarks.audit_leaks [--seeds 10] [--quick] [--kinds NAME ...]

Every kind of `benchmarks._audit_kinds` is planted at three strengths, ten times each; beside them as many honest
evaluations of three kinds: as they are, with coarse inputs that repeat by nature, and with entities that return.
Under each strength stand the evaluations in which its check, or another of its cause, says something at all, and in
which it warns: what is proven to cost nothing is information, not a warning. The error of the inflation is that of the
finding with the largest, against the area on fresh rows: of the same model where rows leak, of one that never saw the
column where a feature does.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from benchmarks._audit_kinds import KINDS, Plant, clean
from benchmarks._audit_plants import Planted, area
from sentinel.api.settings import settings_of
from sentinel.audit.findings import AuditReport, Finding
from sentinel.audit.scan import Given, audit

SERIOUS = ("critical", "warning")
STRENGTHS = ("weak", "medium", "strong")


class Seen(NamedTuple):
    """One audit, and what was planted."""

    kind: str
    strength: int
    planted: Planted
    findings: tuple[Finding, ...]
    inflation: float | None


def look(planted: Planted) -> AuditReport:
    """Audit one evaluation."""
    model = settings_of("planted", "1", dict(planted.settings))
    tables = (pa.Table.from_pandas(rows, preserve_index=False) for rows in (planted.validation, planted.train))
    validation, train = tables
    given = Given(model, validation, train, dict(planted.manifest), fit_with=planted.fit_with)
    return audit(given, now_us=0)


def run(kind: str, plant: Plant, strength: int, seed: int) -> Seen:
    """Plant and look."""
    planted = plant(np.random.default_rng([seed, strength, *kind.encode()]), strength)
    report = look(planted)
    true = None
    if planted.honest_auc is not None:
        true = area(planted.validation["outcome"], planted.validation["score"]) - planted.honest_auc
    return Seen(kind, strength, planted, report.findings, true)


def told(seen: Seen) -> tuple[bool, bool]:
    """Whether a finding is of its check or of its cause, and whether such a one is serious."""
    wanted = seen.planted
    severities = [f.severity for f in seen.findings if f.check == wanted.check or f.cause == wanted.cause]
    return bool(severities), any(severity in SERIOUS for severity in severities)


def price(seen: Seen) -> float | None:
    """The largest inflation that a finding of the cause states."""
    gains = [f.inflation.gain.value for f in seen.findings if f.cause == seen.planted.cause and f.inflation is not None]
    return max(gains, default=None)


def kinds_table(every: Sequence[Seen]) -> None:
    """One line a kind: how often it is said and warned of at each strength, and the error of the inflation."""
    print(
        f"{'planted':32}"
        + "".join(f"{name:>10}" for name in STRENGTHS)
        + f"{'its check':>11}{'inflation':>11}{'error':>9}"
    )
    for kind in dict.fromkeys(seen.kind for seen in every if seen.planted.check):
        cells, errors, own, true = [], [], [], []
        for strength in range(len(STRENGTHS)):
            some = [seen for seen in every if (seen.kind, seen.strength) == (kind, strength)]
            if not some:
                cells.append("-")
                continue
            said, warned = (sum(which) for which in zip(*map(told, some), strict=True))
            cells.append(f"{said} {warned}/{len(some)}")
            for seen in some:
                own.append(any(f.check == seen.planted.check for f in seen.findings))
                stated = price(seen)
                if stated is not None and seen.inflation is not None:
                    errors.append(abs(stated - seen.inflation))
                    true.append(seen.inflation)
        error = f"{statistics.median(errors):9.3f}" if errors else f"{'-':>9}"
        size = f"{statistics.median(true):11.3f}" if true else f"{'-':>11}"
        print(
            f"{kind:32}" + "".join(f"{cell:>10}" for cell in cells) + f"{np.mean(own):11.2f}{size}{error}", flush=True
        )


def checks_table(every: Sequence[Seen]) -> None:
    """One line a check: how much of what it says is so, how much it sees of what it should, alarms on honest data."""
    said: Counter[str] = Counter()
    right: Counter[str] = Counter()
    alarms: defaultdict[str, Counter[str]] = defaultdict(Counter)
    wanted = Counter(seen.planted.check for seen in every if seen.planted.check)
    caught: Counter[str] = Counter()
    n_honest = sum(not seen.planted.check for seen in every)
    for seen in every:
        serious = {f.check: f.cause for f in seen.findings if f.severity in SERIOUS}
        critical = {f.check for f in seen.findings if f.severity == "critical"}
        for check, cause in serious.items():
            said[check] += 1
            right[check] += cause == seen.planted.cause or check == seen.planted.check
            if not seen.planted.check:
                alarms[check].update(["critical" if check in critical else "warning"])
        caught[seen.planted.check] += any(f.check == seen.planted.check for f in seen.findings)
    print(f"{'check':24}{'precision':>11}{'recall':>9}{'warned':>8}   of {n_honest} honest: critical, warning")
    for check in sorted(set(said) | set(wanted)):
        precision = f"{right[check] / said[check]:11.2f}" if said[check] else f"{'-':>11}"
        recall = f"{caught[check] / wanted[check]:9.2f}" if wanted[check] else f"{'-':>9}"
        print(f"{check:24}{precision}{recall}{said[check]:8}   {alarms[check]['critical']}, {alarms[check]['warning']}")


def faults(every: Sequence[Seen]) -> list[str]:
    """What must not be: a kind whose strongest form is never told of, honest rows that are warned of."""
    strongest = [seen for seen in every if seen.planted.check and seen.strength == len(STRENGTHS) - 1]
    found = {seen.kind for seen in strongest if told(seen)[0]}
    missed = [f"not seen at its strongest: {kind}" for kind in sorted({seen.kind for seen in strongest} - found)]
    honest = [seen for seen in every if not seen.planted.check]
    warned = {f.check for seen in honest for f in seen.findings if f.severity in SERIOUS}
    return missed + [f"warns of honest rows: {check}" for check in sorted(warned)]


def main() -> int:
    """Plant, look, print both tables; 1 where a strong leak was missed or honest rows were warned of."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="one seed, the strong form alone")
    parser.add_argument("--kinds", nargs="*", default=[], help="only these")
    given = parser.parse_args()
    begun = time.process_time()
    chosen = {name: plant for name, plant in KINDS.items() if not given.kinds or name in given.kinds}
    seeds = range(1 if given.quick else given.seeds)
    strengths = range(len(STRENGTHS) - 1 if given.quick else 0, len(STRENGTHS))
    every = []
    for kind, plant in {**chosen, "honest": clean}.items():
        every += [run(kind, plant, strength, seed) for strength in strengths for seed in seeds]
    kinds_table(every)
    print()
    checks_table(every)
    print(f"{len(every)} evaluations, {time.process_time() - begun:.0f} CPU seconds with the training of their models")
    wrong = faults(every)
    print(*wrong, sep="\n")
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
