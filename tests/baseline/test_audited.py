"""What the offline audit finds goes into the baseline: small, without values, and never in the way of a build."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest

from sentinel.audit.guarded import FAILED
from sentinel.baseline import audited
from sentinel.baseline.artifact import KIND, Baseline
from sentinel.baseline.build import build_baseline
from sentinel.baseline.evidence import AuditedFinding, AuditEvidence, StaticEvidence, Unaudited
from sentinel.baseline.show import as_builtins, lines
from sentinel.config import Model
from sentinel.config.alerts import Alerts
from sentinel.summaries import wire
from tests.baseline.frames import scored_rows, write

MODEL = Model(name="churn", version="7")


def _files(folder: Path) -> tuple[Path, Path]:
    """A fifth of the validation rows are training rows."""
    train, validation = scored_rows(1_500, 1), scored_rows(1_000, 2)
    validation = pd.concat([train.head(250), validation.tail(750)], ignore_index=True)
    validation["prediction_id"] = [f"v{i}" for i in range(1_000)]
    return write(validation, folder / "v.parquet"), write(train, folder / "t.parquet")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Baseline:
    """A baseline of leaky files."""
    return build_baseline(MODEL, *_files(tmp_path_factory.mktemp("rows")), now_us=0)


def test_findings_are_kept_with_their_size(built: Baseline) -> None:
    """The copies are there with their share, and checks that found nothing or were not made by name."""
    audit = built.meta.audit
    assert audit is not None
    (copies,) = [finding for finding in audit.findings if finding.check == "copies"]
    assert copies.cause == "duplicate_leakage"
    assert copies.share == 0.25
    assert "constant_columns" in audit.clear
    assert "selection" in {one.check for one in audit.not_checked}
    assert audit.failed is None


def test_findings_survive_the_file(built: Baseline) -> None:
    """The evidence is read back as it was written."""
    assert Baseline.from_bytes(built.to_bytes()).meta.audit == built.meta.audit


def test_a_baseline_of_before_still_loads(built: Baseline) -> None:
    """Bytes without the section are read, and a baseline without it has the bytes it always had."""
    header, arrays = wire.unpack(KIND, built.to_bytes())
    del header["meta"]["audit"]
    old = Baseline.from_bytes(wire.pack(KIND, header, arrays))
    assert old.meta.audit is None
    assert old.to_bytes() == wire.pack(KIND, header, arrays)
    assert all("audit" not in line for line in lines(old, Alerts()))


def test_it_is_shown(built: Baseline) -> None:
    """In words and as JSON, findings first and then what was not checked, with what it needs."""
    text = "\n".join(lines(built, Alerts()))
    assert "copies: 25.0% of validation rows are also training rows" in text
    assert "selection" in text.split("not made    ")[1]
    assert as_builtins(built, Alerts())["audit"]["findings"][0]["check"]
    failed = msgspec.structs.replace(built.meta, audit=AuditEvidence(failed="KeyError in odd.py:3"))
    shown = "\n".join(lines(Baseline(built.layout, built.summary, failed), Alerts()))
    assert "failed: KeyError in odd.py:3; these files were not audited" in shown


def test_without_training_rows_or_wish_there_is_none(tmp_path: Path) -> None:
    """No training rows, or an audit that is switched off: nothing is stored."""
    validation, train = _files(tmp_path)
    assert build_baseline(MODEL, validation, now_us=0).meta.audit is None
    assert build_baseline(MODEL, validation, train, now_us=0, audit=False).meta.audit is None


def test_a_failing_audit_does_not_stop_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The baseline is built, says that and where the audit failed, and repeats no value of the error's message."""

    def broken(*_: Any, **__: Any) -> None:
        raise ValueError("cannot parse 4111 1111 1111 1111")

    monkeypatch.setattr(audited, "audit", broken)
    found = build_baseline(MODEL, *_files(tmp_path), now_us=0)
    assert found.meta.audit is not None
    assert "ValueError in test_audited.py:" in str(found.meta.audit.failed)
    (said,) = [check for check in found.meta.checks if check.name == "audit_failed"]
    assert (said.severity, "4111" in said.detail) == ("warning", False)


def test_a_failing_check_is_said(built: Baseline) -> None:
    """One check that failed is a warning of its own; one that merely needs something is not."""
    evidence = AuditEvidence(
        not_checked=(Unaudited(check="a", why=f"{FAILED}KeyError"), Unaudited(check="b", why="no scores"))
    )
    assert [check.detail for check in audited.failures(evidence)] == ["a was not checked: the check failed: KeyError"]
    assert audited.failures(built.meta.audit) == ()


def test_the_evidence_is_the_same_in_batches(built: Baseline, tmp_path: Path) -> None:
    """Batches of 300 rows give the very bytes."""
    again = build_baseline(MODEL, *_files(tmp_path), now_us=0, batch_rows=300)
    assert again.meta.audit == built.meta.audit


def test_no_value_of_a_feature_enters() -> None:
    """What is kept of a finding has names, numbers and words, and none of the rows."""
    assert set(AuditedFinding.__struct_fields__).isdisjoint({"rows", "plots", "detail"})


def test_static_evidence_takes_up_what_the_audit_knows_better() -> None:
    """What was fitted to validation rows and misleads joins the proof, near copies the excess; warnings do not."""

    def finding(cause: str, severity: str, **more: Any) -> AuditedFinding:
        return AuditedFinding(check="c", cause=cause, severity=severity, title="", **more)

    audit = AuditEvidence(
        findings=(
            finding("preprocessing_leakage", "critical", columns=("b",)),
            finding("preprocessing_leakage", "warning", columns=("c",)),
            finding("duplicate_leakage", "critical", share=0.3, chance=0.05),
        )
    )
    static = StaticEvidence(fit_proof=("a",), duplicate_excess_ratio=0.1)
    found = audited.informed(static, audit)
    assert found.fit_proof == ("a", "b")
    assert found.duplicate_excess_ratio == pytest.approx(0.25)
    assert audited.informed(static, None) is static
    assert audited.informed(StaticEvidence(), AuditEvidence()) == StaticEvidence()
