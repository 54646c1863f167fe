"""Near copies of images: planted, honest, and what only looks like them."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image, ImageEnhance, ImageOps

from sentinel.audit.check import Started
from sentinel.audit.checks import similar_images
from sentinel.audit.findings import CheckResult
from sentinel.audit.scan import Given, audit
from sentinel.config.audit import Audit
from sentinel.config.model import Model
from tests.audit.frames import look, rows

N_TRAIN, N_VALIDATION, N_COPIED, SIZE = 400, 200, 40, 64
SETTINGS = Audit(images=["photo"])
Change = Callable[[Image.Image], bytes]


def _encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@cache
def _drawn(seed: int) -> Image.Image:
    """Noise with the spectrum of photographs: power falls about with the square of the frequency."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(SIZE), np.fft.fftfreq(SIZE)))
    frequency[0, 0] = 1.0
    plane = np.fft.ifft2(np.fft.fft2(rng.normal(size=(SIZE, SIZE))) / frequency**1.2).real
    grey = 128.0 + 45.0 * (plane - plane.mean()) / plane.std()
    return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))


def _jpeg(image: Image.Image) -> bytes:
    return _encoded(image, "JPEG", quality=60)


def _small(image: Image.Image) -> bytes:
    return _encoded(image.resize((40, 52)), "JPEG", quality=30)


def _bright(image: Image.Image) -> bytes:
    return _encoded(ImageEnhance.Contrast(ImageEnhance.Brightness(image).enhance(1.3)).enhance(0.8))


def _mirrored(image: Image.Image) -> bytes:
    return _jpeg(ImageOps.mirror(image))


def _cropped(image: Image.Image) -> bytes:
    return _encoded(image.crop((12, 12, SIZE, SIZE)))


def _files(seed: int = 0) -> tuple[list[bytes], list[bytes]]:
    return (
        [_encoded(_drawn(10_000 * seed + i)) for i in range(N_TRAIN)],
        [_encoded(_drawn(10_000 * seed + 5_000 + i)) for i in range(N_VALIDATION)],
    )


def _look(train: list[Any], validation: list[Any], **options: Any) -> CheckResult:
    return look(
        similar_images,
        rows(len(validation), 2, first_hour=len(train)).assign(photo=pd.Series(validation, dtype=object)),
        rows(len(train), 1).assign(photo=pd.Series(train, dtype=object)),
        settings=SETTINGS,
        **options,
    )


@pytest.mark.parametrize("change", [_encoded, _jpeg, _small, _bright, _mirrored])
def test_changed_copies_are_found(change: Change) -> None:
    """Images encoded anew, resized, made brighter and flatter, or mirrored are found, with the image they are of."""
    train, validation = _files()
    validation[:N_COPIED] = [change(_drawn(2 * i)) for i in range(N_COPIED)]

    (finding,) = _look(train, validation).findings

    assert finding.cause == "duplicate_leakage"
    assert 0.9 * N_COPIED <= finding.n_rows <= N_COPIED
    assert all(pair.train == 2 * (pair.validation or 0) for pair in finding.rows)
    assert ("mirrored" in {pair.note for pair in finding.rows}) == (change is _mirrored)


def test_crops_are_not_seen_and_that_is_said() -> None:
    """A fifth cut off two sides is another image to the hash; the check says that crops are not seen."""
    train, validation = _files()
    validation[:N_COPIED] = [_cropped(_drawn(2 * i)) for i in range(N_COPIED)]
    result = _look(train, validation)
    assert sum(finding.n_rows for finding in result.findings) <= 0.1 * N_COPIED
    assert "crops and turns are not" in result.detail


def test_honest_images_are_clear() -> None:
    """Unlike images are clear, and so are rows of a few icons that both files share."""
    for seed in range(2):
        assert _look(*_files(seed)).state == "clear"
    rng = np.random.default_rng(3)
    icons = [_encoded(_drawn(int(at))) for at in rng.integers(20, size=N_TRAIN + N_VALIDATION)]
    assert _look(icons[:N_TRAIN], icons[N_TRAIN:]).state == "clear"


def test_blank_images_are_no_copies() -> None:
    """Images of one colour have one hash; as many training rows have it, so that is no leak."""
    blank = [_encoded(Image.new("L", (SIZE, SIZE), i % 250)) for i in range(N_TRAIN)]
    assert _look(blank, blank[:N_VALIDATION]).state == "clear"


def test_unreadable_images_are_counted() -> None:
    """Missing and damaged images are counted apart in the detail; where none can be read the check is not made."""
    train, validation = _files()
    result = _look(train, [None, b"no image", *validation[2:]])
    assert result.state == "clear"
    assert "validation images left out: 1 damaged, or of a format that is not read, 1 missing" in result.detail
    nothing = _look(train, [b"no image"] * N_VALIDATION)
    assert nothing.state == "not_checked"
    assert "no image of one of the files can be read" in nothing.detail


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    """Images named by paths are found beside the validation file, however the audit was started."""
    (tmp_path / "photos").mkdir()
    for i in range(120):
        (tmp_path / "photos" / f"{i}.png").write_bytes(_encoded(_drawn(i)))
    sides = {}
    for name, first, n in (("train", 0, 80), ("validation", 60, 60)):
        paths = [f"photos/{i}.png" for i in range(first, first + n)]
        sides[name] = tmp_path / f"{name}.parquet"
        rows(n, first).assign(photo=paths).to_parquet(sides[name])
    given = Given(Model(name="m", version="1", audit=SETTINGS), sides["validation"], sides["train"])
    (result,) = audit(given, now_us=0, checks=[cast(Started, similar_images)]).checks
    (finding,) = result.findings
    assert [(pair.validation, pair.train) for pair in finding.rows] == [(i, 60 + i) for i in range(20)]


def test_batches_do_not_matter() -> None:
    """The result is the same whatever the batches."""
    train, validation = _files()
    validation[:N_COPIED] = train[:N_COPIED]
    one, other = (_look(train, validation, batch_rows=size).findings for size in (33, 1 << 15))
    assert one == other
    assert one


def test_what_cannot_be_checked_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without training rows, without images, with numbers for images, or without imagehash it says what it needs."""
    frame = rows(60, 1).assign(photo=_files()[0][:60])
    assert look(similar_images, frame, settings=SETTINGS).needs == "--train"
    plain = frame.drop(columns="photo")
    assert look(similar_images, plain, plain).needs == "audit.images in the configuration"
    numbers = look(similar_images, frame, frame.assign(photo=1.0), settings=SETTINGS)
    assert "'photo' holds neither bytes nor paths in both files" in numbers.detail
    monkeypatch.setattr(similar_images, "find_spec", lambda name: None if name == "imagehash" else name)
    missing = look(similar_images, frame, frame, settings=SETTINGS)
    assert (missing.state, missing.detail) == ("not_checked", "imagehash is not installed")
    assert missing.needs == "pip install 'sentinel-leakage[audit]'"
    assert pa.types.is_binary(pa.array(frame["photo"]).type)
