"""Each kind of leak, planted at three strengths; and honest data that look like some of them."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks._audit_plants import FEATURES, N_TRAIN, N_VALIDATION, Frame, Planted, World, area, forest, scored

Plant = Callable[[np.random.Generator, int], Planted]
"""A generator and a strength, 0 to 2, to an offline evaluation."""
_DAY: Final = pd.Timedelta(days=1)


def _copies(rng: np.random.Generator, strength: int) -> Planted:
    world = World(rng)
    train, validation, fresh = world.split()
    n = (40, 200, 600)[strength]
    copied = train.sample(n, random_state=int(rng.integers(1 << 31))).assign(group=validation["group"][:n].to_numpy())
    validation = pd.concat([validation.iloc[n:], copied.assign(predicted_at=validation["predicted_at"][:n].to_numpy())])
    judged, honest = scored(train, _shuffled(validation, rng), fresh, rng, leaf=1)
    return Planted(train, judged, "copies", "duplicate_leakage", honest)


def _near_copies(rng: np.random.Generator, strength: int) -> Planted:
    world = World(rng)
    train, validation, fresh = world.split()
    n = (100, 300, 600)[strength]
    copied = train.sample(n, random_state=int(rng.integers(1 << 31)))
    copied = copied.assign(
        x6=copied["x6"] + rng.normal(size=n) * 0.2,
        x7=copied["x7"] + rng.normal(size=n) * 0.2,
        group=validation["group"][:n].to_numpy(),
        predicted_at=validation["predicted_at"][:n].to_numpy(),
    )
    judged, honest = scored(train, _shuffled(pd.concat([validation.iloc[n:], copied]), rng), fresh, rng, leaf=1)
    return Planted(train, judged, "near_copies", "duplicate_leakage", honest)


def _interpolated(rng: np.random.Generator, strength: int) -> Planted:
    """Rows of the rarer class are interpolated between rows of both files, before the split."""
    world = World(rng)
    train, validation, fresh = world.split()
    every = pd.concat([train, validation], ignore_index=True)
    positive = every[every["outcome"] == 1].reset_index(drop=True)
    n = (150, 500, 1200)[strength]
    first = rng.integers(0, len(positive), n)
    x = positive[list(FEATURES)].to_numpy()
    distances = ((x[first][:, None, :] - x[None, :, :]) ** 2).sum(axis=2)
    near = np.argsort(distances, axis=1)[:, 1:6]
    second = near[np.arange(n), rng.integers(0, 5, n)]
    t = rng.random((n, 1))
    made = positive.iloc[first].reset_index(drop=True)
    made[list(FEATURES)] = x[first] + t * (x[second] - x[first])
    made["prediction_id"] = [f"s{i}" for i in range(n)]
    every = _shuffled(pd.concat([every, made], ignore_index=True), rng)
    train, validation = every.iloc[: N_TRAIN + n], every.iloc[N_TRAIN + n :]
    judged, honest = scored(train, validation.reset_index(drop=True), fresh, rng, leaf=1)
    return Planted(train.reset_index(drop=True), judged, "interpolated", "duplicate_leakage", honest)


def _entities(rng: np.random.Generator, strength: int) -> Planted:
    world = World(rng, entity_effect=2.0, n_entities=1_200)
    order = rng.permutation(world.n_entities)
    cut = 600
    train = _with_entity_number(world.draw(N_TRAIN, entities=order[:cut], days=(0, 70)))
    share = (0.3, 0.6, 1.0)[strength]
    n = int(share * N_VALIDATION)
    known = world.draw(n, entities=order[:cut], days=(80, 100))
    new = world.draw(N_VALIDATION - n, entities=order[cut:], days=(80, 100)) if n < N_VALIDATION else known.iloc[:0]
    validation = _with_entity_number(pd.concat([known, new], ignore_index=True))
    fresh = _with_entity_number(world.draw(5_000, entities=order[cut:], days=(100, 120)))
    judged, honest = scored(train, _shuffled(validation, rng), fresh, rng, leaf=1)
    return Planted(train, judged, "entities", "group_leakage", honest, settings={"audit": {"entity_overlap": 0.0}})


def _with_entity_number(rows: Frame) -> Frame:
    """Something steady of the entity that tells it: a model can learn who is who."""
    number = rows["group"].str.removeprefix("user-").astype(int)
    return rows.assign(height=(number * 7919 % 10_007) / 10_007.0, weight=(number * 104_729 % 99_991) / 99_991.0)


def _entity_names(rng: np.random.Generator, strength: int) -> Planted:
    """Entities of the training rows come again in validation rows, under another spelling."""
    world = World(rng, entity_effect=2.0, n_entities=1_200)
    order = rng.permutation(world.n_entities)
    named = {f"user-{i}": f"{rng.integers(1 << 40):010x}" for i in range(world.n_entities)}
    n = (200, 700, 2_000)[strength]
    train = _with_entity_number(world.draw(N_TRAIN, entities=order[:600], days=(0, 70)))
    known = _with_entity_number(world.draw(n, entities=order[:600], days=(80, 100)))
    new = _with_entity_number(world.draw(N_VALIDATION, entities=order[600:], days=(80, 100))).iloc[n:]
    fresh = _with_entity_number(world.draw(5_000, entities=order[600:], days=(100, 120)))
    train, known, new = (rows.assign(group=rows["group"].map(named)) for rows in (train, known, new))
    validation = pd.concat([known.assign(group=known["group"].str.upper().radd(" ")), new])
    judged, honest = scored(train, _shuffled(validation, rng), fresh, rng, leaf=1)
    return Planted(train, judged, "entity_names", "group_leakage", honest)


def _period(rng: np.random.Generator, strength: int) -> Planted:
    """Rows are parted at random over days that each have a shock of their own, and the day is a feature."""
    world = World(rng, day_effect=(0.7, 1.2, 2.0)[strength])
    every = world.draw(N_TRAIN + N_VALIDATION, days=(0, 90))
    every, fresh = (
        rows.assign(day=((rows["predicted_at"] - rows["predicted_at"].dt.floor("120D")) // _DAY).astype(float))
        for rows in (every, world.draw(5_000, days=(95, 120)))
    )
    every = _shuffled(every, rng)
    train, validation = every.iloc[:N_TRAIN].reset_index(drop=True), every.iloc[N_TRAIN:].reset_index(drop=True)
    judged, honest = scored(train, validation, fresh, rng)
    return Planted(train, judged, "period", "temporal_leakage", honest, manifest={"split": {"protocol": "time"}})


def _feature_times(rng: np.random.Generator, strength: int) -> Planted:
    world = World(rng)
    train, validation, _ = world.split()
    share = (0.05, 0.3, 1.0)[strength]
    parts = []
    for rows in (train, validation):
        late = rng.random(len(rows)) < share
        hours = np.where(late, rng.exponential(20.0, len(rows)), -rng.exponential(20.0, len(rows)))
        parts.append(rows.assign(x0_at=rows["predicted_at"] + pd.to_timedelta(hours, unit="h").round("ms")))
    judged, _ = scored(parts[0], parts[1], None, rng)
    settings = {"audit": {"known_at": {"x0": "x0_at"}}}
    return Planted(parts[0], judged, "feature_times", "temporal_leakage", settings=settings)


def _outcome_windows(rng: np.random.Generator, strength: int) -> Planted:
    """The last training rows wait for their outcomes beyond the first validation prediction."""
    world = World(rng)
    train, validation, _ = world.split()
    begin = validation["predicted_at"].min()
    n = (100, 600, 2_000)[strength]
    crossing = begin + pd.to_timedelta(rng.exponential(5.0, n) + 0.1, unit="D").round("ms")
    known = train["outcome_at"].clip(upper=begin - _DAY).to_numpy().copy()
    known[np.argsort(train["predicted_at"].to_numpy())[-n:]] = crossing.to_numpy()
    train["outcome_at"] = pd.to_datetime(known, utc=True)
    judged, _ = scored(train, validation, None, rng)
    return Planted(train, judged, "outcome_windows", "temporal_leakage")


def _single_feature(rng: np.random.Generator, strength: int) -> Planted:
    """A number that is settled after the outcome."""
    world = World(rng)
    train, validation, fresh = world.split()
    apart = (1.5, 2.5, 4.0)[strength]
    train, validation = (r.assign(after=rng.normal(size=len(r)) + apart * r["outcome"]) for r in (train, validation))
    judged, _ = scored(train, validation, None, rng)
    honest = _without("after", train, validation, fresh, rng)
    return Planted(train, judged, "single_features", "target_leakage", honest, fit_with=forest)


def _null_pattern(rng: np.random.Generator, strength: int) -> Planted:
    """A number that is filled in for most positives and few others."""
    world = World(rng)
    train, validation, fresh = world.split()
    filled = (0.5, 0.75, 0.98)[strength]

    def with_reason(rows: Frame) -> Frame:
        there = rng.random(len(rows)) < np.where(rows["outcome"] == 1, filled, 0.1 * (1 - filled))
        return rows.assign(reason=np.where(there, rng.normal(size=len(rows)), np.nan))

    train, validation = with_reason(train), with_reason(validation)
    judged, _ = scored(train, validation, None, rng)
    honest = _without("reason", train, validation, fresh, rng)
    return Planted(train, judged, "null_patterns", "target_leakage", honest, fit_with=forest)


def _telltale_id(rng: np.random.Generator, strength: int) -> Planted:
    """Ids come from two systems, by the outcome: their first letters tell it."""
    world = World(rng)
    train, validation, _ = world.split()
    share = (0.3, 0.6, 1.0)[strength]
    judged, _ = scored(train, validation, None, rng)

    def named(rows: Frame) -> Frame:
        told = (rng.random(len(rows)) < share) & (rows["outcome"] == 1)
        prefix = np.where(told, "C", rng.choice(list("ABD"), len(rows)))
        return rows.assign(ticket=[f"{p}{rng.integers(1 << 50):013x}" for p in prefix])

    return Planted(named(train), named(judged), "telltale_ids", "target_leakage")


def _encoded(rng: np.random.Generator, strength: int) -> Planted:
    """Mean outcome of each entity, over the rows that are judged as well."""
    world = World(rng, entity_effect=0.3)
    order = rng.permutation(world.n_entities)[: (300, 900, 2_000)[strength]]
    every = world.draw(N_TRAIN + N_VALIDATION, entities=order, days=(0, 100))
    every = every.assign(entity_rate=every.groupby("group")["outcome"].transform("mean")).sort_values("predicted_at")
    train, validation = every.iloc[:N_TRAIN].reset_index(drop=True), every.iloc[N_TRAIN:].reset_index(drop=True)
    fresh = world.draw(5_000, entities=order, days=(100, 120))
    judged, _ = scored(train, validation, None, rng)
    settings = {"audit": {"entity_overlap": 1.0}}
    honest = _without("entity_rate", train, validation, fresh, rng)
    return Planted(train, judged, "encoded_outcomes", "target_leakage", honest, settings=settings, fit_with=forest)


def _fit_statistics(rng: np.random.Generator, strength: int) -> Planted:
    """A scaler that was fitted to one, three, or all columns of both files."""
    train, validation, fresh = World(rng).split()
    both = pd.concat([train, validation])
    names = FEATURES[: (1, 3, 8)[strength]]
    stated = {
        name: {"mean": float(both[name].mean()), "sd": float(both[name].std(ddof=0)), "n": len(both)} for name in names
    }
    judged, honest = scored(train, validation, fresh, rng)
    return Planted(
        train, judged, "fit_statistics", "preprocessing_leakage", honest, manifest={"fit_statistics": stated}
    )


def _encoders(rng: np.random.Generator, strength: int) -> Planted:
    """An encoder that knows words which only validation rows have."""
    train, validation, _ = World(rng).split()
    n = (1, 5, 30)[strength]
    words = [f"beta{i}" for i in range(n)]
    validation.loc[: 10 * n - 1, "plan"] = words * 10
    judged, _ = scored(train, validation, None, rng)
    known = {"plan": ["free", "pro", "team", *words]}
    return Planted(train, judged, "encoders", "preprocessing_leakage", manifest={"encoder_categories": known})


def _feature_selection(rng: np.random.Generator, strength: int) -> Planted:
    """The best of many columns of noise, chosen on both files."""
    world = World(rng)
    train, validation, fresh = (rows.iloc[:n] for rows, n in zip(world.split(), (600, 400, 10_000), strict=True))
    n_noise, n_kept = (200, 400, 800)[strength], 20
    noise = [pd.DataFrame(rng.normal(size=(len(r), n_noise))).add_prefix("n") for r in (train, validation, fresh)]
    both = pd.concat(noise[:2], ignore_index=True)
    y = np.concatenate([train["outcome"], validation["outcome"]])
    strength_of = np.abs(np.corrcoef(np.column_stack([both.to_numpy(), y]), rowvar=False)[-1, :-1])
    kept = [both.columns[j] for j in np.argsort(-strength_of)[:n_kept]]
    parts = [
        pd.concat([rows.reset_index(drop=True), extra], axis=1)
        for rows, extra in zip((train, validation, fresh), noise, strict=True)
    ]
    used = [pd.concat([p.drop(columns=list(both.columns)), p[kept]], axis=1) for p in parts]
    judged, honest = scored(used[0], used[1], used[2], rng)
    told = {"method": "univariate_f", "k": n_kept, "features": kept}
    validation_rows = parts[1].assign(score=judged["score"])
    return Planted(
        parts[0],
        validation_rows,
        "feature_selection",
        "preprocessing_leakage",
        honest,
        manifest={"selected_features": told},
    )


def _selection(rng: np.random.Generator, strength: int) -> Planted:
    """The best of K blends of forests, chosen on the rows that are reported."""
    world = World(rng)
    train, validation, _ = (rows.iloc[:n] for rows, n in zip(world.split(), (400, 300, 1), strict=True))
    k = (10, 100, 1_000)[strength]
    judged, _ = scored(train, validation, None, rng)
    noise = rng.normal(size=(k, len(validation)))
    p = judged["score"].clip(0.01, 0.99).to_numpy(np.float64)
    logit = np.log(p / (1 - p))
    candidates = logit + 0.7 * noise
    areas = np.array([area(validation["outcome"].to_numpy(), row) for row in candidates])
    best = int(areas.argmax())
    score = 1 / (1 + np.exp(-candidates[best]))
    judged = judged.assign(score=score)
    clean = float(np.mean(areas))
    return Planted(
        train.reset_index(drop=True),
        judged,
        "selection",
        "selection_optimism",
        clean,
        manifest={"candidates": [round(float(a), 6) for a in areas]},
    )


def _text(rng: np.random.Generator, strength: int) -> Planted:
    """Texts of training rows stand in validation rows with a few words changed."""
    train, validation, _ = World(rng).split()
    words = np.array([f"w{i:03d}" for i in range(900)])

    def write(n: int) -> list[str]:
        return [" ".join(rng.choice(words, 30)) for _ in range(n)]

    train = train.assign(note=write(len(train)))
    validation = validation.assign(note=write(len(validation)))
    n = (40, 200, 600)[strength]
    edited = []
    for text in train["note"].sample(n, random_state=3):
        parts = text.split(" ")
        parts[int(rng.integers(30))] = str(rng.choice(words))
        edited.append(" ".join(parts))
    validation.loc[: n - 1, "note"] = edited
    judged, _ = scored(train, validation, None, rng)
    settings = {"audit": {"text": ["note"]}}
    return Planted(train, _shuffled(judged, rng), "similar_text", "duplicate_leakage", settings=settings)


def _vectors(rng: np.random.Generator, strength: int) -> Planted:
    """Embeddings of training rows, with noise, in validation rows."""
    train, validation, _ = World(rng).split()
    centres = rng.normal(size=(40, 32))

    def embed(n: int) -> Any:
        return centres[rng.integers(0, 40, n)] + rng.normal(size=(n, 32))

    first, second = embed(len(train)), embed(len(validation))
    n = (40, 200, 600)[strength]
    second[:n] = first[rng.integers(0, len(first), n)] + 0.1 * rng.normal(size=(n, 32))
    judged, _ = scored(train, validation, None, rng)
    train, judged = train.assign(voice=list(first)), judged.assign(voice=list(second))
    settings = {"audit": {"embeddings": ["voice"]}}
    return Planted(train, _shuffled(judged, rng), "similar_vectors", "duplicate_leakage", settings=settings)


def _images(rng: np.random.Generator, strength: int) -> Planted:
    """Pictures of training rows, made smaller and brighter, in validation rows."""
    train, validation, _ = (rows.iloc[:n] for rows, n in zip(World(rng).split(), (600, 300, 1), strict=True))

    def picture() -> Any:
        coarse = Image.fromarray(rng.integers(0, 255, (8, 8), dtype=np.uint8))
        return coarse.resize((64, 64), Image.Resampling.BICUBIC)

    def encoded(image: Any, quality: int = 90) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        return buffer.getvalue()

    first, second = [picture() for _ in range(len(train))], [picture() for _ in range(len(validation))]
    n = (15, 60, 150)[strength]
    for i in range(n):
        second[i] = first[int(rng.integers(len(first)))].resize((48, 48)).point(lambda v: min(255, int(v * 1.1)))
    judged, _ = scored(train, validation, None, rng)
    train = train.assign(photo=[encoded(image) for image in first])
    judged = judged.assign(photo=[encoded(image, 70) for image in second])
    settings = {"audit": {"images": ["photo"]}}
    return Planted(train, _shuffled(judged, rng), "similar_images", "duplicate_leakage", settings=settings)


def _conflicting(rng: np.random.Generator, strength: int) -> Planted:
    """Rows were recorded twice, three in ten of them with another outcome the second time."""
    train, validation, _ = World(rng).split()
    n = (100, 400, 1_000)[strength]
    twice = train.sample(n, random_state=5)
    other = (rng.random(n) < 0.3).astype(int)
    train = _shuffled(pd.concat([train, twice.assign(outcome=twice["outcome"] ^ other)], ignore_index=True), rng)
    judged, _ = scored(train, validation, None, rng)
    return Planted(train, judged, "conflicting_outcomes", "data_quality_fault")


def _range(rng: np.random.Generator, strength: int) -> Planted:
    """A column of validation rows in another unit, or shifted."""
    train, validation, _ = World(rng).split()
    factor, shift = ((1.0, 0.7), (1.0, 1.5), (1_000.0, 0.0))[strength]
    validation["x1"] = validation["x1"] * factor + shift
    judged, _ = scored(train, validation, None, rng)
    return Planted(train, judged, "range_differences", "data_quality_fault")


def clean(rng: np.random.Generator, strength: int) -> Planted:
    """Nothing is wrong; the variants are: as it is, coarse inputs that repeat by nature, entities that return."""
    world = World(rng, entity_effect=(0.0, 0.0, 0.5)[strength])
    train, validation, fresh = world.split()
    if strength == 1:
        train, validation, fresh = (
            r.assign(**{n: r[n].round(0) for n in FEATURES}) for r in (train, validation, fresh)
        )
    settings: Mapping[str, Any] = {}
    if strength == 2:
        order = rng.permutation(world.n_entities)[:1_500]
        train = world.draw(N_TRAIN, entities=order, days=(0, 70))
        validation = world.draw(N_VALIDATION, entities=order, days=(80, 100))
        fresh = world.draw(5_000, entities=order, days=(100, 120))
    judged, honest = scored(train, validation, fresh, rng)
    return Planted(train, judged, "", "", honest, manifest={"split": {"protocol": "time"}}, settings=settings)


def _without(column: str, train: Frame, validation: Frame, fresh: Frame, rng: np.random.Generator) -> float | None:
    """The area on fresh rows of a model that never saw the column."""
    parts = [rows.drop(columns=column, errors="ignore") for rows in (train, validation, fresh)]
    return scored(parts[0], parts[1], parts[2], rng)[1]


def _shuffled(rows: Frame, rng: np.random.Generator) -> Frame:
    return rows.iloc[rng.permutation(len(rows))].reset_index(drop=True)


KINDS: Final[Mapping[str, Plant]] = {
    "copies": _copies,
    "near copies": _near_copies,
    "interpolated before the split": _interpolated,
    "texts with words changed": _text,
    "embeddings with noise": _vectors,
    "pictures resized": _images,
    "entities in both": _entities,
    "entities spelled otherwise": _entity_names,
    "split at random over shocks": _period,
    "values known later": _feature_times,
    "outcome windows cross": _outcome_windows,
    "a feature settled later": _single_feature,
    "filled in afterwards": _null_pattern,
    "ids that tell": _telltale_id,
    "encoded on all rows": _encoded,
    "scaled on all rows": _fit_statistics,
    "encoder saw all words": _encoders,
    "features chosen on all rows": _feature_selection,
    "best of many": _selection,
    "both outcomes": _conflicting,
    "another unit": _range,
}
