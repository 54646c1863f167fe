"""Trying mutants: which tests reach a line, and whether one of them fails when it is changed."""

from __future__ import annotations

import collections
import functools
import gc
import json
import os
import re
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

import coverage
import pytest

from benchmarks._mutants import Mutant, put_in_place

MEMORY_BYTES: Final = 8 << 30
"""A mutant whose tests ask for more has failed."""
WALL_PER_CPU: Final = 20
"""Wall seconds for each processor second that a mutant's tests may take: what hangs takes no processor."""
_LOST: Final = 70
_OUTCOMES: Final = ("survived", "killed", "broken", "cut")
"""By exit code of the child: ``broken`` cannot be imported, ``cut`` had more tests than time."""


class Trial:
    """A pytest plugin that runs mutants in place of the tests.

    Parameters
    ----------
    chosen : sequence of Mutant
    results : Path
        One line of JSON a mutant is added; those that are there are not tried again. The map of the tests lies beside
        it, in a folder of that name.
    budget_seconds : int
        Processor seconds of the tests of one mutant.
    until : float
        Of the monotonic clock: no mutant is begun after it.
    """

    def __init__(self, chosen: Sequence[Mutant], results: Path, budget_seconds: int, until: float) -> None:
        self.chosen, self.results, self.budget_seconds, self.until = chosen, results, budget_seconds, until
        self.reached: dict[str, dict[int, set[int]]] = {}
        self.seconds: dict[str, float] = {}
        self.kills: collections.Counter[tuple[Path, str]] = collections.Counter()

    def pytest_collection(self) -> None:
        """Have hypothesis draw the same few examples each time, and shrink none."""
        from hypothesis import Phase, settings  # pytest wants to rewrite its asserts first

        phases = (Phase.explicit, Phase.generate)
        settings.register_profile(
            "mutation", deadline=None, derandomize=True, database=None, max_examples=25, phases=phases
        )
        settings.load_profile("mutation")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Map lines to tests, then try the mutants until the time is up."""
        if session.testsfailed:
            raise pytest.UsageError("some tests cannot be collected: every mutant would be killed")
        gc.freeze()
        self._map(session)
        tried = read_rows(self.results)
        done = {row["mutant"] for row in tried}
        for row in tried:
            self.kills[Path(row["mutant"].split(":")[0]), row["killer"]] += 1
        for mutant in self.chosen:
            source = None if str(mutant) in done else mutant.source()
            if time.monotonic() > self.until:
                break
            if source is None:
                continue
            row = {"mutant": str(mutant), **_change(mutant.path, source), **self._try(session, mutant, source)}
            with self.results.open("a") as results:
                results.write(json.dumps(row) + "\n")
        return True

    def _map(self, session: pytest.Session) -> None:
        """Read what each test reached, and its processor seconds; run those that are not known yet in a child."""
        folder = self.results.with_suffix(".map")
        folder.mkdir(parents=True, exist_ok=True)
        new = [item for item in session.items if item.nodeid not in _seconds(folder)]
        if new and _in_child(partial(_run_mapped, new, folder)):
            raise pytest.UsageError("some tests fail as it is: every mutant would be killed")
        self.seconds = _seconds(folder)
        data = coverage.CoverageData(str(folder / "coverage"))
        data.read()
        at = {item.nodeid: i for i, item in enumerate(session.items)}
        for path in data.measured_files():
            by_line = data.contexts_by_lineno(path).items()
            relative = str(Path(path).relative_to(Path.cwd()))
            self.reached[relative] = {line: {at[name] for name in names if name in at} for line, names in by_line}
        cached = {item.fspath for item in session.items if any(_caches(item))}
        for lines in self.reached.values():  # a cached world is made by one test and used by its neighbours
            for line, tests in lines.items():
                files = {session.items[test].fspath for test in tests} & cached
                lines[line] = tests | {i for i, item in enumerate(session.items) if item.fspath in files}

    def _tests(self, session: pytest.Session, mutant: Mutant) -> list[int]:
        """Tests of the package that reach the place, the likeliest to fail for their time first."""
        in_function = set().union(*(self.reached.get(str(mutant.path), {}).get(line, set()) for line in mutant.lines))
        own = re.compile(rf"test_{mutant.path.stem}\b|{mutant.path}")
        package = f"/{mutant.path.parts[1]}/"

        def cost(at: int) -> float:
            name = session.items[at].nodeid
            return (0.2 if own.search(name) else 1.0) * self.seconds[name] / (1 + self.kills[mutant.path, name])

        near = [at for at in in_function or self._users(mutant) if package in session.items[at].nodeid]
        return sorted(near, key=cost)

    def _users(self, mutant: Mutant) -> set[int]:
        """The tests that reach a line with one of the names that the mutant's statement gives."""
        names = re.compile(rf"\b({'|'.join(mutant.scope.split()) or 'nothing'})\b")
        users: set[int] = set()
        for path, by_line in self.reached.items():
            for line, text in enumerate(Path(path).read_text().splitlines(), 1):
                if names.search(text):
                    users |= by_line.get(line, set())
        return users or set().union(*self.reached.get(str(mutant.path), {0: set()}).values())

    def _try(self, session: pytest.Session, mutant: Mutant, source: str) -> dict[str, Any]:
        tests = self._tests(session, mutant)
        read, write = os.pipe()
        status = _in_child(partial(self._judge, [session.items[at] for at in tests], mutant, source, write))
        os.close(write)
        with os.fdopen(read) as pipe:
            killer = pipe.read()
        outcome = "timeout" if os.WIFSIGNALED(status) else _OUTCOMES[os.WEXITSTATUS(status)]
        self.kills[mutant.path, killer] += 1
        return {"outcome": outcome, "n_tests": len(tests), "killer": killer}

    def _judge(self, items: list[pytest.Item], mutant: Mutant, source: str, write: int) -> int:
        """In the child: the index of the outcome; what killed the mutant is written to the pipe."""
        _limit(self.budget_seconds)
        try:
            put_in_place(mutant.path, source)
        except Exception as error:  # noqa: BLE001 - whatever a mutant raises at import, the import sees it
            os.write(write, repr(error).encode())
            return _OUTCOMES.index("broken")
        started = time.process_time()
        for item, following in zip_longest(items, items[1:]):
            if time.process_time() - started > self.budget_seconds:
                return _OUTCOMES.index("cut")
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if item.session.testsfailed:
                os.write(write, item.nodeid.encode())
                return _OUTCOMES.index("killed")
        return _OUTCOMES.index("survived")


def read_rows(results: Path) -> list[dict[str, Any]]:
    """What was found of each mutant so far."""
    return [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []


def _run_mapped(items: list[pytest.Item], folder: Path) -> int:
    """In a child: run tests, one context each; 1 if any of them failed."""
    recorder = coverage.Coverage(data_file=str(folder / "coverage"), config_file=False, source=["sentinel"])
    seconds, last = _seconds(folder), None
    recorder.load()
    recorder.start()
    for item, following in zip_longest(items, items[1:]):
        for cached in [*_sentinel_caches(), *(_caches(item) if item.fspath != last else ())]:
            cached.cache_clear()
        recorder.switch_context(item.nodeid)
        before, last = time.process_time(), item.fspath
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        seconds[item.nodeid] = time.process_time() - before
    recorder.stop()
    recorder.save()
    (folder / "seconds.json").write_text(json.dumps(seconds))
    return min(items[0].session.testsfailed, 1)


def _seconds(folder: Path) -> dict[str, float]:
    path = folder / "seconds.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _caches(item: pytest.Item) -> Iterator[Any]:
    for value in vars(getattr(item, "module", None) or item).values():
        if isinstance(value, functools._lru_cache_wrapper) and value.__module__.startswith("tests"):
            yield value


def _sentinel_caches() -> Iterator[Any]:
    for name, module in list(sys.modules.items()):
        if name.startswith("sentinel"):
            yield from (value for value in vars(module).values() if isinstance(value, functools._lru_cache_wrapper))


def _change(path: Path, source: str) -> dict[str, str]:
    pairs = zip(path.read_text().splitlines(), source.splitlines(), strict=False)
    before, after = next(pair for pair in pairs if pair[0] != pair[1])
    return {"before": before.strip(), "after": after.strip()}


def _in_child(work: Callable[[], int]) -> int:
    """Wait status of a silent child whose exit code the function returns."""
    child = os.fork()
    if child == 0:
        code, told = _LOST, os.dup(2)
        try:
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, 1)
            os.dup2(nothing, 2)
            code = work()
        except Exception:  # noqa: BLE001 - of our own making: a mutant's are caught where they arise
            os.write(told, traceback.format_exc().encode())
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == _LOST:
        raise pytest.UsageError("a child process ended before its work was done")
    return status


def _limit(seconds: int) -> None:
    used = int(time.process_time())
    resource.setrlimit(resource.RLIMIT_CPU, (used + 2 * seconds + 1, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    signal.alarm(WALL_PER_CPU * seconds)
