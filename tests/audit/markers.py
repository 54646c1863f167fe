"""Rows full of values that stand nowhere else, with every kind of leak planted, and a search for them in any text."""

from __future__ import annotations

import base64
import io
import urllib.parse
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from PIL import Image, PngImagePlugin

PREFIX: Final = "zqvk"
"""Begins every planted word; the letters behind it say what it was planted as."""
KINDS: Final = ("pid", "grp", "cat", "new", "txt", "idn", "img", "mix", "enc", "voc")
NUMBERS: Final = {
    "amount": 8135790.24,
    "telltale_yes": 5918273.64,
    "telltale_no": 2748193.06,
    "constant": 7364519.28,
    "far_out": 4682937.15,
    "attribution": 3917264.85,
    "vector": 6473829.51,
    "encoded_yes": 9271836.45,
    "encoded_no": 1739284.65,
    "fitted": 8462917.35,
}
"""By what each was planted as: seven digits before the point that no count, share or time has."""
DAY: Final = "1931-07-23"
"""A date of birth."""
N_TRAIN, N_VALIDATION, N_COPIED = 600, 400, 120
MANIFEST: Final[Mapping[str, Any]] = {
    "split": {"protocol": "random"},
    "candidates": 40,
    "fit_statistics": {"amount": {"mean": NUMBERS["fitted"], "sd": NUMBERS["fitted"], "n": 1_000}},
    "encoder_categories": {"plan": [f"{PREFIX}enc{at}" for at in range(5)]},
    "vocabularies": {"complaint": [f"{PREFIX}voc{at}" for at in range(50)]},
    "target_encodings": {"plan": {f"{PREFIX}enc{at}": NUMBERS["fitted"] for at in range(5)}},
}


def marked_rows() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training and validation rows of which every value of a feature, an id or an entity is a marker or near one."""
    train = _rows(N_TRAIN, 1, "train")
    validation = _rows(N_VALIDATION, 2, "validation")
    copied = [name for name in train.columns if name not in ("prediction_id", "mixed")]
    validation.loc[: N_COPIED - 1, copied] = train.loc[: N_COPIED - 1, copied]
    return train, validation.infer_objects()


def _rows(n: int, seed: int, side: str) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    at = pd.Timestamp("2026-01-05", tz="UTC") + pd.to_timedelta(rng.permutation(n), unit="h")
    entity = rng.integers(0, 150, n)
    images = [_image(int(each)) for each in entity]
    offset = rng.normal(size=n)
    frame = pd.DataFrame(
        {
            "prediction_id": [f"{PREFIX}pid{side}{row}" for row in range(n)],
            "group": [f"{PREFIX}grp{each}" for each in entity],
            "predicted_at": at,
            "outcome_at": at + pd.Timedelta(days=3),
            "outcome": y,
            "score": np.clip(0.5 + 0.3 * (y - 0.5) + 0.1 * offset, 0.01, 0.99),
            "amount": NUMBERS["amount"] + np.where(rng.random(n) < 0.5, 0.0, offset),
            "telltale": np.where(y == 1, NUMBERS["telltale_yes"], NUMBERS["telltale_no"]),
            "gone_if_yes": np.where((y == 1) & (rng.random(n) < 0.8), np.nan, NUMBERS["amount"]),
            "constant": NUMBERS["constant"],
            "shifted": np.where((side == "validation") & (rng.random(n) < 0.3), NUMBERS["far_out"], offset),
            "encoded": np.where(rng.random(n) < 0.5 + 0.4 * (y - 0.5), NUMBERS["encoded_yes"], NUMBERS["encoded_no"]),
            "plan": [f"{PREFIX}{'new' if side == 'validation' and k > 3 else 'cat'}{k}" for k in rng.integers(0, 6, n)],
            "email": [f"{PREFIX}idn{side}{row}@example.org" for row in range(n)],
            "complaint": [
                f"{PREFIX}txt{k} called because line {k} was down again and nobody came to look" for k in entity
            ],
            "born": pd.Timestamp(DAY) + pd.to_timedelta(entity, unit="D"),
            "photo": images,
            "voice": [[NUMBERS["vector"] + k, *rng.normal(size=7)] for k in entity],
            "known_at": at + pd.to_timedelta(np.where(rng.random(n) < 0.2, 5, -5), unit="h"),
            "shap_amount": NUMBERS["attribution"] * (2 * y - 1),
        }
    )
    if side == "train":
        return frame.drop(columns="shap_amount").assign(mixed=[f"{PREFIX}mix{row % 7}" for row in range(n)])
    return frame


def _image(number: int) -> bytes:
    pixels = np.random.default_rng(number).integers(0, 255, (16, 16, 3), np.uint8)
    told = PngImagePlugin.PngInfo()
    told.add_text("Comment", f"{PREFIX}img{number}")
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", pnginfo=told)
    return file.getvalue()


def found_in(output: bytes, *, kinds: tuple[str, ...] = KINDS, numbers: bool = True) -> list[str]:
    """Every planted value, by the form in which it is in the output.

    Parameters
    ----------
    output : bytes
    kinds : tuple of str
        Words that are searched for.
    numbers : bool
        Whether numbers and the date are, too.
    """
    low = output.lower()
    words = [form for kind in kinds for form in _forms_of_word(f"{PREFIX}{kind}") if form.lower() in low]
    some = [form for value in NUMBERS.values() for form in _forms_of_number(value) if form in output] if numbers else []
    days = [form for form in _forms_of_day() if form in output] if numbers else []
    return sorted({repr(form) for form in (*words, *some, *days)})


def _forms_of_word(word: str) -> Iterator[bytes]:
    raw = word.encode()
    yield raw
    yield raw[::-1]
    yield raw.hex().encode()
    yield word.encode("utf-16-le")
    yield urllib.parse.quote("".join(f"{c}" for c in word)).encode()
    for shift in range(3):  # the letters that do not depend on what stands before and behind the word
        yield base64.b64encode(b"." * shift + raw)[2 * shift : -4 if (len(raw) + shift) % 3 else None]


def _forms_of_number(value: float) -> Iterator[bytes]:
    for form in ("", ".0f", ",.0f", ".1f", ",.1f", ".3g", ".4g", ".6g"):
        yield format(value, form).encode()
    yield f"{value:e}"[:6].encode()
    yield str(int(value)).encode()
    yield f"{int(value):,}".encode()
    yield str(int(value))[::-1].encode()
    for dtype in ("<f8", ">f8", "<f4", ">f4"):
        yield np.array(value).astype(dtype).tobytes()


def _forms_of_day() -> Iterator[bytes]:
    year, month, day = DAY.split("-")
    yield from (
        form.encode() for form in (DAY, DAY.replace("-", "/"), f"{day}.{month}.{year}", "July 1931", "Jul 1931")
    )
