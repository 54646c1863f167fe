"""The shape that a configuration asks for."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Final

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.config.formats import Format
from sentinel.config.inference import Inference
from sentinel.events.codecs import shapes
from sentinel.events.codecs.messages import Role
from sentinel.events.codecs.shapes.cloudevents import CloudEventsShape
from sentinel.events.codecs.shapes.protocol import Make, Shape
from sentinel.events.halves import WaitLimits

_THIS = "registry"


def make_shape(settings: Format, role: Role) -> Shape:
    """Build the shape of one topic's messages.

    Parameters
    ----------
    settings : Format
    role : {"prediction", "outcome"}
        What the topic holds.
    """
    inner = _MAKERS[settings.inner_shape](settings, role)
    return CloudEventsShape(inner) if settings.shape == "cloudevents" else inner


def wait_limits(settings: Format) -> WaitLimits:
    """How long, how many and how much may wait for its other half."""
    inference = settings.inference or Inference()
    return WaitLimits(
        wait_us=round(float(inference.pair_wait) * MICROSECONDS_PER_SECOND),
        most=inference.pairs_waiting,
        most_bytes=int(inference.pairs_waiting_bytes),
    )


def all_makers() -> Mapping[str, Make]:
    """What makes each shape but CloudEvents, by its name in a configuration: ``MAKERS`` of the modules here."""
    names = sorted(found.name for found in pkgutil.iter_modules(shapes.__path__))
    modules = [importlib.import_module(f"{shapes.__name__}.{name}") for name in names if name != _THIS]
    return {shape: make for module in modules for shape, make in getattr(module, "MAKERS", {}).items()}


_MAKERS: Final = all_makers()
