"""``--engine``: who reads the files of an audit or a baseline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sentinel.cli import main
from tests.audit.parted import mixed_files
from tests.support.tools import need, need_package

CONFIG = 'apiVersion: sentinel/v1\nmodels: [{name: mixed, version: "1"}]\n'


def _command(folder: Path) -> list[str]:
    train, validation = mixed_files(folder)
    config = folder / "sentinel.yaml"
    config.write_text(CONFIG)
    return ["audit", "--config", str(config), "--train", str(train), "--validation", str(validation), "--quiet"]


@pytest.mark.parametrize("more", [["--master", "local[2]"], ["--conf", "spark.ui.enabled=false"]])
def test_settings_of_spark_without_spark_are_refused(
    more: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever names a master wants Spark, and gets no audit by another engine."""
    assert main([*_command(tmp_path), *more]) != 0
    assert "--master and --conf are for --engine spark" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_command_on_spark_answers_as_without(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The findings that are written are the same."""
    need_package("pyspark", "the Spark engine cannot be checked")
    need("java", "the Spark engine cannot be checked")
    command = _command(tmp_path)
    spark = ["--engine", "spark", "--master", "local[2]", "--conf", "spark.ui.enabled=false"]
    answers = []
    for name, more in (("local", []), ("spark", spark)):
        assert main([*command, *more, "--json", str(tmp_path / f"{name}.json")]) == 0
        answers.append(json.loads((tmp_path / f"{name}.json").read_text())["checks"])
        for check in answers[-1]:
            check.pop("seconds", None)
    assert answers[0] == answers[1]
    capsys.readouterr()
