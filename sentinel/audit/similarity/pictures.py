"""Images of untrusted files as perceptual hashes: what cannot be read, or should not be, is counted."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sentinel.audit.similarity.likeness import Neighbours, neighbours
from sentinel.events.batch import I64, Bool
from sentinel.events.codecs.arrow_columns import is_text

if TYPE_CHECKING:
    from PIL import Image

U8 = npt.NDArray[np.uint8]
N_BITS: Final = 64
MOST_PIXELS: Final = 50_000_000
"""Of one image: as many as a camera of 2026 takes; more is a decompression bomb."""
MOST_BYTES: Final = 64 << 20
"""Of one file."""
FORMATS: Final = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Formats that are read: those of which no decoder starts another program."""
_SIDE: Final = 32
"""Pixels a side from which the hash is computed."""
_DRAFT: Final = 4 * _SIDE
"""Pixels a side at least to which a JPEG is shrunk while it is decoded: it costs a fifth of the time."""
_DAMAGED: Final = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    OverflowError,
    ZeroDivisionError,
    MemoryError,
    struct.error,
    zlib.error,
)
"""What decoders raise on damaged data."""


class _RefusedError(Exception):
    """An image that is not read; the message says why."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Perceptual hashes of images.

    Parameters
    ----------
    rows : int64, shape (n,)
        Places in the sample of those that could be read.
    hashes, mirrored : uint8, shape (n, 8)
        64 bits each; of the image, and of what a mirror shows of it.
    left_out : Counter
        Rows without an image that could be read, by the reason.
    """

    rows: I64
    hashes: U8
    mirrored: U8
    left_out: Counter[str]

    @property
    def excuse(self) -> str:
        """The rows left out, in words; empty where there are none."""
        return ", ".join(f"{n:,} {reason}" for reason, n in sorted(self.left_out.items()))

    def at(self, places: I64) -> Pictures:
        """Some of them."""
        return Pictures(self.rows[places], self.hashes[places], self.mirrored[places], self.left_out)


def is_picture(kind: pa.DataType) -> bool:
    """Whether values may hold images: bytes, paths, or both as ``{bytes, path}``."""
    if pa.types.is_struct(kind):
        return any(is_picture(kind.field(name).type) for name in ("bytes", "path") if kind.get_field_index(name) >= 0)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or is_text(kind))


def read_pictures(column: pa.Array, folder: Path, at: I64) -> Pictures:
    """Hash the images of some rows.

    Parameters
    ----------
    column : Array
        Bytes of images, paths, or structs ``{bytes, path}`` of which the bytes are taken where they are there.
    folder : Path
        Paths are relative to it, and a path that leads out of it is refused: the rows may come from a stranger.
    at : int64, shape (n,)
        Places of the rows to read.
    """
    root = folder.resolve()
    rows: list[int] = []
    hashes: list[tuple[U8, U8]] = []
    left_out: Counter[str] = Counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata; what matters is checked here
        for place, value in zip(at.tolist(), (column[place] for place in at.tolist()), strict=True):
            try:
                hashes.append(_hashed(_contents(value.as_py(), root)))
            except _RefusedError as refusal:
                left_out[str(refusal)] += 1
            else:
                rows.append(place)
    both = np.array(hashes, np.uint8).reshape(-1, 2, N_BITS // 8)
    return Pictures(np.array(rows, np.int64), both[:, 0].copy(), both[:, 1].copy(), left_out)


def _contents(value: Any, root: Path) -> bytes:
    if isinstance(value, dict):
        value = value.get("path") if value.get("bytes") is None else value["bytes"]
    if value is None:
        raise _RefusedError("missing")
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise _RefusedError("neither bytes nor a path")
    try:
        path = (root / value).resolve()
        if not path.is_relative_to(root):
            raise _RefusedError("with a path that leads out of the folder of the file")
        if not path.is_file():
            raise _RefusedError("without a file")
        if path.stat().st_size > MOST_BYTES:
            raise _RefusedError("too large")
        return path.read_bytes()
    except (OSError, ValueError, RuntimeError) as error:  # no right to read, a name of no file, links in a circle
        raise _RefusedError("without a file") from error


def _hashed(contents: bytes) -> tuple[U8, U8]:
    from PIL import Image

    if len(contents) > MOST_BYTES:
        raise _RefusedError("too large")
    try:
        with Image.open(io.BytesIO(contents), formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise _RefusedError("too large")
            image.draft("L", (_DRAFT, _DRAFT))
            small = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    except Image.DecompressionBombError as error:
        raise _RefusedError("too large") from error
    except _DAMAGED as error:
        raise _RefusedError("damaged, or of a format that is not read") from error
    return _bits(small), _bits(small.transpose(Image.Transpose.FLIP_LEFT_RIGHT))


def _bits(image: Image.Image) -> U8:
    from imagehash import phash

    return np.packbits(phash(image).hash)


def nearest_pictures(asked: Pictures, among: Pictures, k: int) -> tuple[Neighbours, Bool]:
    """The k images of the fewest different bits, as they are or mirrored, found exactly by `faiss`.

    Returns
    -------
    neighbours : Neighbours
        The likeness is the share of equal bits.
    mirrored : bool, shape (n,)
        Whether the nearest is a mirror image.

    Notes
    -----
    Tables of 16-bit bands find all hashes up to three bits apart; here ten may be, and 3,000 x 10,000 comparisons take
    less time than reading one image.
    """
    import faiss

    index = faiss.IndexBinaryFlat(N_BITS)
    index.add(among.hashes)
    n, k_found = len(asked.rows), min(k, len(among.rows))
    found = [index.search(side, k_found) for side in (asked.hashes, asked.mirrored)] if n and k_found else []
    bits = np.concatenate([np.empty((n, 0), np.int64), *(distances for distances, _ in found)], axis=1)
    which = np.concatenate([np.empty((n, 0), np.int64), *(places for _, places in found)], axis=1)
    who = np.repeat(np.arange(n), bits.shape[1])
    likeness, row = 1.0 - bits.ravel() / N_BITS, which.ravel()
    order = np.lexsort((-likeness, row, who))
    first = np.ones(len(order), np.bool_)
    first[1:] = (who[order][1:] != who[order][:-1]) | (row[order][1:] != row[order][:-1])
    once = order[first]  # a row that is near both ways counts the nearer way
    result = neighbours(asked.rows, who[once], among.rows[row[once]], likeness[once], k)
    turned = np.zeros(n, np.bool_)
    if found:
        turned = found[1][0][:, 0] < found[0][0][:, 0]
    return result, turned
