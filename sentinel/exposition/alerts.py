"""The rules as data: what `sentinel rules` prints, and what the documents and the tests are held against."""

from __future__ import annotations

from sentinel.exposition.daemon_alerts import DAEMON_GROUP
from sentinel.exposition.model_alerts import MODEL_GROUP
from sentinel.exposition.records import RECORD_GROUP
from sentinel.exposition.rules import AlertRule, RuleGroup

GROUPS: tuple[RuleGroup, ...] = (RECORD_GROUP, MODEL_GROUP, DAEMON_GROUP)
ALERTS: tuple[AlertRule, ...] = tuple(rule for group in GROUPS for rule in group.rules if isinstance(rule, AlertRule))
