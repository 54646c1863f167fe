"""The shape that a configuration asks for."""

from __future__ import annotations

from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.config.formats import INFERENCE_SHAPES, Format, Inference, Truth
from sentinel.errors import FatalError
from sentinel.events.codecs.messages import Role
from sentinel.events.codecs.shapes.bentoml import BentoShape
from sentinel.events.codecs.shapes.canonical import CanonicalShape
from sentinel.events.codecs.shapes.cloudevents import CloudEventsShape
from sentinel.events.codecs.shapes.fields import FieldsShape
from sentinel.events.codecs.shapes.kserve import KServeShape
from sentinel.events.codecs.shapes.open_inference import OpenInferenceShape
from sentinel.events.codecs.shapes.protocol import Shape
from sentinel.events.codecs.shapes.sagemaker import CaptureShape, GroundTruthShape
from sentinel.events.codecs.shapes.seldon import SeldonShape
from sentinel.events.halves import WaitLimits


def make_shape(settings: Format, role: Role) -> Shape:
    """Build the shape of one topic's messages.

    Parameters
    ----------
    settings : Format
    role : {"prediction", "outcome"}
        What the topic holds.
    """
    inner = _inner_shape(settings, role)
    return CloudEventsShape(inner) if settings.shape == "cloudevents" else inner


def wait_limits(settings: Format) -> WaitLimits:
    """How long, how many and how much may wait for its other half."""
    inference = settings.inference or Inference()
    return WaitLimits(
        wait_us=round(float(inference.pair_wait) * MICROSECONDS_PER_SECOND),
        most=inference.pairs_waiting,
        most_bytes=int(inference.pairs_waiting_bytes),
    )


def _inner_shape(settings: Format, role: Role) -> Shape:
    name = settings.inner_shape
    if name in INFERENCE_SHAPES:
        return _inference_shape(settings, role)
    if name == "fields" and settings.fields is not None:
        return FieldsShape(settings.fields, role)
    if name == "bentoml" and settings.records is not None:
        return BentoShape(settings.records, role)
    if name == "sagemaker-ground-truth":
        return GroundTruthShape(settings.truth or Truth())
    if name == "canonical":
        return CanonicalShape()
    raise FatalError(f"the format {name} lacks its section")


def _inference_shape(settings: Format, role: Role) -> Shape:
    inference = settings.inference or Inference()
    if settings.inner_shape == "kserve":
        return KServeShape(inference)
    if settings.inner_shape == "seldon-v1":
        return SeldonShape(inference, settings.truth or Truth(), role)
    if settings.inner_shape == "sagemaker-capture":
        return CaptureShape(inference)
    return OpenInferenceShape(inference, key_first=settings.inner_shape == "seldon-v2")
