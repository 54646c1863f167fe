"""The register: answers to verdicts, changes of configuration and baseline, kept in the audit log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from sentinel import __version__
from sentinel.app.judge import Judge
from sentinel.app.models import Key, WatchedModel
from sentinel.clock import Clock
from sentinel.config.compare import changed_plain_paths
from sentinel.config.loader import config_as_builtins
from sentinel.config.settings import Config
from sentinel.config.times import rfc3339
from sentinel.diagnosis.answers import AnswerRequest, TaughtCase, taught
from sentinel.diagnosis.report import Acknowledgement, Report
from sentinel.exposition.answers import VerdictChangedError
from sentinel.exposition.reports import report_of
from sentinel.logs import get_logger
from sentinel.pipeline.audit_log import EVIDENCE, REMEMBERED, AuditEntry, AuditLog, AuditLogError, Kind
from sentinel.whole_files import replace_file

log = get_logger(__name__)

LAST_CONFIGURATION: Final = "audit-configuration.json"
"""The configuration that ran last, secrets redacted: what the next start is compared with."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What an acknowledgement keeps of the evidence, for the training."""

    signals: dict[str, float | None]
    weighed: bool


class Register:
    """Of one daemon. Requests answer verdicts and read in threads of their own; nothing here waits for the stream.

    Parameters
    ----------
    directory : Path
        The state directory; owned, and there.
    clock : Clock
    reports : callable
        The reports that stand now.
    judges : callable
        Their judges, by model version.

    Raises
    ------
    StoreError
        If the audit log cannot be read.
    """

    def __init__(
        self,
        directory: Path,
        clock: Clock,
        reports: Callable[[], Sequence[Report]],
        judges: Callable[[], Mapping[Key, Judge]],
    ) -> None:
        self._reports = reports
        self._judges = judges
        self._last_configuration = directory / LAST_CONFIGURATION
        self._latest: dict[Key, Acknowledgement] = {}
        self._digests: dict[Key, str] = {}
        self._shown: dict[Key, tuple[Report, Acknowledgement, Report]] = {}
        self._log = AuditLog(directory, clock, self._take)

    def shown(self, reports: Iterable[Report]) -> tuple[Report, ...]:
        """The reports with what was last answered; the same objects as long as neither changes."""
        return tuple(self._with_answer(report) for report in reports)

    def acknowledge(self, key: Key, request: AnswerRequest, who: str) -> Acknowledgement:
        """Keep an answer to the verdict that stands.

        Raises
        ------
        LookupError
            If there is no such model version.
        VerdictChangedError
            If the verdict names another cause than the one that was read.
        AuditLogError
            If the answer cannot be kept.
        """
        judge = self._judges().get(key)
        judged = None if judge is None else judge.judged()
        if judged is None:  # between two configurations the former report stands, its evidence is gone
            report = report_of(self._reports(), key)
            if report is None:
                raise LookupError(key)
        else:
            report = judged.report
        verdict = report.verdict
        if request.cause not in (None, verdict.cause):
            raise VerdictChangedError(f"the verdict is {verdict.cause} by now, not {request.cause}; read it first")
        details: dict[str, Any] = {
            "model": report.model,
            "version": report.version,
            "answer": request.answer,
            "note": request.note,
            "true_cause": request.true_cause,
            "cause": verdict.cause,
            "confidence": verdict.confidence,
            "probabilities": verdict.probabilities,
            "scorecard": verdict.scorecard,
            "through": report.through,
            "baseline": report.baseline.digest,
        }
        if judged is not None:
            details[EVIDENCE] = msgspec.to_builtins(Evidence(signals=judged.signals, weighed=judged.weighed))
        return _converted(self._log.append("acknowledgement", who, msgspec.to_builtins(details)))

    def acknowledgements(self, key: Key) -> list[Acknowledgement]:
        """The answers to a model version's verdicts that are remembered, newest first."""
        entries = self._log.entries(kind="acknowledgement", limit=REMEMBERED)
        found = (acknowledgement_of(entry) for entry in entries)
        return [each for each in found if each is not None and (each.model, each.version) == key]

    def entries(self, *, kind: Kind | None, since_us: int | None, limit: int) -> list[AuditEntry]:
        """The newest entries of the audit log, newest first."""
        return self._log.entries(kind=kind, since_us=since_us, limit=limit)

    def configured(self, config: Config, models: Mapping[Key, WatchedModel], who: str, changed: Iterable[str]) -> None:
        """Note what runs from now on: the settings that differ from those before, by name, and new baselines.

        Parameters
        ----------
        config : Config
        models : mapping
        who : str
            Who made it so.
        changed : iterable of str
            Paths that differ besides those that the redacted configuration shows: of secrets.
        """
        plain = config_as_builtins(config)
        before = self._read_last()
        paths = sorted({*changed, *([] if before is None else changed_plain_paths(before, plain))})
        if paths or before is None or who != "start":
            self._note("configuration", who, {"succeeded": True, "changed": paths, "sentinel": __version__})
        if plain != before:
            self._write_last(plain)
        for key, model in models.items():
            if self._digests.get(key) != model.baseline.digest:
                self._note("baseline", who, _new_baseline(model, self._digests.get(key)))

    def refused(self, who: str, changed: Iterable[str]) -> None:
        """Note that a reload failed, with the settings that it would have changed if that is known."""
        self._note("configuration", who, {"succeeded": False, "changed": sorted(changed), "sentinel": __version__})

    def _with_answer(self, report: Report) -> Report:
        key = (report.model, report.version)
        answer, known = self._latest.get(key), self._shown.get(key)
        if answer is None:
            return report
        if known is None or known[0] is not report or known[1] is not answer:
            known = self._shown[key] = (report, answer, msgspec.structs.replace(report, acknowledgement=answer))
        return known[2]

    def _take(self, entry: AuditEntry) -> None:
        if entry.kind == "acknowledgement":
            answer = acknowledgement_of(entry)
            if answer is None:
                log.error("audit_log_altered", fault=f"entry {entry.sequence} is no acknowledgement")
            else:
                self._latest[answer.model, answer.version] = answer
        elif entry.kind == "baseline":
            told = entry.details
            self._digests[str(told.get("model")), str(told.get("version"))] = str(told.get("after"))

    def _note(self, kind: Kind, who: str, details: dict[str, Any]) -> None:
        try:
            self._log.append(kind, who, details)
        except AuditLogError:
            return  # told by the log; what runs must run

    def _read_last(self) -> dict[str, Any] | None:
        try:
            found = msgspec.json.decode(self._last_configuration.read_bytes(), type=dict[str, Any])
            changed_plain_paths(found, found)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError, LookupError, TypeError) as error:
            log.warning("last_configuration_unreadable", error=str(error))
            return None
        return found

    def _write_last(self, plain: dict[str, Any]) -> None:
        try:
            replace_file(self._last_configuration, msgspec.json.encode(plain))
        except OSError as error:
            log.warning("last_configuration_not_written", error=str(error))


def acknowledgement_of(entry: AuditEntry) -> Acknowledgement | None:
    """An entry of that kind as a value; None if it was altered so that it is none."""
    try:
        return _converted(entry)
    except msgspec.ValidationError:
        return None


def _converted(entry: AuditEntry) -> Acknowledgement:
    told = {name: value for name, value in entry.details.items() if name != EVIDENCE}
    return msgspec.convert({**told, "sequence": entry.sequence, "at": entry.at, "who": entry.who}, Acknowledgement)


def taught_case(entry: AuditEntry) -> TaughtCase | None:
    """What an acknowledgement teaches; None if it tells no truth, or there was nothing for a scorecard to weigh."""
    answer = acknowledgement_of(entry)
    truth = None if answer is None else taught(answer.answer, answer.cause, answer.true_cause)
    if answer is None or truth is None:
        return None
    try:
        evidence = msgspec.convert(entry.details.get(EVIDENCE), Evidence)
    except msgspec.ValidationError:  # none was there
        return None
    if not evidence.weighed:
        return None
    return TaughtCase(
        model=answer.model,
        version=answer.version,
        at=answer.at,
        through=answer.through,
        named=answer.cause,
        cause=truth,
        scorecard=answer.scorecard,
        signals=evidence.signals,
    )


def _new_baseline(model: WatchedModel, before: str | None) -> dict[str, Any]:
    baseline = model.baseline
    provenance = baseline.meta.provenance
    promoted = None
    if provenance is not None:
        promoted = {
            "parent": provenance.parent,
            "since": rfc3339(provenance.since_us),
            "until": rfc3339(provenance.until_us),
            "note": provenance.note,
        }
    return {
        "model": model.key[0],
        "version": model.key[1],
        "before": before,
        "after": baseline.digest,
        "promoted": promoted,
    }
