"""``sentinel dead-letters``: which events were refused, why, and sending those again that can be read now."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from sentinel.cli.arguments import add_format, subcommands
from sentinel.errors import FatalError

if TYPE_CHECKING:
    from sentinel.app.journal import Journal
    from sentinel.app.letters import Choice
    from sentinel.config import Config
    from sentinel.config.kafka import KafkaSource
    from sentinel.ingest.dead_letters import KeptDeadLetter
    from sentinel.ingest.kafka_originals import Original, Place

HELP = "List refused events, show one with the reason explained, or send those again that can be read now."
SHOWN = 50
"""Letters that a list shows unless told otherwise: the newest."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    texts = {
        "list": "List refused events, the newest last, and count them by reason.",
        "show": "Show one refused event: what its reason means, how to mend it, and, if asked for, the event.",
        "replay": "Tell which refused events can be read now, and with --yes send those again, each at most once.",
    }
    for name, command in subcommands(parser, "letters_command", texts):
        command.add_argument("--config", type=Path, required=True, help="the configuration of the daemon (YAML)")
        command.add_argument(
            "--from",
            dest="place",
            choices=("file", "topic"),
            default="file",
            help="the file in state.directory (the default), or the topic source.kafka.topics.dead_letters",
        )
        if name == "show":
            _add_show(command)
        else:
            _add_choice(command)
        if name == "list":
            command.add_argument("--limit", type=int, default=SHOWN, metavar="N", help="show the newest N")
            add_format(command)
        if name == "replay":
            _add_replay(command)


def _add_choice(command: argparse.ArgumentParser) -> None:
    command.add_argument("--reason", action="append", default=[], metavar="R", help="of this reason; may be repeated")
    command.add_argument("--topic", metavar="T", help="of this input topic")
    command.add_argument("--since", metavar="T", help="refused since then: 2h, 3d, or an RFC 3339 time")


def _add_show(command: argparse.ArgumentParser) -> None:
    command.add_argument("letter", metavar="TOPIC/PARTITION/OFFSET", help="which, as the list names it")
    command.add_argument("--fetch", action="store_true", help="read the event from its topic; its values are masked")
    command.add_argument("--values", action="store_true", help="show its values, too: they may be about people")


def _add_replay(command: argparse.ArgumentParser) -> None:
    command.add_argument("--yes", action="store_true", help="send; without it nothing is written")
    command.add_argument(
        "--producer-config",
        type=Path,
        metavar="FILE",
        help="a configuration whose source.kafka logs in as a user that may write to the topics",
    )
    command.add_argument(
        "--journal", type=Path, metavar="FILE", help="what was sent before (default: a file in state.directory)"
    )


def run(args: argparse.Namespace) -> int:
    """List, show or replay; the daemon may run meanwhile."""
    from sentinel.config import load_config

    config = load_config(args.config)
    command = {"list": _list, "show": _show, "replay": _replay}[args.letters_command]
    return command(config, args)


def _read(config: Config, args: argparse.Namespace) -> list[KeptDeadLetter]:
    from sentinel.app.letters import read_letters
    from sentinel.clock import SystemClock

    return list(read_letters(config, topic=args.place == "topic", clock=SystemClock()))


def _choice(args: argparse.Namespace) -> Choice:
    from sentinel.app.letters import Choice
    from sentinel.events.batch import Reason

    known = [str(reason) for reason in Reason]
    for reason in args.reason:
        if reason not in known:
            raise FatalError(f"--reason {reason!r} is none; there are {', '.join(known)}")
    return Choice(frozenset(args.reason), args.topic, _since(args.since))


def _since(text: str | None) -> int | None:
    from sentinel.clock import MICROSECONDS_PER_SECOND, SystemClock
    from sentinel.config.durations import Duration
    from sentinel.config.times import parse_time_us

    if text is None:
        return None
    try:
        return SystemClock().now_us() - round(float(Duration.parse(text)) * MICROSECONDS_PER_SECOND)
    except ValueError:
        pass
    try:
        return parse_time_us(text)
    except ValueError as error:
        raise FatalError(f"--since {text!r} is neither a duration such as 2h nor an RFC 3339 time") from error


def _list(config: Config, args: argparse.Namespace) -> int:
    from sentinel.cli.letter_words import fields_of, name_of, printable, refused_at

    choice = _choice(args)
    found = [kept for kept in _read(config, args) if choice.takes(kept)]
    shown = found[-args.limit :] if args.limit > 0 else []
    counts = Counter(str(kept.letter.reason) for kept in found)
    if args.format == "json":
        print(json.dumps({"counts": dict(counts.most_common()), "letters": [fields_of(k) for k in shown]}, indent=2))
        return 0
    if not found:
        print("no event was refused")
        return 0
    for reason, n in counts.most_common():
        print(f"{n:>10,}  {reason}")
    print()
    for kept in shown:
        size = "" if kept.n_bytes is None else f"  {kept.n_bytes} bytes"
        print(f"{refused_at(kept)}  {name_of(kept)}  {kept.letter.reason}  {printable(kept.letter.detail)}{size}")
    if len(shown) < len(found):
        print(f"... and {len(found) - len(shown):,} earlier ones (--limit)")
    return 0


def _show(config: Config, args: argparse.Namespace) -> int:
    from sentinel.app.letters import place_of
    from sentinel.cli.letter_words import fields_of, printable
    from sentinel.ingest.refusal_reasons import explain_reason

    if args.values and not args.fetch:
        raise FatalError("--values shows what --fetch reads: give both")
    wanted = _parsed_place(args.letter)
    found = [kept for kept in _read(config, args) if place_of(kept) == wanted]
    if not found:
        raise FatalError(f"{wanted} is not among the dead letters; `sentinel dead-letters list` names them")
    kept = found[-1]
    known = explain_reason(kept.letter.reason)
    for name, value in fields_of(kept).items():
        print(f"{name:<12}{printable(str(value))}")
    print(f"{'meaning':<12}{known.meaning}")
    print(f"{'mend':<12}{known.mend}")
    print(f"{'replay':<12}{'no: sending it again changes nothing' if known.final else 'possible, once it is mended'}")
    if args.fetch:
        _show_original(config, wanted, values=args.values)
    return 0


def _show_original(config: Config, place: Place, *, values: bool) -> None:
    from sentinel.app.letters import kafka_of
    from sentinel.cli.letter_words import described
    from sentinel.clock import SystemClock
    from sentinel.ingest.kafka_originals import fetch_originals

    kafka = kafka_of(config)
    if place.topic not in (kafka.topics.predictions, kafka.topics.outcomes):
        raise FatalError(f"{place.topic} is no input topic of this configuration: the event cannot be fetched")
    original = fetch_originals(kafka, [place], SystemClock())[place]
    print()
    if original is None:
        print("The event is no longer in its topic (retention).")
        return
    print("\n".join(described(original, values=values)))


def _replay(config: Config, args: argparse.Namespace) -> int:
    from sentinel.app.journal import JOURNAL_NAME, Journal
    from sentinel.app.letters import kafka_of, try_letters
    from sentinel.app.models import load_models
    from sentinel.app.sources import make_codec
    from sentinel.cli.letter_words import name_of, printable
    from sentinel.clock import SystemClock
    from sentinel.config import load_config
    from sentinel.ingest.kafka_originals import fetch_originals

    clock, kafka, choice = SystemClock(), kafka_of(config), _choice(args)
    letters = [kept for kept in _read(config, args) if choice.takes(kept)]
    try:
        journal = Journal(args.journal or Path(config.state.directory) / JOURNAL_NAME)
    except OSError as error:
        raise FatalError(f"the journal cannot be read: {error}") from error
    codec = make_codec(config, load_models(config))
    told = try_letters(letters, kafka, codec, journal.sent, lambda places: fetch_originals(kafka, places, clock), clock)
    ready = [each.original for each in told if each.ready and each.original is not None]
    for each in told:
        print(f"{'send' if each.ready else 'skip'}  {name_of(each.kept)}  {printable(each.why)}")
    if not args.yes:
        print(f"{len(ready)} of {len(told)} would be sent again, to the partition each came from; --yes sends them")
        return 0
    writer = kafka if args.producer_config is None else kafka_of(load_config(args.producer_config))
    results = _send(ready, writer, journal) if ready else Counter()
    print(", ".join(f"{n} {result}" for result, n in results.items()) or "nothing to send")
    return 0 if set(results) <= {"written"} else 1


def _send(ready: list[Original], writer: KafkaSource, journal: Journal) -> Counter[str]:
    from sentinel.clock import SystemClock
    from sentinel.ingest.kafka_originals import Resender

    clock, results = SystemClock(), Counter[str]()
    resender = Resender(writer)
    try:
        for original in ready:
            place = original.place
            try:
                journal.note(place, "sending", clock)
                result = resender.send(original)
                journal.note(place, result, clock)
            except OSError as error:
                raise FatalError(f"the journal cannot be written, so nothing more is sent: {error}") from error
            results[result] += 1
            if result != "written":
                print(f"sentinel: {place}: {_UNSENT[result]}", file=sys.stderr)
    finally:
        resender.close()
    return results


_UNSENT = {
    "refused": "the broker did not take it: the user needs WRITE and DESCRIBE on the topic (--producer-config)",
    "unknown": "no answer came, so it may stand there; it will not be sent again",
}


def _parsed_place(text: str) -> Place:
    from sentinel.ingest.kafka_originals import Place

    topic, _, rest = text.rpartition("/")
    topic, _, partition = topic.rpartition("/")
    if not topic or not partition.isdecimal() or not rest.isdecimal():
        raise FatalError(f"{text!r} names no letter: TOPIC/PARTITION/OFFSET, as `sentinel dead-letters list` shows it")
    return Place(topic, int(partition), int(rest))
