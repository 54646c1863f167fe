"""``sentinel baseline``: build the offline estimate from files, show one, promote live traffic, import a run."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from sentinel.cli.arguments import add_format, add_model, add_quiet, add_rows
from sentinel.cli.baseline_import import add_import, run_import
from sentinel.cli.engines import add_engine, opened_engine

HELP = "Build the offline estimate that live metrics are held against, show one, or promote live traffic to one."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    commands = parser.add_subparsers(dest="baseline_command", metavar="COMMAND", required=True)
    _add_build(commands)
    _add_show(commands)
    _add_promote(commands)
    add_import(commands)


def _add_build(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    build_help = "Build a baseline from validation rows."
    build = commands.add_parser("build", help=build_help, description=build_help, allow_abbrev=False)
    add_rows(build)
    build.add_argument(
        "--score-with",
        metavar="MODULE:CALLABLE",
        help="the model itself: takes rows as a pandas frame, returns one score each; scores the rows again with each "
        "feature of the manifest's serving_defaults, or with a serving_default in the configuration, at that value",
    )
    build.add_argument("--output", type=Path, required=True, help="the baseline to write")
    add_model(build)
    build.add_argument(
        "--no-audit",
        action="store_true",
        help="leave the offline audit out, which reads both files twice more; verdicts then do without what it finds",
    )
    add_engine(build)
    add_quiet(build)


def _add_show(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    show_help = "Show what a baseline promises, and what speaks against it."
    show = commands.add_parser("show", help=show_help, description=show_help, allow_abbrev=False)
    show.add_argument("baseline", type=Path, metavar="FILE", help="the baseline")
    show.add_argument(
        "--config", type=Path, help="the configuration whose alerts have to prove a gap (default: alerts as by default)"
    )
    add_format(show)


def _add_promote(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    promote_help = (
        "Make live traffic, whose drift someone has accepted, the new reference. Reads what the daemon has "
        "checkpointed, also while it runs; takes panes with settled outcomes only. The daemon takes the new file up "
        "on a reload."
    )
    promote = commands.add_parser(
        "promote", help="Make accepted live traffic the new reference.", description=promote_help, allow_abbrev=False
    )
    promote.add_argument("--config", type=Path, required=True, help="the configuration of the daemon (YAML)")
    promote.add_argument("--since", help="first moment to take, RFC 3339 (default: the first prediction)")
    promote.add_argument("--until", help="last moment to take, RFC 3339 (default: the newest settled outcome)")
    promote.add_argument("--note", required=True, help="why this traffic is accepted; kept with the baseline")
    promote.add_argument("--output", type=Path, required=True, help="the baseline to write; never the one in use")
    promote.add_argument(
        "--force",
        action="store_true",
        help="go on although the outcomes of some partition are read far behind the others",
    )
    add_model(promote)


def run(args: argparse.Namespace) -> int:
    """Build, show, promote or import."""
    commands = {"build": _build, "show": _show, "promote": _promote, "import": run_import}
    command = commands[args.baseline_command]
    return command(args)


def _build(args: argparse.Namespace) -> int:
    from sentinel.app.models import hash_key_of
    from sentinel.baseline.build import build_baseline
    from sentinel.baseline.show import summary_lines
    from sentinel.cli.choose import choose_model
    from sentinel.cli.imported import load_callable
    from sentinel.cli.progress import Progress
    from sentinel.clock import SystemClock
    from sentinel.config import load_config

    config = load_config(args.config)
    model = choose_model(config, args.model, args.version)
    rescore = None if args.score_with is None else load_callable(args.score_with)
    with opened_engine(args) as engine, Progress("baseline", quiet=args.quiet) as progress:
        baseline = build_baseline(
            model,
            args.validation,
            args.train,
            args.manifest,
            now_us=SystemClock().now_us(),
            rescore=rescore,
            progress=progress.step,
            hash_key=hash_key_of(config),
            audit=not args.no_audit,
            engine=engine,
        )
    baseline.save(args.output)
    print(f"wrote {args.output} ({args.output.stat().st_size:,} bytes, sha256 {baseline.digest[:12]})")
    print("\n".join(summary_lines(baseline, model.alerts)))
    return 0


def _show(args: argparse.Namespace) -> int:
    import json

    from sentinel.baseline.artifact import Baseline
    from sentinel.baseline.show import as_builtins, lines
    from sentinel.cli.choose import choose_model
    from sentinel.config import load_config
    from sentinel.config.alerts import Alerts

    baseline = Baseline.load(args.baseline)
    alerts = Alerts()
    if args.config is not None:
        alerts = choose_model(load_config(args.config), baseline.meta.model, baseline.meta.version).alerts
    if args.format == "json":
        print(json.dumps(as_builtins(baseline, alerts), indent=2, ensure_ascii=False))
    else:
        print("\n".join(lines(baseline, alerts)))
    return 0


def _promote(args: argparse.Namespace) -> int:
    from sentinel.app.models import watch
    from sentinel.app.stored_panes import stored_panes
    from sentinel.baseline.artifact import Baseline
    from sentinel.baseline.promote import promote
    from sentinel.baseline.show import summary_lines
    from sentinel.cli.choose import choose_model
    from sentinel.clock import SystemClock
    from sentinel.config import load_config
    from sentinel.errors import BaselineError
    from sentinel.pipeline.progress import settled_until

    config = load_config(args.config)
    settings = choose_model(config, args.model, args.version)
    if settings.baseline is None:
        raise BaselineError(f"model {settings.name} {settings.version} has no baseline, so nothing was counted by one")
    if args.output.exists() and args.output.samefile(Path(settings.baseline)):
        raise BaselineError(f"{args.output} is the baseline in use: write the new one beside it, then configure it")
    model = watch(settings, Baseline.load(Path(settings.baseline)))
    stored = stored_panes(Path(config.state.directory), model.plan)
    settled = settled_until(stored.through_us, model.plan)
    until = settled if args.until is None else min(settled, _moment(args.until, "--until"))
    since = 0 if args.since is None else _moment(args.since, "--since")
    behind = {number: at for number, at in stored.lagging.items() if settled_until(at, model.plan) < until}
    if behind and not args.force:
        raise BaselineError(_behind(behind, stored.through_us))
    promoted = promote(
        model.baseline, stored.series.between(since, until), note=args.note, now_us=SystemClock().now_us()
    )
    promoted.save(args.output)
    print(f"wrote {args.output} ({args.output.stat().st_size:,} bytes, sha256 {promoted.digest[:12]})")
    print("\n".join(summary_lines(promoted, settings.alerts)))
    return 0


def _behind(lagging: Mapping[int, int], through_us: int) -> str:
    from sentinel.config.times import rfc3339

    partition, at = min(lagging.items(), key=lambda item: item[1])
    more = f" (and {len(lagging) - 1} more)" if len(lagging) > 1 else ""
    return (
        f"partition {partition}{more} has read outcomes until {rfc3339(at, to_second=True)} only, the furthest until "
        f"{rfc3339(through_us, to_second=True)}: its panes are not settled. Wait until it has caught up, choose an "
        "earlier --until, or give --force if nothing more is to come"
    )


def _moment(text: str, option: str) -> int:
    from sentinel.errors import FatalError
    from sentinel.events.times import BAD_TIME, parse_time

    at_us = parse_time(text)
    if at_us == BAD_TIME:
        raise FatalError(f"{option}: {text!r} is no time; write it like 2026-11-20T12:00:00Z")
    return at_us
