"""The dashboards: checked in as generated, sound by the rules of their trade, and with data in every panel."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sentinel import cli
from sentinel.exposition import dashboards
from sentinel.exposition.alerts import ALERTS
from sentinel.exposition.dashboards import BOARDS, files
from sentinel.exposition.declarations import METRICS
from sentinel.exposition.panels import Board, Panel
from tests.conftest import StartPrometheusStack
from tests.exposition.exposed import full_statistics
from tests.exposition.reports import full_report
from tests.exposition.served import Served
from tests.support.process import wait_until
from tests.support.prometheus import PrometheusServer

ROOT = Path(__file__).parents[2]
CHECKED_IN = ROOT / "dashboards"
PANELS = [(board, panel) for board in BOARDS for panel in board.panels]
PANEL_IDS = [f"{board.uid}: {panel.title}" for board, panel in PANELS]
EXPRESSIONS = [(board.uid, query.expr) for board, panel in PANELS for query in panel.queries]
UNITS = {"none", "short", "percentunit", "s", "bytes", "eps"}  # ids of Grafana's own list
HISTOGRAM_PARTS = r"_(?:bucket|sum|count)"


def test_the_checked_in_dashboards_are_those_of_the_code(tmp_path: Path) -> None:
    """`sentinel dashboards --output dashboards` was run after the last change, and nothing else lies there."""
    assert cli.main(["dashboards", "--check", str(CHECKED_IN)]) == 0
    assert cli.main(["dashboards", "--output", str(tmp_path / "new")]) == 0
    written = {file.name: file.read_bytes() for file in (tmp_path / "new").iterdir()}
    assert written == {file.name: file.read_bytes() for file in CHECKED_IN.iterdir()}


def test_a_drifted_folder_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1 and one line, for a changed file and for a folder that is not there."""
    for name, text in files().items():
        (tmp_path / name).write_text(text)
    changed = tmp_path / "sentinel-model.json"
    changed.write_text(changed.read_text().replace('"editable": false', '"editable": true'))
    assert cli.main(["dashboards", "--check", str(tmp_path)]) == 1
    fault = "differs from the dashboard of this version; write it with `sentinel dashboards --output`"
    assert capsys.readouterr() == ("", f"sentinel: {changed} {fault}\n")
    assert cli.main(["dashboards", "--check", str(tmp_path / "none")]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1 and one line with the file that could not be made."""
    occupied = tmp_path / "file"
    occupied.touch()
    assert cli.main(["dashboards", "--output", str(occupied)]) == 1
    assert "sentinel-model.json cannot be written" in capsys.readouterr().err


def test_alerts_link_to_dashboards_that_exist() -> None:
    """Each alert's dashboard is there under its uid, with the variables that the link sets."""
    boards = {board.uid: board for board in BOARDS}
    assert {rule.dashboard for rule in ALERTS} == set(boards)
    assert {"model", "version"} <= {variable.name for variable in boards["sentinel-model"].variables}


@pytest.mark.parametrize(("name", "text"), files().items(), ids=files())
def test_a_dashboard_is_as_grafana_wants_it(name: str, text: str) -> None:
    """Uid, tag, form and data source are set, nobody edits it in place, and each query has a letter of its own."""
    board = json.loads(text)
    assert name == f"{board['uid']}.json"
    assert board["title"].startswith("Sentinel / ")
    assert (board["schemaVersion"], board["editable"], board["tags"]) == (39, False, ["sentinel"])
    source, *variables = board["templating"]["list"]
    assert (source["name"], source["type"], source["label"]) == ("datasource", "datasource", "Data source")
    assert [v["refresh"] for v in variables] == [2] * len(variables)
    assert all(v["label"] == v["label"].capitalize() for v in variables)
    uids = {each["uid"] for each in _values(board, "datasource")}
    assert uids == {"${datasource}"}
    assert [panel["id"] for panel in board["panels"]] == list(range(1, len(board["panels"]) + 1))
    for panel in board["panels"]:
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters) > 0


@pytest.mark.parametrize("board", BOARDS, ids=[board.uid for board in BOARDS])
def test_panels_do_not_overlap(board: Board) -> None:
    """No two panels share a cell of the grid, and none is wider than the page."""
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(files()[f"{board.uid}.json"])["panels"]:
        place = panel["gridPos"]
        columns = range(place["x"], place["x"] + place["w"])
        rows = range(place["y"], place["y"] + place["h"])
        cells = set(itertools.product(columns, rows))
        assert columns.stop <= 24
        assert not cells & taken
        taken |= cells


@pytest.mark.parametrize(("board", "panel"), PANELS, ids=PANEL_IDS)
def test_a_panel_explains_itself(board: Board, panel: Panel) -> None:
    """Title, a description in sentences, a known unit, thresholds that ascend, a name for each query."""
    assert panel.title[0].isupper()
    assert panel.description.endswith(".")
    assert panel.unit in UNITS
    first, *others = [step.value for step in panel.steps]
    limits = [value for value in others if value is not None]
    assert (first, others) == (None, sorted(limits))
    assert panel.queries
    assert all(query.legend for query in panel.queries)
    assert panel.type != "stat" or len(panel.queries) == 1


@pytest.mark.parametrize("uid_and_expr", EXPRESSIONS, ids=lambda pair: pair[0])
def test_a_query_keeps_the_rules(uid_and_expr: tuple[str, str]) -> None:
    """Metrics are declared, labels are theirs, targets or models are chosen, and counters stand in a rate."""
    uid, expr = uid_and_expr
    declared = {metric.name: metric for metric in METRICS}
    own = {"job", "instance", "le"}
    chosen = {"sentinel-model": {"model", "version"}, "sentinel-daemon": {"job", "instance"}}[uid]
    uses = re.findall(r"(rate\()?(sentinel_\w+)(?:\{([^}]*)\})", expr)
    assert len(uses) == expr.count("sentinel_")
    for rate, name, matchers in uses:
        base = name if name in declared else re.sub(f"{HISTOGRAM_PARTS}$", "", name)
        metric = declared[base]
        labels = set(re.findall(r"(\w+)=", matchers))
        assert labels <= {*metric.labels, *own}
        assert chosen <= labels
        assert bool(rate) == (metric.type in ("counter", "summary"))
    assert re.findall(r"rate\([^\[]*\[([^\]]*)\]", expr) == ["$__rate_interval"] * expr.count("rate(")
    for grouped in re.findall(r"by \(([^)]*)\)", expr):
        known = own | {label for _, name, _ in uses for label in _labels(declared, name)}
        assert set(grouped.split(", ")) <= known


@pytest.mark.parametrize(
    ("limit", "alert"),
    [
        (dashboards.MAX_STILL_SECONDS, "SentinelStalled"),
        (dashboards.MAX_CHECKPOINT_AGE_SECONDS, "SentinelCheckpointFailing"),
        (dashboards.MAX_CATCH_UP_SECONDS, "SentinelConsumerLag"),
        (dashboards.MIN_LAG_MESSAGES, "SentinelConsumerLag"),
        (dashboards.MAX_DEAD_LETTER_RATIO, "SentinelDeadLetters"),
    ],
)
def test_thresholds_are_those_of_the_alerts(limit: float, alert: str) -> None:
    """The line in a panel lies where the alert fires."""
    (rule,) = [rule for rule in ALERTS if rule.name == alert]
    assert limit in [float(number) for number in re.findall(r"> ([0-9.]+)", rule.expr)]
    assert limit in {step.value for _, panel in PANELS for step in panel.steps}


@pytest.fixture(scope="module")
def scraped(prometheus_stack: StartPrometheusStack) -> Iterator[PrometheusServer]:
    """A Prometheus with some scrapes of an application in which everything is known and counts rise."""
    now = full_statistics()
    with Served(reports=(full_report(),), statistics=now) as served:
        prometheus = prometheus_stack({"sentinel": [served.address]}).prometheus

        def rising() -> bool:
            seen = served.statistics
            served.statistics = dataclasses.replace(
                seen,
                events={key: n + 100 for key, n in seen.events.items()},
                dead_letters={key: n + 1 for key, n in seen.dead_letters.items()},
                evaluations=seen.evaluations + 1,
                evaluation_seconds=seen.evaluation_seconds + 0.5,
            )
            return bool(prometheus.query("rate(sentinel_events_total[1m]) > 0"))

        wait_until(rising, 15, "two scrapes with rising counts")
        yield prometheus


@pytest.mark.servers
@pytest.mark.parametrize("board", BOARDS, ids=[board.uid for board in BOARDS])
def test_every_panel_has_data_on_a_real_prometheus(board: Board, scraped: PrometheusServer) -> None:
    """With each variable at a value that its own query offers, every query gives a series, and a number in it."""
    chosen = _choose(board, scraped)
    empty = []
    for title, query in [(panel.title, query) for panel in board.panels for query in panel.queries]:
        series = scraped.query(_filled(query.expr, chosen))
        if not any(each["value"][1] != "NaN" for each in series):
            empty.append((title, query.legend))
        for label in re.findall(r"\{\{(\w+)\}\}", query.legend):
            assert all(label in each["metric"] for each in series)
    assert empty == []
    assert scraped.query(_filled(f"absent(ALERTS{{{board.alerts}}})", chosen))  # is read, and nothing fires


def _choose(board: Board, prometheus: PrometheusServer) -> dict[str, str]:
    """The first value that Grafana would offer for each variable, or all of them."""
    chosen: dict[str, str] = {}
    for variable in board.variables:
        match = re.fullmatch(r"label_values\((.*), (\w+)\)", variable.query)
        assert match is not None
        values = sorted({each["metric"][match[2]] for each in prometheus.query(_filled(match[1], chosen))})
        chosen[variable.name] = ".+" if variable.several else values[0]
    return chosen


def _filled(expr: str, chosen: dict[str, str]) -> str:
    filled = expr.replace("$__rate_interval", "1m")
    for name, value in chosen.items():
        filled = filled.replace(f"${name}", value)
    assert "$" not in filled
    return filled


def _labels(declared: dict[str, Any], name: str) -> tuple[str, ...]:
    labels: tuple[str, ...] = declared[name if name in declared else re.sub(f"{HISTOGRAM_PARTS}$", "", name)].labels
    return labels


def _values(tree: Any, key: str) -> Iterator[Any]:
    """Every value of a key, however deep."""
    if isinstance(tree, dict):
        yield from (value for name, value in tree.items() if name == key)
        tree = list(tree.values())
    if isinstance(tree, list):
        for each in tree:
            yield from _values(each, key)
