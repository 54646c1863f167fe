"""What a process does: everything, only the counting, or only the judging."""

from __future__ import annotations

from enum import StrEnum

from sentinel.config.settings import Config
from sentinel.errors import FatalError


class Role(StrEnum):
    """``all`` counts and judges, ``collector`` counts alone, ``evaluator`` judges what collectors counted."""

    ALL = "all"
    COLLECTOR = "collector"
    EVALUATOR = "evaluator"

    @property
    def collects(self) -> bool:
        """Whether it reads events and counts them."""
        return self is not Role.EVALUATOR

    @property
    def judges(self) -> bool:
        """Whether it evaluates counts and serves reports."""
        return self is not Role.COLLECTOR


def check_role(config: Config, role: Role) -> None:
    """See that a configuration lets a process have this role.

    Raises
    ------
    FatalError
        If collector and evaluator have nowhere to meet.
    """
    kafka = None if config.source is None else config.source.kafka
    if role is not Role.ALL and (kafka is None or kafka.topics.summaries is None):
        raise FatalError(
            f"the role {role} needs source.kafka.topics.summaries, the compacted topic where collectors and evaluators "
            "meet: name it, or run the role all"
        )
