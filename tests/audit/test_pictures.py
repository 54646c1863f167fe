"""Reading images that a stranger may have made."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections import Counter
from pathlib import Path

import imagehash
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from sentinel.audit.similarity import pictures
from sentinel.audit.similarity.pictures import Pictures, nearest_pictures, read_pictures

SIZE = 96


def _drawn(seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    rough = rng.integers(0, 256, (12, 12), dtype=np.uint8)
    return Image.fromarray(rough).resize((SIZE, SIZE), Image.Resampling.BICUBIC)


def _encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def _read(values: list[object], folder: Path, kind: pa.DataType | None = None) -> Pictures:
    return read_pictures(pa.array(values, kind), folder, np.arange(len(values)))


def _huge_png() -> bytes:
    """An image that says it has 100,000 x 100,000 pixels, in a hundred bytes."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"\0" * 64)
    chunks = (
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in (header, data)
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_hash_is_that_of_imagehash(tmp_path: Path) -> None:
    """The 64 bits are those that imagehash gives the whole image, and those of its mirror image."""
    image = _drawn(1)
    read = _read([_encoded(image)], tmp_path)
    flipped = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert np.unpackbits(read.hashes[0]).astype(bool).tolist() == imagehash.phash(image).hash.ravel().tolist()
    differing = np.unpackbits(read.mirrored[0]).astype(bool) != imagehash.phash(flipped).hash.ravel()
    assert differing.sum() <= 2  # whether it is turned before or after it is made small may move a bit at the median


def test_paths_bytes_and_structs_are_the_same_image(tmp_path: Path) -> None:
    """An image is read from bytes, from a relative or an absolute path, and from a struct of either."""
    contents = _encoded(_drawn(2))
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.png").write_bytes(contents)
    paths = _read(["inner/a.png", str(tmp_path / "inner" / "a.png"), "inner/../inner/a.png"], tmp_path)
    structs = _read([{"bytes": contents, "path": None}, {"bytes": None, "path": "inner/a.png"}], tmp_path)
    alone = _read([contents], tmp_path)
    assert len(paths.rows) == 3
    assert len(structs.rows) == 2
    assert (np.concatenate([paths.hashes, structs.hashes]) == alone.hashes[0]).all()


def test_no_file_outside_the_folder_is_read(tmp_path: Path) -> None:
    """Paths that leave the folder are refused: by dots, from the root, by a link, and by a folder of a like name."""
    folder, secret = tmp_path / "data", tmp_path / "secret.png"
    folder.mkdir()
    (tmp_path / "data2").mkdir()
    for path in (secret, tmp_path / "data2" / "a.png"):
        path.write_bytes(_encoded(_drawn(3)))
    (folder / "link.png").symlink_to(secret)
    read = _read(["../secret.png", str(secret), "link.png", "../data2/a.png", "/etc/passwd"], folder)
    assert len(read.rows) == 0
    assert read.excuse == "5 with a path that leads out of the folder of the file"


def test_what_is_no_file_is_counted(tmp_path: Path) -> None:
    """Folders, pipes, links in a circle, names that cannot be and missing values neither block nor raise."""
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "circle.png").symlink_to(tmp_path / "circle.png")
    values = ["folder.png", "pipe.png", "circle.png", "none.png", "nul\0.png", "x" * 5_000, "https://example.org/a.png"]
    read = _read([*values, None], tmp_path)
    assert dict(read.left_out) == {"without a file": 7, "missing": 1}


def test_damaged_and_huge_images_are_refused(tmp_path: Path) -> None:
    """Cut, mangled, empty and foreign contents, and decompression bombs, are counted; what is whole is read."""
    whole = _encoded(_drawn(4), "JPEG")
    rng = np.random.default_rng(5)
    mangled = [bytes(np.where(rng.random(len(whole)) < 0.2, 0, np.frombuffer(whole, np.uint8)).astype(np.uint8))]
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n"
    read = _read([whole, whole[:200], b"", b"GIF89a", script, *mangled, _huge_png()], tmp_path)
    assert 0 in read.rows
    assert read.left_out["too large"] == 1
    assert read.left_out["damaged, or of a format that is not read"] >= 4
    assert read.left_out.total() + len(read.rows) == 7


def test_large_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files and bytes beyond the limit are not decoded, and images of more pixels than the limit are not either."""
    contents = _encoded(_drawn(6))
    (tmp_path / "a.png").write_bytes(contents)
    monkeypatch.setattr(pictures, "MOST_BYTES", len(contents) - 1)
    assert dict(_read([contents], tmp_path).left_out) == {"too large": 1}
    assert dict(_read(["a.png"], tmp_path).left_out) == {"too large": 1}
    monkeypatch.setattr(pictures, "MOST_BYTES", len(contents))
    monkeypatch.setattr(pictures, "MOST_PIXELS", SIZE * SIZE - 1)
    assert dict(_read([contents], tmp_path).left_out) == {"too large": 1}


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK"])
def test_modes_of_pixels_are_read(mode: str, tmp_path: Path) -> None:
    """Images of one bit, of a palette, with transparency, of 16 bits and for print are read without a warning."""
    if mode == "I;16":
        image = Image.fromarray((np.asarray(_drawn(7), np.uint16) * 256).astype(np.uint16))
    else:
        image = _drawn(7).convert("RGB").convert(mode) if mode != "LA" else _drawn(7).convert("LA")
    assert len(_read([_encoded(image, "TIFF" if mode == "CMYK" else "PNG")], tmp_path).rows) == 1


def test_neighbours_are_those_of_counted_bits() -> None:
    """Nearest hashes are those that counting the different bits of all pairs gives, each row once, mirrored or not."""
    rng = np.random.default_rng(8)
    straight, turned = rng.integers(0, 256, (2, 60, 8), dtype=np.uint8)
    every = Pictures(np.arange(60) * 2, straight, turned, Counter())
    asked, among = every.at(np.arange(20)), every.at(np.arange(20, 60))
    bits = np.minimum(
        *(np.bitwise_count(side[:20, None] ^ straight[None, 20:]).sum(axis=2) for side in (straight, turned))
    )
    found, mirrored = nearest_pictures(asked, among, 6)
    assert (1.0 - found.likeness) * 64 == pytest.approx(np.sort(bits, axis=1)[:, :6])
    assert (np.take_along_axis(bits, found.near // 2 - 20, axis=1) == np.sort(bits, axis=1)[:, :6]).all()
    own = np.bitwise_count(straight[:20, None] ^ straight[None, 20:]).sum(axis=2).min(axis=1)
    assert (mirrored == (bits.min(axis=1) < own)).all()
