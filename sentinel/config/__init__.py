"""The configuration: models, strict loader, secrets and JSON Schema."""

from __future__ import annotations

from sentinel.config.durations import Duration
from sentinel.config.errors import ConfigError
from sentinel.config.kafka import KafkaSource, Topics
from sentinel.config.loader import dump_config, load_config, parse_config
from sentinel.config.model import Alerts, Columns, Feature, Model, Outcome, Panes, Slice, SliceBins
from sentinel.config.secrets import Secret
from sentinel.config.settings import Config, Evaluation, Limits, Log, Source, State, Web
from sentinel.config.sizes import Bytes

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
