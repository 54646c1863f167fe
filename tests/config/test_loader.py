"""Reading configurations that are right: defaults, paths, the environment, YAML's odd corners."""

from __future__ import annotations

import pickle
from pathlib import Path

import msgspec
import pytest

from sentinel.config import Config, ConfigError, Duration, SliceBins, dump_config, load_config, parse_config
from sentinel.config.errors import Location, format_path
from sentinel.config.text import expand

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "configs").glob("*.yaml"))
MINIMAL = 'apiVersion: sentinel/v1\nmodels:\n  - name: churn\n    version: "7"\n'
KAFKA = MINIMAL + "source:\n  kafka:\n    bootstrap_servers: [localhost]\n    topics: {predictions: p, outcomes: o}\n"


def test_defaults_protect() -> None:
    """The smallest configuration binds this machine only, keeps reload off and syncs its commits."""
    config = parse_config(MINIMAL)
    assert config.web.address == ("127.0.0.1", 9469)
    assert not config.web.reload_endpoint
    assert config.state.fsync
    # learned on real streams: page at .01, tolerance .02, tau .05, launch window 1,000 with 200 of each class
    alerts = config.models[0].alerts
    assert (alerts.alpha, alerts.tolerance, alerts.tau) == (0.01, 0.02, 0.05)
    assert (alerts.launch_outcomes, alerts.launch_per_class) == (1_000, 200)
    assert config.limits.min_time_us == 946_684_800_000_000
    assert config.source is None


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_valid(path: Path) -> None:
    """The configurations that newcomers copy load with an empty environment, and the reference names each of them."""
    config = load_config(path, {})
    assert config.models[0].key == "churn/7"
    assert f"(../../configs/{path.name})" in (ROOT / "docs/reference/configuration.md").read_text(encoding="utf-8")


def test_the_examples_show_each_way_in() -> None:
    """Events over HTTP and from Kafka, counts that are shared, other formats, a registry, and tokens."""
    sources = [config.source for config in (load_config(path, {}) for path in EXAMPLES) if config.source]
    kafka = [source.kafka for source in sources if source.kafka]
    assert any(source.http for source in sources)
    assert any(each.topics.summaries for each in kafka)
    assert any(each.schema_registry for each in kafka)
    assert {each.formats.predictions.shape for each in kafka} >= {"canonical", "kserve"}
    assert "OAUTHBEARER" in [each.sasl_mechanism for each in kafka]


def test_values_arrive_with_their_types() -> None:
    """Slices of all three forms, durations and sizes are read as what they are."""
    config = load_config(ROOT / "configs" / "kafka.yaml", {})
    model = config.models[0]
    assert model.slices == ["region", SliceBins(column="age", bins=[25.0, 40.0, 60.0]), ["region", "plan"]]
    assert model.outcome.horizon == Duration.parse("14d")
    assert config.source is not None
    assert config.source.kafka is not None
    assert config.source.kafka.fetch_min_bytes == 65_536


def test_what_owners_declare_of_features_arrives() -> None:
    """Ranges may be open on one side; a serving default is a number or a text, as it is written."""
    text = MINIMAL + (
        "    columns: {feature_times: written}\n"
        "    features:\n"
        "      age: {range: [0, 120], serving_default: -1}\n"
        '      spend: {range: [null, 9.5], serving_default: "${FILL}"}\n'
        "      plan: {serving_default: unknown}\n"
    )
    config = parse_config(text, environ={"FILL": "0"})
    model = config.models[0]
    assert model.columns.feature_times == "written"
    age, spend, plan = (model.features[name] for name in ("age", "spend", "plan"))
    assert (age.range, age.serving_default) == ([0.0, 120.0], -1.0)
    assert (spend.range, spend.serving_default) == ([None, 9.5], "0")
    assert (plan.range, plan.serving_default) == (None, "unknown")
    assert parse_config(dump_config(config)) == config


def test_relative_paths_start_from_the_file(tmp_path: Path) -> None:
    """Written paths and the default of state.directory mean the configuration's folder, not the caller's."""
    text = MINIMAL + "    baseline: ../b/churn.baseline\n"
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "sentinel.yaml").write_text(text)
    config = load_config(folder / "sentinel.yaml", {})
    assert config.models[0].baseline == str(tmp_path / "b" / "churn.baseline")
    assert config.state.directory == str(folder / "state")


def test_absolute_paths_stay(tmp_path: Path) -> None:
    """An absolute path does not depend on where the configuration lies."""
    config = parse_config(MINIMAL + "state: {directory: /var/lib/sentinel}\n", directory=tmp_path)
    assert config.state.directory == "/var/lib/sentinel"


def test_text_without_a_folder_keeps_its_paths() -> None:
    """Configurations from memory have no folder to start from."""
    assert parse_config(MINIMAL).state.directory == "./state"


def test_unreadable_file(tmp_path: Path) -> None:
    """A missing file is one clear line."""
    path = tmp_path / "sentinel.yaml"
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    assert str(caught.value) == f"{path}: cannot read the configuration: No such file or directory"


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    """Files from editors that write a byte order mark are read."""
    path = tmp_path / "sentinel.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + MINIMAL.encode())
    assert load_config(path, {}).models[0].name == "churn"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${HOST}", "db"),
        ("${HOST:-other}:${PORT:-9092}", "db:9092"),
        ("${EMPTY:-default}", "default"),
        ("${EMPTY}", ""),
        ("$${HOST}", "${HOST}"),
        ("$$$$", "$$"),
        ("pa$word costs 5$", "pa$word costs 5$"),
    ],
)
def test_expansion(text: str, expected: str) -> None:
    """References are filled as in a shell, $$ is a dollar, and a lone dollar stays."""
    assert expand(text, {"HOST": "db", "EMPTY": ""}) == expected


def test_expansion_is_not_repeated() -> None:
    """A variable whose value looks like a reference is taken as it is."""
    assert expand("${A}", {"A": "${B}", "B": "no"}) == "${B}"


def test_a_plain_reference_takes_the_type_of_its_value() -> None:
    """A number from the environment is a number where one is wanted, and text where text is wanted."""
    text = MINIMAL.replace('"7"', "${V}") + "limits:\n  max_series: ${N}\nstate:\n  fsync: ${F}\n"
    config = parse_config(text, environ={"V": "12", "N": "500", "F": "false"})
    assert (config.models[0].version, config.limits.max_series, config.state.fsync) == ("12", 500, False)


def test_keys_are_not_expanded() -> None:
    """Only values refer to the environment, so a key with a dollar is just an unknown key."""
    with pytest.raises(ConfigError, match=r"unknown key '\$\{KEY\}'"):
        parse_config(MINIMAL + "${KEY}: 1\n", environ={"KEY": "log"})


def test_the_environment_is_never_quoted() -> None:
    """A value from the environment that does not fit is named by its kind alone, since it may be a secret."""
    with pytest.raises(ConfigError) as caught:
        parse_config(MINIMAL + "log:\n  level: ${PASSWORD}\n", environ={"PASSWORD": "hunter2"})
    assert "a string from the environment" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("value", ["no", "off", "12:30", "2026-11-20", "010", "0x1F", "1_000"])
def test_text_that_yaml_1_1_would_turn_into_something_else(value: str) -> None:
    """Unquoted text stays text: no is not false, 12:30 not 750, 010 not 8, a date not an object."""
    config = parse_config(MINIMAL.replace('"7"', value))
    assert config.models[0].version == value


def test_merge_keys_are_refused() -> None:
    """What a merge key would override cannot be seen on its line, so it is an unknown key."""
    with pytest.raises(ConfigError, match="unknown key '<<'"):
        parse_config(MINIMAL + "x: &x {}\n".replace("x: ", "web: ") + "log:\n  <<: *x\n")


def test_dump_loads_again_to_the_same() -> None:
    """The effective configuration, printed, is a configuration that means the same."""
    config = load_config(ROOT / "configs" / "kafka.yaml", {})
    assert parse_config(dump_config(config)) == config


def test_error_carries_its_fields_through_pickle() -> None:
    """A worker process can hand a ConfigError to its parent without losing where it was."""
    with pytest.raises(ConfigError) as caught:
        parse_config(MINIMAL + "    alerts: {aplha: 1}\n", "sentinel.yaml")
    error = pickle.loads(pickle.dumps(caught.value))
    assert str(error) == "sentinel.yaml:5:14: models[0].alerts: unknown key 'aplha' (did you mean 'alpha'?)"
    assert (error.source, error.line, error.column) == ("sentinel.yaml", 5, 14)
    assert (error.path, error.message, error.hint) == (
        "models[0].alerts",
        "unknown key 'aplha'",
        "did you mean 'alpha'?",
    )
    assert error.location == Location("sentinel.yaml", 5, 14)


def test_path_of_the_root_is_empty() -> None:
    """A fault of the whole file has no path to show."""
    assert format_path(()) == ""


def test_rules_hold_without_a_file() -> None:
    """A section made in code is held to the same rules as one that is read."""
    with pytest.raises(ConfigError, match="every edge must be finite"):
        SliceBins(column="age", bins=[1.0, float("inf")])


def test_sections_are_frozen() -> None:
    """Nobody changes a configuration after it was checked."""
    config = parse_config(MINIMAL)
    with pytest.raises(AttributeError):
        config.web = config.web  # type: ignore[misc]
    assert msgspec.structs.replace(config, log=config.log) == config
    assert isinstance(config, Config)


def test_kafka_source_needs_only_servers_and_topics() -> None:
    """Two keys are enough to read from an open broker; the port may be left to Kafka's own."""
    config = parse_config(KAFKA)
    assert config.source is not None
    assert config.source.kafka is not None
    assert config.source.kafka.auto_offset_reset == "earliest"
