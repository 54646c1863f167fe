"""Tensors of the Open Inference Protocol that came as raw bytes, whatever message they stood in: their values."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

_TYPES: Final = {
    "BOOL": "?",
    **{f"{sign}INT{8 * size}": f"<{code}{size}" for sign, code in (("", "i"), ("U", "u")) for size in (1, 2, 4, 8)},
    **{f"FP{8 * size}": f"<f{size}" for size in (2, 4, 8)},
    "BF16": "<u2",
}
_LENGTH_BYTES: Final = 4  # before each text of a tensor of BYTES


def raw_values(raw: bytes, datatype: str, n: int) -> list[Any]:
    """The values of a raw tensor, row-major; texts as bytes.

    Parameters
    ----------
    raw : bytes
    datatype : str
        As the protocol calls it.
    n : int, >= 0
        Values that its shape asks for; of BYTES the caller compares.

    Raises
    ------
    ValueError
        If they are not what datatype and shape say; the text goes on after "the raw contents of ...".

    Examples
    --------
    >>> raw_values(bytes.fromhex("0000803f"), "FP32", 1), raw_values(bytes.fromhex("803f"), "BF16", 1)
    ([1.0], [1.0])
    """
    if datatype == "BYTES":
        return _texts(raw)
    if datatype not in _TYPES:
        raise ValueError("are of a datatype that the protocol does not have")
    kind = np.dtype(_TYPES[datatype])
    if len(raw) != n * kind.itemsize:
        raise ValueError(f"have {len(raw)} bytes, and its shape says {n * kind.itemsize}")
    values = np.frombuffer(raw, kind)
    if datatype == "BF16":  # the upper half of a 32-bit float
        values = (values.astype("<u4") << 16).view("<f4")
    found: list[Any] = values.tolist()
    return found


def _texts(raw: bytes) -> list[bytes]:
    """Texts, each after its length in four bytes, little end first."""
    texts, position = [], 0
    while position < len(raw):
        start = position + _LENGTH_BYTES
        end = start + int.from_bytes(raw[position:start], "little")
        if end > len(raw):
            raise ValueError("end within a text")
        texts.append(raw[start:end])
        position = end
    return texts
