"""Structured logs: one line per event whatever the values, floods held back, every event counted."""

from __future__ import annotations

import io
import json
import logging
import re
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.clock import ManualClock
from sentinel.logs import (
    EventHandler,
    EventLimiter,
    Format,
    JsonFormatter,
    Level,
    configure_logging,
    get_logger,
)

NAME = "sentinel.test"


class Log:
    """A configured process log that a test reads back."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.clock = ManualClock()
        self.counts: Counter[tuple[str, str]] = Counter()
        self.handler: EventHandler | None = None

    def configure(self, form: Format = "json", level: Level = "info", burst: int = 1_000) -> None:
        """Take over the process's logging."""
        self.handler = configure_logging(
            level,
            form,
            self.stream,
            monotonic=self.clock.monotonic,
            on_event=lambda lvl, event: self.counts.update([(lvl, event)]),
            burst=burst,
            window_seconds=60.0,
        )

    @property
    def lines(self) -> list[str]:
        """What was written, line by line."""
        text = self.stream.getvalue()
        assert text.endswith("\n") or not text
        return text.split("\n")[:-1]

    @property
    def records(self) -> list[dict[str, object]]:
        """What was written as JSON."""
        return [json.loads(line) for line in self.lines]


@pytest.fixture
def log() -> Iterator[Log]:
    """A log whose traces in the standard library are removed afterwards."""
    root, ours = logging.getLogger(), logging.getLogger("sentinel")
    levels = root.level, ours.level
    made = Log()
    yield made
    if made.handler is not None:
        root.removeHandler(made.handler)
        made.handler.close()
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


def test_json_line(log: Log) -> None:
    """A line holds time, level, logger, event and the fields with their types."""
    log.configure()
    get_logger(NAME).info("pane_closed", model="churn", n_outcomes=812, ratio=0.5, final=True, reason=None)
    (record,) = log.records
    record.pop("ts")
    assert record == {
        "level": "info",
        "logger": NAME,
        "event": "pane_closed",
        "model": "churn",
        "n_outcomes": 812,
        "ratio": 0.5,
        "final": True,
        "reason": None,
    }


def test_time_is_utc_with_milliseconds() -> None:
    """The time is RFC 3339 in UTC: 946,684,800 s is 30 years of which 7 were leap years."""
    record = logging.makeLogRecord({"name": NAME, "msg": "x", "created": 946_684_800.25})
    assert json.loads(JsonFormatter().format(record))["ts"] == "2000-01-01T00:00:00.250Z"


def test_logfmt_line(log: Log) -> None:
    """Words stay bare; what holds a space, a quote or an equals sign is quoted."""
    log.configure("logfmt")
    get_logger(NAME).warning("poll_failed", broker="kafka-0:9092", why='no "route" = down', n=3, empty="")
    (line,) = log.lines
    stamp, _, rest = line.partition(" ")
    assert re.fullmatch(r"ts=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp)
    expected = r'broker=kafka-0:9092 why="no \"route\" = down" n=3 empty=""'
    assert rest == f"level=warning logger={NAME} event=poll_failed {expected}"


@pytest.mark.parametrize("form", ["json", "logfmt"])
@given(value=st.text(), key=st.text(min_size=1))
def test_no_value_breaks_the_line(form: Format, value: str, key: str) -> None:
    """Whatever text arrives, one event is one line that a terminal prints as it is."""
    local = Log()
    local.configure(form)
    assert local.handler is not None
    try:
        get_logger(NAME).info("odd_input", **{key: value})
        (line,) = local.lines
        assert line.isprintable()
        if form == "json":
            expected = value.encode("utf-16", "surrogatepass")
            name = f"{key}_" if key in ("ts", "level", "logger", "event") else key
            assert str(json.loads(line)[name]).encode("utf-16", "surrogatepass") == expected
    finally:
        logging.getLogger().removeHandler(local.handler)
        local.handler.close()


def test_a_field_cannot_pass_for_another(log: Log) -> None:
    """A newline in a value forges no event, and a field named level does not replace the level."""
    log.configure("logfmt")
    get_logger(NAME).info("started", note="x\nts=0 level=error event=forged", level="critical", **{"a b=c": 1})
    (line,) = log.lines
    assert " level=info " in line
    assert "level_=critical" in line
    assert r'note="x\nts=0 level=error event=forged"' in line
    assert line.endswith(" a_b_c=1")


def test_values_without_a_word_in_json(log: Log) -> None:
    """NaN and infinity become text, containers are kept, long text is cut."""
    log.configure()
    get_logger(NAME).info("odd", nan=float("nan"), inf=float("-inf"), parts=(1, {"k": "v"}), long="x" * 10_000)
    (record,) = log.records
    assert (record["nan"], record["inf"], record["parts"]) == ("nan", "-inf", [1, {"k": "v"}])
    assert record["long"] == "x" * 8_192 + "…"


def test_exceptions_are_fields(log: Log) -> None:
    """An exception gives its type and message as a field and its traceback on the same line."""
    log.configure()
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        get_logger(NAME).exception("commit_failed", partition=3)
        get_logger(NAME).error("given_up", cause=error)
    first, second = log.records
    assert (first["partition"], first["error"]) == (3, "ValueError: two\nlines")
    assert str(first["traceback"]).startswith("Traceback (most recent call last)")
    assert second["cause"] == "ValueError: two\nlines"


def test_levels(log: Log) -> None:
    """Below the level nothing is written; libraries are heard from warning on."""
    log.configure(level="info")
    get_logger(NAME).debug("quiet")
    logging.getLogger("somelibrary").info("chatty")
    logging.getLogger("somelibrary").warning("broker %s is away", 3)
    (record,) = log.records
    assert (record["event"], record["message"]) == ("library_message", "broker 3 is away")
    assert log.counts == {("warning", "library_message"): 1}


def test_a_flood_is_held_back_and_told(log: Log) -> None:
    """Of 1,000 equal events 5 are written, all are counted, and the next window says that 995 were not."""
    log.configure(burst=5)
    logger = get_logger(NAME)
    for _ in range(1_000):
        logger.warning("dead_letter", reason="not_json")
    assert len(log.lines) == 5
    assert log.counts == {("warning", "dead_letter"): 1_000}
    log.clock.advance(60.0)
    logger.info("tick")
    summary, tick = log.records[5:]
    expected = {"level": "warning", "logger": NAME, "event": "events_suppressed"}
    assert expected | {"suppressed_event": "dead_letter", "n_suppressed": 995} == {
        key: value for key, value in summary.items() if key != "ts"
    }
    assert tick["event"] == "tick"


def test_one_flood_does_not_hide_another_event(log: Log) -> None:
    """The limit counts each event of each logger by itself, and a new window starts afresh."""
    log.configure(burst=1)
    get_logger(NAME).info("a")
    get_logger(NAME).info("a")
    get_logger(NAME).info("b")
    get_logger(NAME + ".other").info("a")
    assert [record["event"] for record in log.records] == ["a", "b", "a"]
    log.clock.advance(59.0)
    get_logger(NAME).info("a")
    assert len(log.lines) == 3
    log.clock.advance(1.0)
    get_logger(NAME).info("a")
    assert [record["event"] for record in log.records[3:]] == ["events_suppressed", "a"]


def test_close_tells_what_was_held_back(log: Log) -> None:
    """Nothing is lost silently at the end, and closing twice says it once."""
    log.configure(burst=1)
    get_logger(NAME).info("a")
    get_logger(NAME).info("a")
    assert log.handler is not None
    log.handler.close()
    log.handler.close()
    assert [record["event"] for record in log.records] == ["a", "events_suppressed"]


def test_the_limiter_remembers_a_bounded_number_of_names() -> None:
    """Memory stays flat under ever new names, and what the forgotten held back is still told."""
    limiter = EventLimiter(ManualClock().monotonic, burst=1, max_tracked=10)
    n_told = 0
    for number in range(1_000):
        n_told += len(list(limiter.closed()))
        assert limiter.admits(NAME, f"event_{number}", logging.INFO)
        assert not limiter.admits(NAME, f"event_{number}", logging.INFO)
    assert n_told == 990
    assert len(list(limiter.closed(everything=True))) == 10


def test_configuring_again_replaces(log: Log) -> None:
    """A reload that changes the format leaves one handler, not two."""
    log.configure("json")
    log.configure("logfmt")
    get_logger(NAME).info("once")
    assert len(log.lines) == 1
    assert log.lines[0].startswith("ts=")


def test_a_failing_hook_does_not_stop_the_program(log: Log, capsys: pytest.CaptureFixture[str]) -> None:
    """Logging never raises into the loop that logs; the standard library reports the fault."""

    def fail(level: str, event: str) -> None:
        raise RuntimeError("hook")

    log.handler = configure_logging("info", "json", log.stream, on_event=fail)
    get_logger(NAME).info("survived")
    assert log.records[0]["event"] == "survived"
    assert "RuntimeError: hook" in capsys.readouterr().err
