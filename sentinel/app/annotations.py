"""Makes the annotator that a configuration asks for; without one nothing of Grafana's client is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sentinel.clock import Clock
from sentinel.config.settings import Config

if TYPE_CHECKING:
    from sentinel.exposition.grafana.annotator import Annotator


def make_annotator(config: Config, clock: Clock) -> Annotator | None:
    """The annotator, not yet started; None where no Grafana is configured or it is not to be marked."""
    grafana = config.grafana
    if grafana is None or not grafana.annotations:
        return None
    from sentinel.exposition.grafana.annotator import Annotator
    from sentinel.exposition.grafana.client import GrafanaClient

    return Annotator(lambda: GrafanaClient(grafana), clock)
