"""Validation rows whose image is nearly that of a training row: encoded anew, resized, brightened or mirrored."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

import msgspec
import numpy as np
import pyarrow as pa

from sentinel.audit.check import Check, Context
from sentinel.audit.files.rows import AuditRows
from sentinel.audit.findings import CheckResult, Finding, found, not_checked
from sentinel.audit.similarity.likeness import Likeness, compare, some_of
from sentinel.audit.similarity.pictures import N_BITS, is_picture, nearest_pictures, read_pictures
from sentinel.audit.similarity.resemblance import Kind, judge
from sentinel.events.batch import Bool

NAME: Final = "similar_images"
TITLE: Final = "nearly the same image in training and validation"
MOST_ASKED: Final = 3_000
"""Validation images looked up, and training images for the chance level: a share of 1 % is then known to .35 %."""
MOST_TRAIN: Final = 10_000
"""Training images read: with those of validation 6 seconds of one core as JPEG of 512 x 512 pixels, 80 as PNG."""
FEWEST_BITS, MOST_BITS = 2, 10
"""Different bits of the 64 up to which images may count as near copies: less than re-encoding changes, and half of what
sets apart the nearest of ten thousand unlike images."""
FALSE_MATCHES: Final = 1e-3
"""Share of training images that may become alike by looking further than the fewest bits."""
_MOST_NEAR: Final = 16
"""Neighbours kept: more than there are of one burst."""
_MEND: Final = (
    "Look at the pairs. Keep all versions of one image on one side of the split (split by what it was taken of or "
    "from), and augment only after it; then estimate again."
)
_PACKAGES: Final = ("faiss", "imagehash", "PIL")


def start(context: Context) -> Check | CheckResult:
    """Needs a column of images in both files, `faiss` and `imagehash`."""
    columns = context.columns.images
    if not columns:
        return not_checked(NAME, "there is no image column", "audit.images in the configuration")
    train = context.train
    if train is None:
        return not_checked(NAME, "there are no training rows", "--train")
    missing = [package for package in _PACKAGES if find_spec(package) is None]
    if missing:
        return not_checked(NAME, f"{missing[0]} is not installed", "pip install 'sentinel-leakage[audit]'")
    findings: list[Finding] = []
    details: list[str] = []
    n_read = 0
    for column in columns:
        images, asked = train.column(column), context.validation.column(column)
        if images is None or asked is None or not is_picture(images.type) or not is_picture(asked.type):
            details.append(f"{column!r} holds neither bytes nor paths in both files")
            continue
        finding, detail, is_read = _check(context, train, column, images, asked)
        n_read += is_read
        details.append(detail)
        findings += [] if finding is None else [finding]
    if not n_read:
        return not_checked(NAME, "; ".join(details), "images as bytes, or as paths inside the folder of the file")
    return found(NAME, findings, "; ".join(details))


def _check(
    context: Context, train: AuditRows, column: str, images: pa.Array, asked: pa.Array
) -> tuple[Finding | None, str, bool]:
    """The finding, what was looked at, and whether there was anything to compare."""
    generator = context.generator(f"{NAME}.{column}")
    looked_at = some_of(len(images), MOST_TRAIN, generator)
    among = read_pictures(images, context.folder, looked_at)
    among = among.at(generator.permutation(len(among.rows)))  # ties are then of all times
    probes = read_pictures(asked, context.folder, some_of(len(asked), MOST_ASKED, generator))
    left_out = "".join(
        f"; {side} images left out: {read.excuse}"
        for side, read in (("validation", probes), ("training", among))
        if read.excuse
    )
    if not len(among.rows) or not len(probes.rows):
        return None, f"{column!r}: no image of one of the files can be read{left_out}", False
    own = among.at(some_of(len(among.rows), MOST_ASKED, generator))
    nearest, mirrored = nearest_pictures(probes, among, _MOST_NEAR)
    seen = compare(nearest, nearest_pictures(own, among, _MOST_NEAR + 1)[0], train.times)
    least = seen.widest([1.0 - bits / N_BITS for bits in range(FEWEST_BITS, MOST_BITS + 1)], FALSE_MATCHES)
    kind = Kind(NAME, "image", "share of equal bits of the perceptual hash", least, _MEND)
    finding, detail = judge(context, kind, column, seen, n_looked_at=len(looked_at))
    detail += f"; copies encoded anew, resized, brightened or mirrored are seen, crops and turns are not{left_out}"
    if finding is not None:
        finding = _with_mirrored(finding, context, seen, mirrored, least)
    return finding, detail, True


def _with_mirrored(finding: Finding, context: Context, seen: Likeness, mirrored: Bool, least: float) -> Finding:
    """Say of which pairs one is the mirror image of the other."""
    turned = mirrored & seen.copied(least)
    if not turned.any():
        return finding
    numbers = set(context.validation.numbers[seen.validation.asked[np.flatnonzero(turned)]].tolist())
    rows = tuple(
        msgspec.structs.replace(pair, note="mirrored") if pair.validation in numbers else pair for pair in finding.rows
    )
    return msgspec.structs.replace(
        finding, rows=rows, detail=f"{finding.detail} {int(turned.sum()):,} of them are mirror images."
    )
