"""The generator's records, as load/records.go writes them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Records = NDArray[Any]
"""Structs of one of the kinds below."""
Pcm = NDArray[np.int16]

SENT: Final = np.dtype([("call", "<u4"), ("packet", "<u4"), ("due_ns", "<i8"), ("at_ns", "<i8")])
ARRIVED: Final = np.dtype(
    [
        ("call", "<u4"),
        ("timestamp", "<u4"),
        ("sequence", "<u2"),
        ("bytes", "<u2"),
        ("marker", "<u4"),
        ("at_ns", "<i8"),
    ]
)
CHUNK: Final = np.dtype([("call", "<u4"), ("end_samples", "<u4"), ("at_ns", "<i8")])


@dataclass(frozen=True)
class Window:
    """The measured time, on the clock of the records."""

    began_ns: int
    ended_ns: int

    @property
    def seconds(self) -> float:
        return (self.ended_ns - self.began_ns) / 1e9

    def of(self, records: Records) -> Records:
        within = (records["at_ns"] >= self.began_ns) & (records["at_ns"] < self.ended_ns)
        return np.asarray(records[within])


@dataclass(frozen=True)
class Recording:
    """What one load saw."""

    sends: Records
    arrivals: Records
    chunks: Records
    """Empty where the agent was not the generator's own."""
    heard: dict[int, Pcm]
    """By call, from its beginning."""

    @classmethod
    def read(cls, folder: Path) -> "Recording":
        return cls(
            sends=np.fromfile(folder / "sends.bin", SENT),
            arrivals=np.fromfile(folder / "arrivals.bin", ARRIVED),
            chunks=_read_if_there(folder / "chunks.bin", CHUNK),
            heard={int(path.stem): np.fromfile(path, "<i2") for path in sorted(folder.glob("*.pcm"))},
        )


def of_call(records: Records, call: int) -> Records:
    """In the order of the file, which is that of time."""
    return np.asarray(records[records["call"] == call])


def _read_if_there(path: Path, kind: "np.dtype[Any]") -> Records:
    return np.fromfile(path, kind) if path.exists() else np.zeros(0, kind)
