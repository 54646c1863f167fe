"""One bad file per rule, and its message word for word."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinel.config import ConfigError, load_config
from sentinel.config.shapes import SHAPES

BAD = Path(__file__).parent / "bad"

# File, and what follows its name in the message. {folder} is the folder of the files.
MESSAGES = {
    "absence_regression": "7:16: models[0].outcome.absence: silence cannot mean a negative where the task is "
    "regression",
    "alias": "5:17: not valid YAML: found undefined alias (quote a value that begins with *, & or !)",
    "bins_empty": "5:34: models[0].slices[0].bins: needs at least 1 item, not 0",
    "bins_unordered": "5:34: models[0].slices[0].bins: edges must ascend, each one once",
    "boolean_text": "5:16: state.fsync: expected true or false, got the string 'no'",
    "broker_version": "9:18: source.kafka.api_version: takes at most 3 items, not 4",
    "bytes_bad": "5:20: state.max_bytes: expected an amount of bytes such as 512, 64KiB or 2GiB, not the "
    "string '64 gigs'",
    "bytes_small": "5:20: state.max_bytes: must be at least 1MiB, not 4KiB",
    "columns_id": "5:30: models[0].columns.prediction_id: prediction_id is read from 'score', which is the "
    "score or the outcome",
    "columns_same": "5:34: models[0].columns.outcome: score and outcome are both read from 'y'",
    "control_character": "5: the character U+0007 is not allowed",
    "count_below": "5:24: models[0].panes.max_panes: must be at least 2 and at most 100000, not 1",
    "count_not_whole": "5:24: models[0].panes.max_panes: expected an integer, got the number 2.5",
    "cross_of_one": "5:14: models[0].slices[0]: a cross needs two or more different columns",
    "cross_twice": "5:30: models[0].slices[1]: the slice 'plan x region' is already slices[0]",
    "deep": " nested too deeply",
    "duplicate_key": "6:5: models[0]: the key 'threshold' is already on line 5",
    "duration_bad": "5:24: evaluation.interval: expected a duration such as 15s, 500ms, 1h30m or 14d, not "
    "the string '15 minutes'",
    "duration_long": "5:24: models[0].outcome.horizon: must be at most 730d, not 3000d",
    "duration_no_unit": "5:24: evaluation.interval: a duration needs a unit, for example 15s, 500ms or "
    "1h30m, not the number 15",
    "duration_short": "5:24: evaluation.interval: must be at least 100ms, not 10ms",
    "empty": " the file is empty (it needs at least apiVersion and models)",
    "encoding_message_unused": "7:75: source.kafka.formats.predictions.message: message has no effect with "
    "encoding avro (it is for protobuf)",
    "encoding_no_message": "7:59: source.kafka.formats.outcomes.schema_file: a descriptor set holds many messages: "
    "name one with message (its full name, for example example.v1.Prediction)",
    "encoding_no_schema": "7:39: source.kafka.formats.predictions.encoding: avro needs a schema (set "
    "source.kafka.schema_registry, or schema_file beside encoding)",
    "encoding_schema_unused": "7:42: source.kafka.formats.predictions.schema_file: schema_file has no effect with "
    "encoding json (it is for avro, protobuf)",
    "encoding_unframed": "7:57: source.kafka.formats.predictions.framed: without framing no message names its schema "
    "(set schema_file)",
    "feature_is_column": "5:23: models[0].features.score: 'score' is the column of score, not a feature",
    "feature_name_empty": "5:20: models[0].features['']: the name of a feature has 1 to 256 characters, "
    "none of them control characters",
    "format_alone_id": "12:51: source.kafka.formats.predictions.inference.group: group names an input, and "
    "responses_alone has none",
    "format_annotation": "12:35: source.kafka.formats.predictions.inference.version_from: version_from: "
    "annotation and version_annotation need each other",
    "format_column_classes": "12:29: source.kafka.formats.predictions.inference.column: column has no effect "
    "beside classes",
    "format_constant_and_path": "12:25: source.kafka.formats.predictions.fields.model: one of constant and "
    "path is needed",
    "format_constant_unit": "12:49: source.kafka.formats.predictions.fields.model.unit: a constant has no unit",
    "format_data_shape": "10:48: source.kafka.formats.predictions.data_shape: data_shape has no effect without "
    "shape: cloudevents",
    "format_features_nowhere": "12:67: source.kafka.formats.predictions.fields.features: one of `of` and "
    "`named` is needed",
    "format_id_not_named": "12:59: source.kafka.formats.predictions.inference.prediction_id: 'c' is not in "
    "feature_names (name the column in its place among the features; it is not counted as one)",
    "format_inference_for_outcomes": "10:47: source.kafka.formats.outcomes.inference: inference is for "
    "predictions; outcomes have the section truth",
    "format_model_twice": "12:43: source.kafka.formats.predictions.inference.models: models has no effect beside model",
    "format_names_twice": "12:43: source.kafka.formats.predictions.inference.feature_names[2]: 'a' stands twice",
    "format_no_fields": "10:28: source.kafka.formats.predictions.shape: fields needs the section fields",
    "format_no_outcome": "12:17: source.kafka.formats.outcomes.fields: an outcome needs outcome or relevance",
    "format_no_score": "12:17: source.kafka.formats.predictions.fields: a prediction needs score, scores or items",
    "format_outcomes_kserve": "10:25: source.kafka.formats.outcomes.shape: kserve holds predictions",
    "format_path": "12:59: source.kafka.formats.predictions.fields.prediction_id: not a path: 'a..b' has no "
    'name after the dot at character 2 (for example payload.user["full name"], rows[0].id, $key)',
    "format_path_part": "12:59: source.kafka.formats.predictions.fields.prediction_id: no part of a message: "
    "'$offset' (there are $, $key, $timestamp and $header.NAME) (for example payload.user[\"full name\"], "
    "rows[0].id, $key)",
    "format_records_outcome": "10:43: source.kafka.formats.outcomes.records: an outcome needs outcome",
    "format_records_score": "10:46: source.kafka.formats.predictions.records: a prediction needs score or classes",
    "format_shape": "10:28: source.kafka.formats.predictions.shape: must be one of "
    f"{', '.join(SHAPES)}, not 'kserv' (did you mean 'kserve'?)",
    "format_truth_as_predictions": "10:28: source.kafka.formats.predictions.shape: sagemaker-ground-truth "
    "holds outcomes",
    "format_truth_for_predictions": "10:46: source.kafka.formats.predictions.truth: truth is for outcomes; "
    "predictions have the section inference",
    "format_truth_model_twice": "10:66: source.kafka.formats.outcomes.truth.models: models has no effect beside model",
    "format_truth_without_model": "10:25: source.kafka.formats.outcomes.shape: sagemaker-ground-truth needs "
    "truth.model: its records name no model",
    "format_unused_section": "12:18: source.kafka.formats.predictions.records: records has no effect with "
    "kserve (it is for bentoml)",
    "format_version_twice": "12:45: source.kafka.formats.predictions.inference.versions: versions has no "
    "effect beside version",
    "format_where_path": "12:72: source.kafka.formats.predictions.fields.where['[x]']: not a path: '[x]' at "
    'character 1 (for example payload.user["full name"], rows[0].id, $key)',
    "format_without_alone": "12:92: source.kafka.formats.predictions.fields.features.without: without leaves "
    "members of `of` out, which is not given",
    "http_encoding": "8:31: source.http.formats.predictions.encoding: over HTTP events are JSON",
    "http_fsync": "8:10: state.fsync: source.http.fsync needs it (events are let go once they are counted, so both "
    "have to be on disk: set both, or neither)",
    "http_log_small": "6:25: source.http.max_log_bytes: is too small for max_request_bytes (at least 64MiB)",
    "http_pending_small": "6:29: source.http.max_pending_bytes: has no room for two requests of max_request_bytes "
    "(at least 8MiB)",
    "java_name": "9:5: source.kafka: bootstrap.servers is not taken (bootstrap_servers is given too and means the "
    "same: keep bootstrap_servers)",
    "key_not_text": "2:3: a key is text, not a list",
    "keyfile_alone": "9:18: source.kafka.ssl_keyfile: ssl_keyfile needs ssl_certfile",
    "launch_small": "5:31: models[0].alerts.launch_outcomes: 100 is below minimum_outcomes 200",
    "level_typo": "5:14: log.level: must be one of debug, info, warning, error, not 'warn' (did you mean 'warning'?)",
    "listen_bad": "5:15: web.listen: expected host:port, not '9469' (for example 127.0.0.1:9469)",
    "missing_api_version": "1:1: missing key 'apiVersion'",
    "missing_key": "3:5: models[0]: missing key 'name'",
    "model_twice": "5:5: models[1]: 'churn' version '7' is already models[0]",
    "models_not_a_list": "2:9: models: expected a list, got a mapping",
    "name_control": "3:12: models[0].name: must not contain control characters",
    "name_empty": "3:12: models[0].name: must not be empty",
    "name_long": "3:12: models[0].name: must have at most 128 characters, not 129",
    "no_models": "2:9: models: needs at least 1 item, not 0",
    "not_a_mapping": "1:1: expected a mapping, got a list",
    "not_utf8": "5: not UTF-8 text",
    "not_yaml": "3:1: not valid YAML: expected the node content, but found '<stream end>'",
    "producer_writes": "7:14: web.producers: 'serving' is a writer too (a producer posts events and does nothing else: "
    "give it a token of its own)",
    "producers_alone": "6:14: web.producers: nobody can log in (set config_file or bearer_token_file)",
    "range_of_categories": "5:48: models[0].features.age.range: a range is for numbers, and this feature is "
    "categorical",
    "range_of_nothing": "5:29: models[0].features.age.range: at least one of the two numbers is needed",
    "range_of_one": "5:29: models[0].features.age.range: needs at least 2 items, not 1",
    "range_reversed": "5:29: models[0].features.age.range: the lowest number 120 lies above the highest 0",
    "runbooks_script": "5:17: web.runbooks: has to begin with https:// or http://",
    "registry_keyfile_alone": "7:69: source.kafka.schema_registry.ssl_keyfile: ssl_keyfile needs ssl_certfile",
    "registry_no_address": "7:30: source.kafka.schema_registry.urls[0]: is not an http or https address (for "
    "example https://registry.example.org:8081)",
    "registry_no_password": "7:66: source.kafka.schema_registry.username: username needs password",
    "registry_query": "7:30: source.kafka.schema_registry.urls[0]: holds more than host, port and path (for "
    "example https://registry.example.org:8081)",
    "registry_tls_unused": "7:67: source.kafka.schema_registry.ssl_cafile: ssl_cafile has no effect: no address begins "
    "with https://",
    "registry_two_logins": "7:98: source.kafka.schema_registry.bearer_token: there are two ways to log in (keep "
    "username or token)",
    "registry_user_in_address": "7:30: source.kafka.schema_registry.urls[0]: holds a user (set username and "
    "password_file beside urls)",
    "sasl_incomplete": "9:24: source.kafka.security_protocol: SASL_SSL needs sasl_plain_username, sasl_plain_password",
    "sasl_unused": "9:26: source.kafka.sasl_plain_password: sasl_plain_password has no effect with "
    "PLAINTEXT (set security_protocol to SASL_SSL or SASL_PLAINTEXT)",
    "secret_empty": "9:26: source.kafka.sasl_plain_password: must not be empty",
    "secret_file_empty": "9:24: source.kafka.ssl_password_file: '{folder}/empty.txt' is empty",
    "secret_file_missing": "9:24: source.kafka.ssl_password_file: cannot read '{folder}/missing.txt': No "
    "such file or directory",
    "secret_number": "9:26: source.kafka.sasl_plain_password: expected a string (quote the secret)",
    "secret_twice": "10:5: source.kafka.ssl_password_file: both ssl_password and ssl_password_file are "
    "given (keep one)",
    "section_is_list": "5:6: web: expected a mapping, got a list",
    "section_is_null": "5:5: web: expected a mapping, got nothing (remove the key to keep the defaults)",
    "server_bad": "7:25: source.kafka.bootstrap_servers[0]: expected host:port, not 'kafka://localhost'",
    "server_port": "7:25: source.kafka.bootstrap_servers[0]: a port is at most 65535, not 90920",
    "servers_empty": "7:24: source.kafka.bootstrap_servers: needs at least 1 item, not 0",
    "serving_default_list": "5:39: models[0].features.age.serving_default: expected a number, got a list",
    "slice_empty": "5:14: models[0].slices[0]: the name of a slice has 1 to 256 characters, none of them "
    "control characters",
    "slice_twice": "5:22: models[0].slices[1]: the slice 'region' is already slices[0]",
    "source_both": "7:9: source.http: events come by one way: kafka or http (remove one of them)",
    "source_empty": "5:9: source: a source needs a kind (supported: kafka, http)",
    "tag": "2:9: models: tags are not supported (quote a value that begins with !)",
    "task_unknown": "5:11: models[0].task: must be one of binary, multiclass, regression, ranking, not "
    "'binery' (did you mean 'binary'?)",
    "threshold_outside": "5:16: models[0].threshold: must be greater than 0.0 and less than 1.0, not 1",
    "threshold_text": "5:16: models[0].threshold: expected a number, got the string 'high'",
    "time_impossible": "5:20: limits.min_time: there is no such time as '2000-02-30T00:00:00Z' (for "
    "example 2000-01-01T00:00:00Z)",
    "time_without_zone": "5:20: limits.min_time: expected an RFC 3339 time with its zone, not '2000-01-01' "
    "(for example 2000-01-01T00:00:00Z)",
    "topic_name": "8:40: source.kafka.topics.outcomes: may hold only letters, digits, dots, underscores and hyphens",
    "topics_same": "8:40: source.kafka.topics.outcomes: predictions and outcomes need a topic each",
    "two_documents": "5:1: not valid YAML: a second document begins here (keep one configuration in a file)",
    "unknown_key": "5:14: models[0].alerts: unknown key 'aplha' (did you mean 'alpha'?)",
    "unknown_key_far": "5:7: log: unknown key 'colour' (known: level, format)",
    "value_is_mapping": "3:12: models[0].name: expected a string, got a mapping",
    "variable_malformed": "5:15: web.listen: ${ opens a reference to the environment but is not one: write "
    "${NAME}, or $${ for the text",
    "variable_missing": "5:15: web.listen: the environment variable SENTINEL_LISTEN is not set",
    "version_number": '4:14: models[0].version: expected a string, got the number 7 (quote it: "7")',
    "warning_rarer": "5:13: models[0].alerts.warn_alpha: a warning must not be rarer than a page: 0.05 is "
    "below alpha 0.1",
    "wrong_api_version": "1:13: apiVersion: must be 'sentinel/v1', not 'sentinel/v2' (did you mean 'sentinel/v1'?)",
}


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_message(name: str) -> None:
    """A file that breaks one rule is refused with the place, the path, the fault and the way out."""
    with pytest.raises(ConfigError) as caught:
        load_config(BAD / f"{name}.yaml", {})
    expected = MESSAGES[name].replace("{folder}", str(BAD))
    assert str(caught.value) == f"{BAD / name}.yaml:{expected}"


def test_every_file_has_its_message() -> None:
    """No bad file lies about without a test that reads it."""
    assert {path.stem for path in BAD.glob("*.yaml")} == set(MESSAGES)


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_no_secret_in_a_message(name: str) -> None:
    """Neither the message nor a traceback shows a password, whatever else is wrong with the file."""
    with pytest.raises(ConfigError) as caught:
        load_config(BAD / f"{name}.yaml", {})
    error: BaseException | None = caught.value
    while error is not None:
        assert "hunter2" not in str(error)
        assert "12345" not in str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
