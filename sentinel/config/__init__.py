"""The configuration: models, strict loader, secrets and JSON Schema."""

from __future__ import annotations

from sentinel.config.alerts import Alerts
from sentinel.config.columns import Columns
from sentinel.config.durations import Duration
from sentinel.config.errors import ConfigError
from sentinel.config.kafka import KafkaSource, Topics
from sentinel.config.limits import Limits
from sentinel.config.loader import dump_config, load_config, parse_config
from sentinel.config.model import Feature, Model, Outcome, Panes
from sentinel.config.secrets import Secret
from sentinel.config.settings import Config, Evaluation, Log, Source, State
from sentinel.config.sizes import Bytes
from sentinel.config.slices import Slice, SliceBins
from sentinel.config.web import Web

__all__ = [
    "Alerts",
    "Bytes",
    "Columns",
    "Config",
    "ConfigError",
    "Duration",
    "Evaluation",
    "Feature",
    "KafkaSource",
    "Limits",
    "Log",
    "Model",
    "Outcome",
    "Panes",
    "Secret",
    "Slice",
    "SliceBins",
    "Source",
    "State",
    "Topics",
    "Web",
    "dump_config",
    "load_config",
    "parse_config",
]
