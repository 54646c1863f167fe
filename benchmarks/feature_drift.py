"""False alarms, power and delay of the feature-drift alarm on simulated histograms."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from typing import Final

import numpy as np

from sentinel.evaluation.drift import FALSE_SHARE, WORTH_A_WORD
from sentinel.stats.arrays import Booleans, Floats
from sentinel.stats.drift import StabilityIndex, log_drift_evidence, stability_index
from sentinel.stats.intervals import wilson_interval
from sentinel.stats.multiplicity import e_bh

N_FEATURES: Final = 50
N_BINS: Final = 20
OFFLINE_EVENTS: Final = 5_000
EVENTS_PER_LOOK: Final = 200
N_LOOKS: Final = 100
INDICES: Final = (0.02, 0.05, 0.15, 0.30)
"""True stability indices of the one feature that moves."""
RULES: Final = ("product", "evidence alone", "PSI > .1", "PSI > .25", "chi-square p < .05")


def tilted(law: Floats, index: float) -> Floats:
    """The law with its upper half made likelier, so that its true index is ``index``."""
    side = np.where(np.arange(len(law)) < len(law) // 2, -1.0, 1.0)
    low, high = 0.0, 5.0
    for _ in range(60):
        middle = (low + high) / 2.0
        moved = law * np.exp(middle * side)
        moved /= moved.sum()
        reached = float(((moved - law) * np.log(moved / law)).sum())
        low, high = (middle, high) if reached < index else (low, middle)
    return moved


def alarms(offline: Floats, live: Floats) -> dict[str, Booleans]:
    """Which features each rule raises at one look, shape (n_features,)."""
    evidence = np.array([log_drift_evidence(p, q) for p, q in zip(offline, live, strict=True)])
    moved = [stability_index(p, q) for p, q in zip(offline, live, strict=True)]
    excess = np.array([m.excess if isinstance(m, StabilityIndex) else 0.0 for m in moved])
    value = np.array([m.value if isinstance(m, StabilityIndex) else 0.0 for m in moved])
    p_value = np.array([m.p_value if isinstance(m, StabilityIndex) else 1.0 for m in moved])
    found = e_bh(evidence, FALSE_SHARE)
    return {
        "product": found & (excess >= WORTH_A_WORD),
        "evidence alone": found,
        "PSI > .1": value > 0.1,
        "PSI > .25": value > 0.25,
        "chi-square p < .05": p_value < 0.05,
    }


def first_looks(index: float | None, n_streams: int, seed: int) -> dict[str, list[tuple[int | None, bool]]]:
    """For each rule and stream: the look that first raises the moved feature, and whether any other ever was."""
    rng = np.random.default_rng(seed)
    result: dict[str, list[tuple[int | None, bool]]] = {rule: [] for rule in RULES}
    for _ in range(n_streams):
        laws = rng.dirichlet(np.full(N_BINS, 5.0), N_FEATURES)
        offline = np.array([rng.multinomial(OFFLINE_EVENTS, law) for law in laws])
        if index is not None:
            laws[0] = tilted(laws[0], index)
        live = np.zeros((N_FEATURES, N_BINS))
        first: dict[str, int | None] = dict.fromkeys(RULES)
        false = dict.fromkeys(RULES, False)
        for look in range(N_LOOKS):
            live += [rng.multinomial(EVENTS_PER_LOOK, law) for law in laws]
            for rule, raised in alarms(offline, live).items():
                if index is not None and raised[0] and first[rule] is None:
                    first[rule] = look
                false[rule] |= bool(raised[0 if index is None else 1 :].any())
        for rule in RULES:
            result[rule].append((first[rule], false[rule]))
    return result


def rows(n_streams: int) -> Iterator[str]:
    """The table, line by line."""
    yield "| rule | " + " | ".join(["false alarm in a stream", *(f"index {i:g}: power, delay" for i in INDICES)]) + " |"
    yield "|---" * (len(INDICES) + 2) + "|"
    null = first_looks(None, n_streams, 1)
    moved = {index: first_looks(index, n_streams, 2 + at) for at, index in enumerate(INDICES)}
    for rule in RULES:
        n_false = sum(false for _, false in null[rule])
        bounds = wilson_interval(n_false, n_streams)
        cells = [f"{n_false / n_streams:.3f} ({bounds.lower:.3f} to {bounds.upper:.3f})"]
        for index in INDICES:
            looks = [first for first, _ in moved[index][rule] if first is not None]
            delay = f", {(np.median(looks) + 1) * EVENTS_PER_LOOK:,.0f}" if looks else ""
            cells.append(f"{len(looks) / n_streams:.2f}{delay}")
        yield f"| {rule} | {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20 streams instead of 100")
    args = parser.parse_args()
    n_streams = 20 if args.quick else 100
    looks, events = N_LOOKS, N_LOOKS * EVENTS_PER_LOOK
    print(
        f"{n_streams} streams, {N_FEATURES} features of {N_BINS} bins, {OFFLINE_EVENTS:,} offline, {looks} looks over"
    )
    print(f"{events:,} events; delay: median events until the moved feature is raised; e-BH at {FALSE_SHARE:g}")
    print(f"(a share of false features, so an alarm on {N_FEATURES} quiet ones may come at most that often)\n")
    print("\n".join(rows(n_streams)))
    assert_level(n_streams)


def assert_level(n_streams: int) -> None:
    """End with an error where the product's own rule raises more than it promises.

    Raises
    ------
    SystemExit
        If its false alarms exceed the promise by more than chance.
    """
    n_false = sum(false for _, false in first_looks(None, n_streams, 99)["product"])
    allowed = FALSE_SHARE * n_streams + 3.0 * math.sqrt(FALSE_SHARE * (1.0 - FALSE_SHARE) * n_streams)
    if n_false > allowed:
        raise SystemExit(f"{n_false} of {n_streams} quiet streams were raised; at most {allowed:.0f} are promised")


if __name__ == "__main__":
    main()
