"""A progress bar on standard error: one line that moves on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType

BAR_CHARACTERS = 24
TERMINAL_SECONDS = 0.1
LOG_SECONDS = 5.0


class Progress:
    """Shows how far a piece of work has come.

    Parameters
    ----------
    title : str
    quiet : bool
        Show nothing.
    """

    def __init__(self, title: str, *, quiet: bool = False) -> None:
        self._title = title
        self._quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._started = time.monotonic()
        self._shown_at = float("-inf")
        self._last = ""

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._last and self._terminal:
            print(file=sys.stderr)

    def step(self, done: int, total: int, phase: str) -> None:
        """Show how much of a phase is done; where one begins, at once.

        Parameters
        ----------
        done, total : int
            Of whatever the phase counts.
        phase : str
        """
        self.show(done / max(total, 1), phase, at_once=done == 0)

    def show(self, fraction: float, note: str = "", *, at_once: bool = False) -> None:
        """Show the state, unless it was shown a moment ago.

        Parameters
        ----------
        fraction : float, 0..1
        note : str
            What to say beside the bar.
        at_once : bool
            Show it even so, as before what takes long.
        """
        now = time.monotonic()
        pause = TERMINAL_SECONDS if self._terminal else LOG_SECONDS
        if self._quiet or (now - self._shown_at < pause and fraction < 1.0 and not at_once):
            return
        self._shown_at = now
        filled = round(min(max(fraction, 0.0), 1.0) * BAR_CHARACTERS)
        bar = "#" * filled + "." * (BAR_CHARACTERS - filled)
        line = f"{self._title} [{bar}] {fraction:4.0%}  {now - self._started:5.1f} s  {note}"
        if self._terminal:
            print(f"\r{line:<{len(self._last)}}", end="", file=sys.stderr, flush=True)
            self._last = line
        elif line != self._last:
            print(line, file=sys.stderr, flush=True)
            self._last = line
