"""Grafana by file and as its how-to tells: what is provisioned exists, and what the text quotes is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from sentinel import cli
from sentinel.config import load_config
from sentinel.exposition.dashboards import BOARDS
from sentinel.exposition.grafana.annotator import CAPACITY
from tests.support import tools
from tests.support.grafana import TOKEN

FOLDER = tools.ROOT / "deploy/grafana/provisioning"
HOW_TO = (tools.ROOT / "docs/how-to/grafana.md").read_text(encoding="utf-8")
DATASOURCE_KEYS = {"name", "uid", "type", "access", "url", "isDefault", "editable", "jsonData"}
PROVIDER_KEYS = {
    "name", "folder", "type", "disableDeletion", "allowUiUpdates", "updateIntervalSeconds", "options",
}  # fmt: skip


def test_one_prometheus_is_provisioned() -> None:
    """A source of the type that the boards' variable offers, and the scrape interval that rates need."""
    settings = yaml.safe_load((FOLDER / "datasources/prometheus.yaml").read_text(encoding="utf-8"))
    assert settings["apiVersion"] == 1
    (source,) = settings["datasources"]
    assert set(source) <= DATASOURCE_KEYS
    assert source["type"] == "prometheus"
    assert re.fullmatch(r"\d+s", source["jsonData"]["timeInterval"])


def test_the_provider_takes_the_folder_of_the_how_to(tmp_path: Path) -> None:
    """It looks where the text writes the boards, and nobody edits them in place."""
    settings = yaml.safe_load((FOLDER / "dashboards/sentinel.yaml").read_text(encoding="utf-8"))
    assert settings["apiVersion"] == 1
    (provider,) = settings["providers"]
    assert set(provider) <= PROVIDER_KEYS
    assert (provider["type"], provider["allowUiUpdates"]) == ("file", False)
    assert f"sentinel dashboards --output {provider['options']['path']}\n" in HOW_TO
    assert cli.main(["dashboards", "--output", str(tmp_path)]) == 0
    assert {json.loads(file.read_text())["uid"] for file in tmp_path.iterdir()} == {board.uid for board in BOARDS}


def test_the_section_of_the_how_to_loads(tmp_path: Path) -> None:
    """Together with a model it is a configuration."""
    (section,) = re.findall(r"```yaml\n(grafana:.*?)```", HOW_TO, re.DOTALL)
    (tmp_path / "grafana-token").write_text(TOKEN)
    config = tmp_path / "sentinel.yaml"
    config.write_text(f'apiVersion: sentinel/v1\nmodels:\n  - {{name: churn, version: "7"}}\n{section}')
    grafana = load_config(config).grafana
    assert grafana is not None
    assert grafana.annotations
    assert grafana.token is not None
    assert TOKEN not in repr(grafana)


def test_the_how_to_names_what_there_is() -> None:
    """Boards by their titles, panels that may be empty by theirs, and the size of the queue."""
    for board in BOARDS:
        assert f"| {board.title} |" in HOW_TO
    titles = {panel.title for board in BOARDS for panel in board.panels}
    table = HOW_TO.partition("| Has data once |")[2].partition("\n\n")[0]
    named = [title.strip() for row in re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE) for title in row.split(", ")]
    assert len(named) > 5
    assert set(named) <= titles
    assert f"queue of {CAPACITY} " in HOW_TO
