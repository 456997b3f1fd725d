"""Writes tests/vectors/g711.json when run: what audioop makes of G.711's codes and of samples."""

from __future__ import annotations

import json
import struct
import warnings
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import TypedDict

with warnings.catch_warnings():
    # It goes with Python 3.13; until then it is an implementation that is not ours.
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

VECTORS = Path(__file__).parents[1] / "vectors" / "g711.json"
WIDTH = 2


class Law(TypedDict):
    """`samples`: of the codes 0 … 255. `steps`: the first sample, from 0 up, that has a code, and the code.

    Below zero audioop rounds µ-law away from zero, unlike ITU-T G.191; there the sign bit alone tells x from -1 - x.
    """

    samples: list[int]
    steps: list[tuple[int, int]]


def document() -> dict[str, Law]:
    return {"mu": _law(audioop.ulaw2lin, audioop.lin2ulaw), "a": _law(audioop.alaw2lin, audioop.lin2alaw)}


def _law(decode: Callable[[bytes, int], bytes], encode: Callable[[bytes, int], bytes]) -> Law:
    codes = encode(struct.pack("=32768h", *range(32768)), WIDTH)
    return {
        "samples": list(struct.unpack("=256h", decode(bytes(range(256)), WIDTH))),
        "steps": [(next(group)[0], code) for code, group in groupby(enumerate(codes), key=lambda pair: pair[1])],
    }


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(document()) + "\n")
