"""A key in the hashes of ids, from the configuration to the baseline, the codecs and the state directory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from sentinel.app.models import event_limits, hash_key_of, load_models
from sentinel.app.state_key import check_state_key, note_state_key
from sentinel.baseline.artifact import Baseline
from sentinel.cli import main
from sentinel.config import ConfigError, load_config
from sentinel.config.columns import Columns
from sentinel.config.settings import Config
from sentinel.errors import BaselineError, StoreError
from sentinel.events import Column, EventSchema
from sentinel.events.codecs.arrow import ArrowCodec, file_limits
from sentinel.events.codecs.json import JsonCodec
from sentinel.events.codecs.messages import Messages
from sentinel.events.hash_key import HashKey
from sentinel.summaries.trained import SEEN_ENTITY, SEEN_ROW
from tests.app.conftest import TrainedWorld

SECRET, OTHER = "0123456789abcdef" * 4, "f" * 64
SCHEMA = EventSchema("churn", "1", (Column("age", "numeric"),))
EVENT = (
    b'{"model": "churn", "version": "1", "prediction_id": "p-1", "group": "user-9", "predicted_at": 1795694400, '
    b'"score": 0.5, "features": {"age": 41}}'
)


def _config(folder: Path, world: TrainedWorld, baseline: Path | None, key: str | None) -> Path:
    path = folder / f"{key}.yaml"
    named = "" if baseline is None else f", baseline: {baseline}"
    path.write_text(
        f'apiVersion: sentinel/v1\nmodels: [{{name: churn, version: "1", slices: [region, plan]{named}}}]\n'
        + f"state: {{directory: {folder / 'state'}{'' if key is None else f', hash_key: {key}'}}}\n"
    )
    return path


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory, world: TrainedWorld) -> Path:
    """A baseline that was built with a key."""
    folder = tmp_path_factory.mktemp("keyed")
    path = folder / "keyed.baseline"
    files = world.files
    arguments = ["--config", str(_config(folder, world, None, SECRET)), "--validation", str(files.validation)]
    assert main(["baseline", "build", "--quiet", *arguments, "--train", str(files.train), "--output", str(path)]) == 0
    return path


def _loaded(folder: Path, world: TrainedWorld, baseline: Path, key: str | None) -> Config:
    config = load_config(_config(folder, world, baseline, key))
    load_models(config)
    return config


def test_a_baseline_remembers_the_fingerprint_and_not_the_key(keyed: Path, world: TrainedWorld) -> None:
    """The file holds what tells keys apart; a baseline without a key does not even have the field."""
    assert Baseline.load(keyed).meta.hash_key == HashKey.from_text(SECRET).fingerprint
    assert SECRET.encode() not in keyed.read_bytes()
    plain = Baseline.load(world.baseline)
    assert plain.meta.hash_key is None
    assert b"hash_key" not in world.baseline.read_bytes()
    assert plain.to_bytes() == world.baseline.read_bytes()


def test_a_baseline_of_another_key_is_refused(tmp_path: Path, keyed: Path, world: TrainedWorld) -> None:
    """With the key, with none, or with another: each mismatch names both fingerprints and the mend."""
    _loaded(tmp_path, world, keyed, SECRET)
    _loaded(tmp_path, world, world.baseline, None)
    for path, key, says in (
        (keyed, None, "was built with the hash key of fingerprint .*, and state.hash_key is no hash key"),
        (keyed, OTHER, "was built with the hash key of fingerprint .* is the hash key of fingerprint"),
        (world.baseline, SECRET, "was built with no hash key, and state.hash_key is the hash key of fingerprint"),
    ):
        with pytest.raises(BaselineError, match=says):
            _loaded(tmp_path, world, path, key)


def test_training_rows_are_found_again_with_the_key_alone(tmp_path: Path, keyed: Path, world: TrainedWorld) -> None:
    """Rows of the training file are marked as seen under the key; without it the filters know nobody."""
    config = _loaded(tmp_path, world, keyed, SECRET)
    model = load_models(config)["churn", "1"]
    table = pa.Table.from_pandas(world.simulated.validation, preserve_index=False)
    trained = ArrowCodec(model.plan.layout.schema, Columns(), file_limits(hash_key_of(config)))
    plain = ArrowCodec(model.plan.layout.schema, Columns())
    with_key, without = (codec.predictions(table)[0] for codec in (trained, plain))
    assert with_key is not None
    assert without is not None
    baseline = Baseline.load(keyed)
    marks = model.plan.trained_on.marks(with_key)
    assert int((marks & SEEN_ENTITY > 0).sum()) >= (baseline.meta.n_entity_overlap or 0)
    assert baseline.train_entities is not None
    chance = baseline.train_entities.contains(without.groups[without.groups != 0]).mean()
    assert chance < 0.1
    assert int((marks & SEEN_ROW > 0).sum()) == (baseline.meta.n_row_overlap or 0)


def test_files_and_streams_hash_alike(tmp_path: Path, world: TrainedWorld) -> None:
    """JSON and Arrow give the same keys for the same ids, with a key as without."""
    config = load_config(_config(tmp_path, world, None, SECRET))
    table = pa.table(
        {"prediction_id": ["p-1"], "group": ["user-9"], "predicted_at": [1795694400.0], "score": [0.5], "age": [41.0]}
    )
    found = []
    for limits in (event_limits(config), event_limits(load_config(_config(tmp_path, world, None, None)))):
        messages = Messages("p", 0, "prediction", [0], [EVENT], [1795694400_000_000])
        (streamed,) = JsonCodec([SCHEMA], limits).decode(messages).predictions
        filed, _ = ArrowCodec(SCHEMA, Columns(), file_limits(limits.hash_key)).predictions(table)
        assert filed is not None
        assert np.array_equal(filed.keys, streamed.keys)
        assert np.array_equal(filed.groups, streamed.groups)
        found.append((int(streamed.keys[0]), int(streamed.groups[0])))
    assert found[0][0] != found[1][0]
    assert found[0][1] != found[1][1]


def test_state_of_another_key_is_refused(tmp_path: Path) -> None:
    """Once something waits there, the state directory takes the key that it was made with and no other."""
    key, other = HashKey.from_text(SECRET), HashKey.from_text(OTHER)
    check_state_key(tmp_path, key)
    note_state_key(tmp_path, key)
    check_state_key(tmp_path, other)  # nothing waits yet
    (tmp_path / "partitions" / "00000").mkdir(parents=True)
    check_state_key(tmp_path, key)
    for wrong in (other, None):
        with pytest.raises(StoreError, match="what waits here was hashed with the key of fingerprint"):
            check_state_key(tmp_path, wrong)


def test_state_from_before_there_were_keys_has_none(tmp_path: Path) -> None:
    """A directory without a mark goes on without a key, and refuses one."""
    (tmp_path / "partitions" / "00000").mkdir(parents=True)
    check_state_key(tmp_path, None)
    with pytest.raises(StoreError, match="was hashed with no key"):
        check_state_key(tmp_path, HashKey.from_text(SECRET))


def test_a_short_key_is_refused(tmp_path: Path, world: TrainedWorld) -> None:
    """A key that could be tried is none."""
    with pytest.raises(ConfigError, match="hash_key: must have at least 32 characters"):
        load_config(_config(tmp_path, world, None, "secret"))
