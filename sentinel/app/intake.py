"""Events over HTTP: what a configuration asks for, and whether anybody may post at all."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path

from sentinel.app.models import Key, WatchedModel
from sentinel.app.sources import make_codec
from sentinel.clock import Clock
from sentinel.config.errors import ConfigError
from sentinel.config.settings import Config
from sentinel.exposition.statistics import IntakeStatistics
from sentinel.ingest.http import HttpSource
from sentinel.ingest.http_intake import Intake


def make_intake(config: Config, clock: Clock) -> Intake | None:
    """Where posted events go, not opened yet; None where the configuration takes none."""
    http = None if config.source is None else config.source.http
    return None if http is None else Intake(http, Path(config.state.directory), clock)


def make_http_source(intake: Intake, config: Config, models: Mapping[Key, WatchedModel], clock: Clock) -> HttpSource:
    """What reads them."""
    return HttpSource(intake.log, make_codec(config, models), clock)


def look_for(intake: Intake, config: Config, models: Mapping[Key, WatchedModel]) -> None:
    """Take events of these models from now on."""
    intake.look_for(frozenset(name for name, _ in models), int(config.limits.max_event_bytes))


def check_producers(config: Config, host: str, *, closed: bool) -> None:
    """See that somebody may post.

    Parameters
    ----------
    config : Config
    host : str
        The address that is listened on.
    closed : bool
        Whether one has to log in.

    Raises
    ------
    ConfigError
        If nobody may: then nothing would ever be counted.
    """
    http = None if config.source is None else config.source.http
    if http is None:
        return
    if closed and not config.web.producers:
        hint = "web.producers names the users and tokens that may"
        raise ConfigError("nobody may post events", keys=("source", "http"), hint=hint)
    if not closed and not http.allow_anonymous and not ipaddress.ip_address(host).is_loopback:
        hint = "let producers log in (web.bearer_token_file and web.producers), or set source.http.allow_anonymous"
        raise ConfigError(f"{host} is open to a network and nobody has to log in", keys=("source", "http"), hint=hint)


def intake_statistics(intake: Intake) -> IntakeStatistics:
    """What it says of itself at a scrape."""
    log = intake.log.statistics()
    return IntakeStatistics(
        requests={str(result): n for result, n in intake.requests.items()},
        accepted=log.accepted,
        rejected=intake.n_rejected,
        log_bytes=log.n_bytes,
        log_max_bytes=log.max_bytes,
        write_failures=log.write_failures,
        damaged=log.damaged,
        syncs=log.syncs,
    )
