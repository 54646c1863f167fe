"""Worlds with a planted cause: the demo, the benchmark and the look-alikes that must stay quiet."""

from __future__ import annotations

from sentinel.simulation.catalogue import SCENARIOS, UnknownScenarioError
from sentinel.simulation.scenario import Scenario, SimulatedStream, Sizes, Truth
from sentinel.simulation.simulator import simulate

__all__ = [
    "SCENARIOS",
    "Scenario",
    "SimulatedStream",
    "Sizes",
    "Truth",
    "UnknownScenarioError",
    "simulate",
]
