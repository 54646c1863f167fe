"""Structured logs on the standard library: one line per event, logfmt or JSON, that no flood can drown."""

from __future__ import annotations

import json
import logging
import math
import sys
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TextIO

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["logfmt", "json"]
OnEvent = Callable[[str, str], None]
"""Called with (level, event) for every event, also those that are held back."""

if TYPE_CHECKING:
    _StreamHandler = logging.StreamHandler[TextIO]
else:
    _StreamHandler = logging.StreamHandler

ROOT_LOGGER = "sentinel"
LIBRARY_EVENT = "library_message"
SUPPRESSED_EVENT = "events_suppressed"
DEFAULT_BURST = 20  # a start-up logs fewer events of one name
DEFAULT_WINDOW_SECONDS = 60.0  # a flood costs one burst a minute
MAX_TRACKED_EVENTS = 1_024  # names come from code, so only a fault makes more
MAX_VALUE_CHARS = 8_192  # one line stays below what collectors of logs cut

_FIELDS = "sentinel_fields"
_RESERVED = ("ts", "level", "logger", "event")
_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:/+@%,[]<>")

Plain = str | int | float | bool | None


class EventLogger:
    """Logs named events with fields: ``log.info("pane_closed", model="churn", n_outcomes=812)``.

    An event is a stable snake_case name that dashboards may count; what varies goes into fields. Feature
    values, scores and secrets have no place in either.
    """

    __slots__ = ("_logger",)

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def debug(self, event: str, /, **fields: object) -> None:
        """Log what only a developer looks for; at most one line per window."""
        self._log(logging.DEBUG, event, fields)

    def info(self, event: str, /, **fields: object) -> None:
        """Log a step in the life of the process."""
        self._log(logging.INFO, event, fields)

    def warning(self, event: str, /, **fields: object) -> None:
        """Log what went wrong and was mended or will be tried again."""
        self._log(logging.WARNING, event, fields)

    def error(self, event: str, /, **fields: object) -> None:
        """Log what went wrong and needs a person. An exception may be the value of a field."""
        self._log(logging.ERROR, event, fields)

    def exception(self, event: str, /, **fields: object) -> None:
        """Log an error with the exception being handled and its traceback."""
        self._log(logging.ERROR, event, fields, exc_info=True)

    def _log(self, level: int, event: str, fields: dict[str, object], *, exc_info: bool = False) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, event, extra={_FIELDS: fields}, exc_info=exc_info, stacklevel=3)


def get_logger(name: str) -> EventLogger:
    """The logger of a module: call it with ``__name__``."""
    return EventLogger(logging.getLogger(name))


class LogfmtFormatter(logging.Formatter):
    """``ts=… level=… logger=… event=… key=value``; no value can end the line or forge a field."""

    def format(self, record: logging.LogRecord) -> str:
        """One line without its newline."""
        return " ".join(f"{_logfmt_key(key)}={_logfmt_value(value)}" for key, value in _items(record))


class JsonFormatter(logging.Formatter):
    """One JSON object per line; numbers stay numbers, what JSON has no word for becomes text."""

    def format(self, record: logging.LogRecord) -> str:
        """One line without its newline."""
        plain = {key: _plain(value) for key, value in _items(record)}
        return _escape(json.dumps(plain, ensure_ascii=False, allow_nan=False))


@dataclass(slots=True)
class _Window:
    ends_at: float
    level: int
    n_seen: int = 0
    n_suppressed: int = 0


class EventLimiter:
    """Lets the first events of each (logger, event) through in every window, and counts the rest.

    Parameters
    ----------
    monotonic : callable
        Seconds on a clock that never steps back: ``Clock.monotonic``. It measures the windows.
    burst : int, >= 1, events
    window_seconds : float, > 0
    max_tracked : int, >= 1
        Names remembered; the longest unused is forgotten first.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        *,
        burst: int = DEFAULT_BURST,
        window_seconds: float = DEFAULT_WINDOW_SECONDS,
        max_tracked: int = MAX_TRACKED_EVENTS,
    ) -> None:
        self._monotonic = monotonic
        self._burst = burst
        self._window_seconds = window_seconds
        self._max_tracked = max_tracked
        self._windows: OrderedDict[tuple[str, str], _Window] = OrderedDict()

    def admits(self, logger: str, event: str, level: int) -> bool:
        """Whether this event is one of the first of its window; else it is counted."""
        window = self._windows.get((logger, event))
        if window is None:
            window = _Window(self._monotonic() + self._window_seconds, level)
            self._windows[logger, event] = window
        window.n_seen += 1
        window.level = max(window.level, level)
        if window.n_seen <= self._burst:
            return True
        window.n_suppressed += 1
        return False

    def closed(self, *, everything: bool = False) -> Iterator[logging.LogRecord]:
        """Forget the windows that are over and give a record for each that held something back.

        Call it before :meth:`admits`. Windows have one length, so the oldest ends first.
        """
        now = self._monotonic()
        while self._windows:
            (logger, event), window = next(iter(self._windows.items()))
            if window.ends_at > now and not everything and len(self._windows) < self._max_tracked:
                return
            del self._windows[logger, event]
            if window.n_suppressed:
                yield _summary(logger, event, window)


def _summary(logger: str, event: str, window: _Window) -> logging.LogRecord:
    fields = {"suppressed_event": event, "n_suppressed": window.n_suppressed}
    values = {"name": logger, "levelno": window.level, "levelname": logging.getLevelName(window.level)}
    return logging.makeLogRecord({**values, "msg": SUPPRESSED_EVENT, _FIELDS: fields})


class EventHandler(_StreamHandler):
    """Counts every event, holds floods back, and writes one line for each of the rest."""

    def __init__(self, stream: TextIO, limiter: EventLimiter, on_event: OnEvent | None) -> None:
        super().__init__(stream)
        self._limiter = limiter
        self._on_event = on_event

    def emit(self, record: logging.LogRecord) -> None:
        """Handle one record; the caller holds the handler's lock."""
        try:
            self._emit(record)
        except Exception:  # noqa: BLE001 # the standard library's rule: logging never stops the program
            self.handleError(record)

    def _emit(self, record: logging.LogRecord) -> None:
        event = _event_of(record)
        for summary in self._limiter.closed():
            super().emit(summary)
        if self._limiter.admits(record.name, event, record.levelno):
            super().emit(record)
        if self._on_event is not None:
            self._on_event(record.levelname.lower(), event)

    def close(self) -> None:
        """Write what was held back and not yet told, then let go of the stream without closing it."""
        self.acquire()
        try:
            for summary in self._limiter.closed(everything=True):
                super().emit(summary)
        finally:
            self.release()
        super().close()


def configure_logging(
    level: Level = "info",
    format: Format = "logfmt",  # noqa: A002 # the name that it has in the configuration
    stream: TextIO | None = None,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    on_event: OnEvent | None = None,
    burst: int = DEFAULT_BURST,
    window_seconds: float = DEFAULT_WINDOW_SECONDS,
) -> EventHandler:
    """Send every log line of this process to one stream. Calling it again replaces what the last call set.

    Parameters
    ----------
    level : str
        The least that is logged of sentinel itself; libraries are heard from ``warning`` on, or later.
    format : str
        ``logfmt`` or ``json``.
    stream : text stream, optional
        Standard error by default.
    monotonic : callable, optional
        Measures the windows of the limiter: ``Clock.monotonic``.
    on_event : callable, optional
        Called with (level, event) for every event; quick, and it must not log.
    burst : int, >= 1
        Events of one name per window that are written.
    window_seconds : float, > 0

    Returns
    -------
    EventHandler
        Its ``close`` writes what was held back.
    """
    limiter = EventLimiter(monotonic, burst=burst, window_seconds=window_seconds)
    handler = EventHandler(stream or sys.stderr, limiter, on_event)
    handler.setFormatter(JsonFormatter() if format == "json" else LogfmtFormatter())
    root = logging.getLogger()
    for previous in [each for each in root.handlers if isinstance(each, EventHandler)]:
        root.removeHandler(previous)
        previous.close()
    root.addHandler(handler)
    number = logging.getLevelNamesMapping()[level.upper()]
    root.setLevel(max(number, logging.WARNING))
    logging.getLogger(ROOT_LOGGER).setLevel(number)
    return handler


def _event_of(record: logging.LogRecord) -> str:
    return str(record.msg) if hasattr(record, _FIELDS) else LIBRARY_EVENT


def _items(record: logging.LogRecord) -> Iterator[tuple[str, object]]:
    yield "ts", _timestamp(record.created)
    yield "level", record.levelname.lower()
    yield "logger", record.name
    yield "event", _event_of(record)
    fields: Mapping[str, object] | None = getattr(record, _FIELDS, None)
    if fields is None:
        fields = {"message": record.getMessage()}
    for key, value in fields.items():
        yield f"{key}_" if key in _RESERVED else key, value
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        yield "error", error
        yield "traceback", "".join(traceback.format_exception(error))[-MAX_VALUE_CHARS:]


def _timestamp(created: float) -> str:
    instant = datetime.fromtimestamp(created, UTC)
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1_000:03d}Z"


def _plain(value: object) -> Any:
    """What JSON can say of a value: containers are kept, everything unknown is text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return _plain_scalar(value)


def _plain_scalar(value: object) -> Plain:
    # Exact types: a subclass such as a duration has a text of its own.
    if value is None or type(value) in (bool, int):
        return value  # type: ignore[return-value]
    if type(value) is float:
        return value if math.isfinite(value) else str(value)
    if isinstance(value, BaseException):
        value = f"{type(value).__name__}: {value}"
    text = str(value)
    return text if len(text) <= MAX_VALUE_CHARS else f"{text[:MAX_VALUE_CHARS]}…"


def _logfmt_key(key: str) -> str:
    return "".join(char if char.isascii() and (char.isalnum() or char in "_.") else "_" for char in key) or "_"


def _logfmt_value(value: object) -> str:
    plain = _plain(value)
    if plain is None or isinstance(plain, bool | int | float):
        return json.dumps(plain)
    text = plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)
    if text and _BARE.issuperset(text):
        return text
    return _escape(json.dumps(text, ensure_ascii=False))


def _escape(text: str) -> str:
    """Spell out what a terminal or a line splitter would act upon: controls, separators, lone surrogates."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    code = ord(char)
    if code > 0xFFFF:
        code -= 0x10000
        return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
    return f"\\u{code:04x}"
