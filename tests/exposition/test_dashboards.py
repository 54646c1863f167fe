"""The dashboards: checked in as generated, sound by the rules of their trade, and with data in every panel."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sentinel import cli
from sentinel.config.alerts import Alerts
from sentinel.diagnosis import conditions, evidence, quiet
from sentinel.evaluation import drift, faults, maturity
from sentinel.exposition import alert_pieces as limits
from sentinel.exposition.alerts import ALERTS
from sentinel.exposition.dashboards import BOARDS, files
from sentinel.exposition.declarations import METRICS
from sentinel.exposition.panels import Board, Panel
from sentinel.exposition.rules import RuleOptions, rule_annotations
from sentinel.exposition.statistics import IntakeStatistics
from tests.conftest import StartPrometheusStack
from tests.exposition.exposed import full_statistics
from tests.exposition.queries import choose, empty_queries, filled
from tests.exposition.reports import full_report
from tests.exposition.served import Served
from tests.support.process import PATIENCE_SECONDS, wait_until
from tests.support.prometheus import PrometheusServer

ROOT = Path(__file__).parents[2]
CHECKED_IN = ROOT / "dashboards"
PANELS = [(board, panel) for board in BOARDS for panel in board.panels]
PANEL_IDS = [f"{board.uid}: {panel.title}" for board, panel in PANELS]
EXPRESSIONS = [(board.uid, query.expr) for board, panel in PANELS for query in panel.queries]
MARKED = [(board.uid, marks.expr) for board in BOARDS for marks in board.marks if marks.expr]
UNITS = {"none", "short", "percentunit", "s", "bytes", "eps"}  # ids of Grafana's own list
HISTOGRAM_PARTS = r"_(?:bucket|sum|count)"
UIDS = {"sentinel-fleet", "sentinel-model", "sentinel-slices", "sentinel-features", "sentinel-data", "sentinel-daemon"}
ONE_MODEL = {"job", "model", "version"}
CHOSEN = {**dict.fromkeys(UIDS, ONE_MODEL), "sentinel-fleet": {"job"}, "sentinel-daemon": {"job", "instance"}}
PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_start_time_seconds"}
ALL_TARGETS = {"sentinel_dead_letters_total", "sentinel_series_dropped_total"}  # know no model
CONFIG_MAP_BYTES = 1_048_576


def test_the_checked_in_dashboards_are_those_of_the_code(tmp_path: Path) -> None:
    """`sentinel dashboards --output dashboards` was run after the last change, and nothing else lies there."""
    assert cli.main(["dashboards", "--check", str(CHECKED_IN)]) == 0
    assert cli.main(["dashboards", "--output", str(tmp_path / "new")]) == 0
    written = {file.name: file.read_bytes() for file in (tmp_path / "new").iterdir()}
    assert written == {file.name: file.read_bytes() for file in CHECKED_IN.glob("*.json")}
    assert max(map(len, written.values())) < CONFIG_MAP_BYTES


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
    assert "sentinel-fleet.json cannot be written" in capsys.readouterr().err


def test_alerts_link_to_dashboards_that_exist() -> None:
    """Each alert's dashboard is there under its uid, with the variables that the link sets."""
    boards = {board.uid: board for board in BOARDS}
    assert set(boards) == UIDS
    for rule in ALERTS:
        url = rule_annotations(rule, RuleOptions())["dashboard_url"]
        there = {variable.name for variable in boards[rule.dashboard].variables}
        assert set(re.findall(r"var-(\w+)=", url)) <= there


@pytest.mark.parametrize(("name", "text"), files().items(), ids=files())
def test_a_dashboard_is_as_grafana_wants_it(name: str, text: str) -> None:
    """Uid, tag, form and data source are set, nobody edits it in place, and each query has a letter of its own."""
    board = json.loads(text)
    assert name == f"{board['uid']}.json"
    assert board["title"].startswith("Sentinel / ")
    assert (board["schemaVersion"], board["editable"], board["tags"]) == (42, False, ["sentinel"])
    assert board["description"].endswith(".")
    source, *variables = board["templating"]["list"]
    assert (source["name"], source["type"], source["label"]) == ("datasource", "datasource", "Data source")
    assert [v["refresh"] for v in variables] == [2] * len(variables)
    assert all(v["label"] == v["label"].capitalize() for v in variables)
    tagged = [each for each in board["annotations"]["list"] if "target" in each]
    assert {each["uid"] for each in _values(board, "datasource")} == {"${datasource}"} | (
        {"-- Grafana --"} if tagged else set()
    )
    assert all(each["datasource"]["type"] == "grafana" for each in tagged)
    assert "${datasource}" in text.replace("${datasource:queryparam}", "")
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


@pytest.mark.parametrize("board", BOARDS, ids=[board.uid for board in BOARDS])
def test_variables_are_chained(board: Board) -> None:
    """A variable's query uses only those before it, the job first; every one is used in some panel."""
    known = {"datasource"}
    assert board.variables[0].name == "job"
    assert board.variables[0].several
    used = json.dumps([query.expr for panel in board.panels for query in panel.queries])
    for variable in board.variables:
        assert set(re.findall(r"\$(\w+)", variable.query)) <= known
        assert re.fullmatch(r"label_values\(\w+(?:\{.*\})?, \w+\)", variable.query)
        assert f"${variable.name}" in used
        # A choice of several is a regular expression, one alone is a text.
        operators = set(re.findall(rf'(=~|!~|!=|=)\\"\${variable.name}\\"', used))
        assert operators == {"=~" if variable.several else "="}
        known.add(variable.name)


def test_links_lead_to_boards_and_their_variables() -> None:
    """Every click keeps source, job and time, sets variables of the other board, and takes labels that are there."""
    boards = {board.uid: board for board in BOARDS}
    seen = set()
    for board, panel in PANELS:
        if panel.opens is None:
            continue
        link = panel.opens
        there = {variable.name for variable in boards[link.uid].variables}
        here = {variable.name for variable in board.variables}
        assert set(link.keeps) <= there & here
        assert set(link.labels) <= there
        assert {"model", "version"} <= {*link.keeps, *link.labels}
        for query in panel.queries:
            (grouped, *_) = re.findall(r"by \(([^)]*)\)", query.expr) or ["all"]
            assert set(link.labels) <= {*grouped.split(", ")} or "without (instance, pod)" in query.expr
        seen.add((board.uid, link.uid))
    assert {uid for _, uid in seen} == {"sentinel-model", "sentinel-slices", "sentinel-features"}
    for text in files().values():
        (menu,) = json.loads(text)["links"]
        assert (menu["type"], menu["tags"], menu["includeVars"], menu["keepTime"]) == (
            "dashboards",
            ["sentinel"],
            True,
            True,
        )
        for link in _values(json.loads(text)["panels"], "links"):
            (click,) = link
            for part in ("${datasource:queryparam}", "${job:queryparam}", "${__url_time_range}"):
                assert part in click["url"]


@pytest.mark.parametrize("uid_and_expr", EXPRESSIONS, ids=lambda pair: pair[0])
def test_a_query_keeps_the_rules(uid_and_expr: tuple[str, str]) -> None:
    """Metrics are declared, labels are theirs, targets or models are chosen, and counters stand in a rate."""
    uid, expr = uid_and_expr
    declared = {metric.name: metric for metric in METRICS}
    own = {"job", "instance", "le"}
    uses = re.findall(r"(rate\(|increase\()?\s*((?:sentinel|process)_\w+)(?:\{([^}]*)\})", expr)
    assert len(uses) == len(re.findall(r"\b(?:sentinel|process)_", expr))
    for rate, name, matchers in uses:
        labels = set(re.findall(r"(\w+)(?:=|!)", matchers))
        if name in PROCESS:
            assert labels <= own
            assert bool(rate) == name.endswith("_total")
            continue
        base = name if name in declared else re.sub(f"{HISTOGRAM_PARTS}$", "", name)
        metric = declared[base]
        assert labels <= {*metric.labels, *own}
        assert ({"job"} if name in ALL_TARGETS and "instance" not in labels else CHOSEN[uid]) <= labels
        if metric.type != "histogram":  # over all time, or of the latest interval
            assert bool(rate) == (metric.type in ("counter", "summary"))
    ranges = re.findall(r"\[([^\]]*)\]", expr)
    assert ranges == ["$__rate_interval"] * len(re.findall(r"\b(?:rate|increase)\(", expr))
    for grouped in re.findall(r"by \(([^)]*)\)", expr):
        known = own | {label for _, name, _ in uses if name in declared for label in declared[name].labels}
        assert set(grouped.split(", ")) <= known


def test_instant_queries_are_for_what_stands_now() -> None:
    """What is drawn over time asks for a range; numbers, bars and tables for the last value."""
    for text in files().values():
        for panel in json.loads(text)["panels"]:
            over_time = panel["type"] in ("timeseries", "state-timeline")
            assert {(t["range"], t["instant"]) for t in panel["targets"]} == {(over_time, not over_time)}
            assert {t["format"] for t in panel["targets"]} == {"table" if panel["type"] == "table" else "time_series"}


def test_a_table_names_its_columns() -> None:
    """One column for each query, by its name; where it shows a label the value is hidden; one of them is sorted by."""
    for board, panel in PANELS:
        if panel.type != "table":
            continue
        assert len(panel.queries) > 1  # with one query Grafana numbers no values
        (drawn,) = [p for p in json.loads(files()[f"{board.uid}.json"])["panels"] if p["title"] == panel.title]
        merge, organize, sort = drawn["transformations"]
        assert merge["id"] == "merge"
        names = organize["options"]["renameByName"]
        assert list(names.values()) == [query.legend for query in panel.queries]
        for i, query in enumerate(panel.queries):
            value = f"Value #{'ABCDEFGHIJ'[i]}"
            assert (value in names) != (value in organize["options"]["excludeByName"])
            assert not query.shows or query.shows in names
            assert not query.shows or query.shows in query.expr
        (by,) = sort["options"]["sort"]
        assert (by["field"] in names.values(), by["desc"]) == (True, True)


@pytest.mark.parametrize(
    ("limit", "alert"),
    [
        (limits.MAX_STILL_SECONDS, "SentinelStalled"),
        (limits.MAX_CHECKPOINT_AGE_SECONDS, "SentinelCheckpointFailing"),
        (limits.MAX_CATCH_UP_SECONDS, "SentinelConsumerLag"),
        (limits.MIN_LAG_MESSAGES, "SentinelConsumerLag"),
        (limits.MAX_DEAD_LETTER_RATIO, "SentinelDeadLetters"),
        (limits.MAX_LEDGER_AGE_SECONDS, "SentinelLedgerFailing"),
    ],
)
def test_thresholds_are_those_of_the_alerts(limit: float, alert: str) -> None:
    """The line in a panel lies where the alert fires."""
    rules = [rule for rule in ALERTS if rule.name == alert]
    assert any(limit in [float(number) for number in re.findall(r"(?:>|<=) ([0-9.]+)", rule.expr)] for rule in rules)
    assert limit in _limits_of("sentinel-daemon")


@pytest.mark.parametrize(
    ("uid", "limit"),
    [
        ("sentinel-model", round(math.log(1 / Alerts().alpha), 2)),
        ("sentinel-model", conditions.WARN_PROBABILITY),
        ("sentinel-model", evidence.COLLAPSE_SCORE),
        ("sentinel-fleet", conditions.PAGE_PROBABILITY),
        ("sentinel-fleet", quiet.LEAST_COVERAGE),
        ("sentinel-features", drift.LARGE),
        ("sentinel-features", drift.WORTH_A_WORD),
        ("sentinel-features", faults.CONSTANT),
        ("sentinel-data", maturity.SHIFT_RATIO),
    ],
)
def test_thresholds_are_those_of_the_diagnosis(uid: str, limit: float) -> None:
    """What the daemon decides by itself is drawn where it decides."""
    assert limit in _limits_of(uid)


def _limits_of(uid: str) -> set[float | None]:
    return {step.value for board, panel in PANELS for step in panel.steps if board.uid == uid}


def posted_more(intake: IntakeStatistics | None) -> IntakeStatistics:
    """The same with one more write of each duration."""
    assert intake is not None
    return dataclasses.replace(intake, syncs=tuple(n + 1 for n in intake.syncs))


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
                intake=posted_more(seen.intake),
                evaluations=seen.evaluations + 1,
                evaluation_seconds=seen.evaluation_seconds + 0.5,
                log_events={key: n + 1 for key, n in seen.log_events.items()},
            )
            return bool(prometheus.query("rate(sentinel_events_total[1m]) > 0"))

        wait_until(rising, PATIENCE_SECONDS, "two scrapes with rising counts")
        yield prometheus


@pytest.mark.servers
@pytest.mark.parametrize("board", BOARDS, ids=[board.uid for board in BOARDS])
def test_every_panel_has_data_on_a_real_prometheus(board: Board, scraped: PrometheusServer) -> None:
    """With each variable at a value that its own query offers, every query gives a series, and a number in it."""
    chosen = choose(board, scraped)
    assert empty_queries(board, scraped, chosen) == []
    for marks in board.marks:
        if marks.expr.startswith("ALERTS"):
            assert scraped.query(filled(f"absent({marks.expr})", chosen))  # is read, and nothing fires
        elif marks.expr:
            assert scraped.query(filled(marks.expr, chosen))


def _values(tree: Any, key: str) -> Iterator[Any]:
    """Every value of a key, however deep."""
    if isinstance(tree, dict):
        yield from (value for name, value in tree.items() if name == key)
        tree = list(tree.values())
    if isinstance(tree, list):
        for each in tree:
            yield from _values(each, key)
