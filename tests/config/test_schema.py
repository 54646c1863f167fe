"""The JSON Schema agrees with the loader, the examples and the checked-in copy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from sentinel.config.schema import config_schema

ROOT = Path(__file__).parents[2]
CHECKED_IN = ROOT / "docs" / "reference" / "config.schema.json"

# Rules between values, of the file system and of the environment are beyond a schema; so is YAML itself.
BEYOND_A_SCHEMA = {
    "absence_regression",
    "alias",
    "bins_unordered",
    "boolean_text",
    "bytes_small",
    "columns_id",
    "columns_same",
    "control_character",
    "cross_of_one",
    "cross_twice",
    "deep",
    "duplicate_key",
    "duration_long",
    "duration_short",
    "empty",
    "encoding_message_unused",
    "encoding_no_message",
    "encoding_no_schema",
    "encoding_schema_unused",
    "encoding_unframed",
    "feature_is_column",
    "feature_name_empty",
    "format_alone_id",
    "format_annotation",
    "format_column_classes",
    "format_constant_and_path",
    "format_constant_unit",
    "format_data_shape",
    "format_features_nowhere",
    "format_id_not_named",
    "format_inference_for_outcomes",
    "format_model_twice",
    "format_names_twice",
    "format_no_fields",
    "format_no_outcome",
    "format_no_score",
    "format_outcomes_kserve",
    "format_path",
    "format_path_part",
    "format_records_outcome",
    "format_records_score",
    "format_truth_as_predictions",
    "format_truth_for_predictions",
    "format_truth_model_twice",
    "format_truth_without_model",
    "format_unused_section",
    "format_version_twice",
    "format_where_path",
    "format_without_alone",
    "http_encoding",
    "http_fsync",
    "http_log_small",
    "http_pending_small",
    "key_not_text",
    "keyfile_alone",
    "launch_small",
    "listen_bad",
    "model_twice",
    "not_utf8",
    "not_yaml",
    "producer_writes",
    "producers_alone",
    "range_of_categories",
    "range_of_nothing",
    "range_reversed",
    "registry_keyfile_alone",
    "registry_no_address",
    "registry_no_password",
    "registry_query",
    "registry_tls_unused",
    "registry_two_logins",
    "registry_user_in_address",
    "sasl_incomplete",
    "sasl_unused",
    "secret_file_empty",
    "secret_file_missing",
    "secret_twice",
    "server_bad",
    "server_port",
    "slice_empty",
    "slice_twice",
    "source_both",
    "source_empty",
    "tag",
    "time_impossible",
    "time_without_zone",
    "topics_same",
    "two_documents",
    "variable_malformed",
    "variable_missing",
    "warning_rarer",
}


def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(config_schema())


def _properties(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for definition in (schema, *schema["$defs"].values()):
        yield from definition.get("properties", {}).items()


def test_schema_is_a_schema() -> None:
    """The metaschema of draft 2020-12 accepts it."""
    jsonschema.Draft202012Validator.check_schema(config_schema())


def test_checked_in_copy_is_current() -> None:
    """Editors read the checked-in file, so it is what the code would print."""
    current = json.loads(CHECKED_IN.read_text())
    assert current == config_schema(), "run: sentinel schema config > docs/reference/config.schema.json"


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_examples_satisfy_the_schema(path: Path) -> None:
    """An editor shows no fault in the configurations that newcomers copy, references included."""
    _validator().validate(yaml.safe_load(path.read_text()))
    reference = "# yaml-language-server: $schema=../docs/reference/config.schema.json"
    assert path.read_text().startswith(reference)
    assert (path.parent / reference.partition("=")[2]).resolve() == CHECKED_IN


BAD = sorted(path for path in (Path(__file__).parent / "bad").glob("*.yaml") if path.stem not in BEYOND_A_SCHEMA)


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_schema_refuses_what_the_loader_refuses(path: Path) -> None:
    """Unknown keys, wrong types, ranges and choices are seen while typing already."""
    assert not _validator().is_valid(yaml.safe_load(path.read_text()))


def test_every_setting_is_described() -> None:
    """Each property says in a sentence what it is; each optional one shows its default."""
    schema = config_schema()
    for name, prop in _properties(schema):
        assert prop.get("description", "").endswith("."), name
    for definition in (schema, *schema["$defs"].values()):
        optional = set(definition.get("properties", {})) - set(definition.get("required", []))
        assert all("default" in definition["properties"][name] for name in optional)


def test_ranges_of_durations_are_told() -> None:
    """A schema cannot bound text, so the description names the range."""
    interval = config_schema()["$defs"]["Evaluation"]["properties"]["interval"]
    assert interval["description"].endswith("From 100ms to 1h.")
    assert interval["default"] == "15s"


def test_secrets_are_write_only() -> None:
    """Editors and forms may mask them, and no default is a password."""
    password = config_schema()["$defs"]["KafkaSource"]["properties"]["sasl_plain_password"]
    assert {"type": "string", "minLength": 1, "writeOnly": True} in password["anyOf"]
    assert password["default"] is None
