"""Which of the configured models a command is about."""

from __future__ import annotations

from sentinel.config.model import Model
from sentinel.config.settings import Config
from sentinel.errors import FatalError


def choose_model(config: Config, name: str | None, version: str | None) -> Model:
    """Find the one model that the arguments name.

    Raises
    ------
    FatalError
        If none or several fit; the message lists what there is.
    """
    fitting = [m for m in config.models if name in (None, m.name) and version in (None, m.version)]
    if len(fitting) == 1:
        return fitting[0]
    known = ", ".join(f"{m.name} {m.version}" for m in config.models)
    problem = "no model fits" if not fitting else "several models fit"
    raise FatalError(f"{problem} --model {name or '*'} --version {version or '*'}; the configuration has {known}")
