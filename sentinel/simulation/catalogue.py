"""The scenarios by name, each with its truth and the size of the gap that it promises."""

from __future__ import annotations

import difflib
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from sentinel.errors import FatalError
from sentinel.simulation.churn import Law, World
from sentinel.simulation.planted import CancellationCalls, ChurnRecipe, SessionsThisMonth
from sentinel.simulation.scenario import Scenario

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORLD = World()
_NEW_MIX = replace(_WORLD, plan_shares=(0.80, 0.15, 0.05), region_shares=(0.15, 0.15, 0.20, 0.50))
# Bills decide where tickets and absence did; the intercept keeps the share of leavers about where it was.
_NEW_LAW = replace(
    _WORLD,
    law=Law(intercept=-1.55, tickets=0.0, login=0.10, usage=-0.60, failures=0.60, spend=2.5, tickets_on_basic=0.0),
)


class UnknownScenarioError(FatalError):
    """No scenario has this name.

    Parameters
    ----------
    name : str
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        close = difflib.get_close_matches(self.name, SCENARIOS, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        return f"no scenario is named {self.name!r}{hint} (there are {', '.join(SCENARIOS)})"


def find(name: str) -> Scenario:
    """Look a scenario up.

    Raises
    ------
    UnknownScenarioError
        If there is none of that name; the message lists those there are.
    """
    try:
        return SCENARIOS[name]
    except KeyError:
        raise UnknownScenarioError(name) from None


_ALL = (
    Scenario(
        name="clean",
        description="Nothing is wrong: production is as good as validation promised.",
        cause="none",
        gap=(0.0, 0.0),
        recipe=ChurnRecipe(),
    ),
    Scenario(
        name="target_leakage",
        description="The model learnt from calls made while leaving; when it serves, they are null.",
        cause="target_leakage",
        culprits=("cancellation_calls",),
        onset_ratio=0.0,
        gap=(0.10, 0.20),
        recipe=ChurnRecipe(leak=CancellationCalls()),
    ),
    Scenario(
        name="target_leakage_default",
        description="The same leak, but serving fills the unknown calls with 0: no null ever shows.",
        cause="target_leakage",
        culprits=("cancellation_calls",),
        onset_ratio=0.0,
        gap=(0.10, 0.20),
        recipe=ChurnRecipe(leak=CancellationCalls(default=0.0)),
    ),
    Scenario(
        name="future_feature",
        description="A monthly count was trained with the days after the prediction in it.",
        cause="temporal_leakage",
        culprits=("sessions_this_month",),
        onset_ratio=0.0,
        gap=(0.10, 0.22),
        recipe=ChurnRecipe(leak=SessionsThisMonth()),
    ),
    Scenario(
        name="duplicate_leakage",
        description="Half of the validation rows are copies of training rows, which the model remembers.",
        cause="duplicate_leakage",
        onset_ratio=0.0,
        gap=(0.10, 0.22),
        recipe=ChurnRecipe(copied_ratio=0.5, learner="forest", protocol="random"),
    ),
    Scenario(
        name="covariate_drift",
        description="From the middle on other customers come; for each kind the model is as good as ever.",
        cause="covariate_drift",
        culprits=("plan", "region"),
        onset_ratio=0.5,
        gap=(0.01, 0.03),
        recipe=ChurnRecipe(later=_NEW_MIX),
    ),
    Scenario(
        name="concept_drift",
        description="From the middle on the same customers leave for other reasons.",
        cause="concept_drift",
        onset_ratio=0.5,
        gap=(0.05, 0.10),
        recipe=ChurnRecipe(later=_NEW_LAW),
    ),
    Scenario(
        name="data_quality_fault",
        description="From the middle on an honest feature arrives as null.",
        cause="data_quality_fault",
        culprits=("days_since_login",),
        onset_ratio=0.5,
        gap=(0.01, 0.04),
        recipe=ChurnRecipe(nulled="days_since_login"),
    ),
)

SCENARIOS: Mapping[str, Scenario] = MappingProxyType({scenario.name: scenario for scenario in _ALL})
"""Every scenario by its name, in the order in which they are best shown."""
