"""The programs of the bench that are not Python: built once, and the speech encoded by one of them."""

import json
import os
import shutil
import subprocess
import sys
import wave
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bench.transceiver.floor import FRAMES_PER_MINUTE, Floor
from bench.transceiver.pulses import decoded_offset
from bench.transceiver.speech import RATE, Samples, Script, pcm_of
from voices import NAMES, resample, voice

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent.parent


@dataclass(frozen=True)
class Tools:
    load: Path
    floors: Path
    str0m_echo: Path
    pion_echo: Path | None
    """None: it is not wanted, or could not be built."""


def build(into: Path, *, pion: bool) -> Tools:
    load = build_generator(into)
    messages = _cargo_build()
    made = {each["target"]["name"]: each["executable"] for each in messages if each.get("executable")}
    libopus = next(
        Path(each["out_dir"]) for each in messages if "opusic-sys" in str(each.get("package_id")) and "out_dir" in each
    )
    pion_echo = _pion_echo(into / "echopeer", libopus) if pion else None
    return Tools(load, Path(made["floors"]), Path(made["str0m_echo"]), pion_echo)


def build_generator(into: Path) -> Path:
    if shutil.which("go") is None:
        raise SystemExit("Go 1.25 or newer is needed (https://go.dev/dl/): it builds the generator")
    _go_build(into / "load", ".", {"CGO_ENABLED": "0"})
    return into / "load"


def _cargo_build() -> list[dict[str, Any]]:
    manifest = HERE / "str0m" / "Cargo.toml"
    command = [str(ROOT / "scripts/cargo"), "build", "--release", "--locked", "--manifest-path", str(manifest)]
    built = subprocess.run([*command, "--message-format=json"], check=True, stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in built.stdout.splitlines()]


def _pion_echo(into: Path, libopus: Path) -> Path | None:
    """With the libopus that the Rust programs have, so that the codec is the same."""
    flags = {"CGO_CFLAGS": f"-O2 -I{libopus / 'include' / 'opus'}", "CGO_LDFLAGS": f"{libopus / 'lib/libopus.a'} -lm"}
    try:
        _go_build(into, "./echopeer", {"CGO_ENABLED": "1", **flags})
    except subprocess.CalledProcessError:
        print("the pion echo could not be built (it needs a C compiler): left out", file=sys.stderr)
        return None
    return into


def _go_build(into: Path, package: str, variables: dict[str, str]) -> None:
    command = ["go", "build", "-mod=readonly", "-trimpath", "-o", str(into), package]
    subprocess.run(command, check=True, cwd=HERE / "load", env={**os.environ, **variables})


@dataclass(frozen=True)
class Spoken:
    """The calls' speech, encoded."""

    packets: dict[Script, Path]
    pulse_offset: int
    """Samples by which the codec delays it."""

    def sizes(self, script: Script) -> NDArray[np.int64]:
        """Bytes of each packet."""
        content, sizes = self.packets[script].read_bytes(), list[int]()
        at = 0
        while at < len(content):
            sizes.append(int.from_bytes(content[at : at + 2], "little"))
            at += 2 + sizes[-1]
        return np.array(sizes)


def encode_speech(floors: Path, folder: Path) -> Spoken:
    voices = [_voice(name) for name in NAMES]
    packets: dict[Script, Path] = {}
    for script in Script:
        pcm, packets[script] = folder / f"{script}.pcm", folder / f"{script}.packets"
        pcm.write_bytes(pcm_of(script, voices))
        subprocess.run([str(floors), "encode", str(pcm), str(packets[script])], check=True)
    decoded = folder / "decoded.pcm"
    subprocess.run([str(floors), "decode", str(packets[Script.STEADY]), str(decoded)], check=True)
    return Spoken(packets, decoded_offset(np.fromfile(decoded, "<i2")))


def _voice(name: str) -> Samples:
    with wave.open(str(voice(name).path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float) / 32768
        return resample(samples, file.getframerate(), RATE)


def floors_of(floors: Path, spoken: Spoken, seconds: float) -> dict[Script, Floor]:
    """libopus alone. What an agent says in turns is speech; what it hears has the pauses in it."""
    steady, turns = (_floor_of(floors, spoken.packets[script], seconds / 2) for script in Script)
    return {Script.STEADY: steady, Script.TURNS: replace(turns, encode=steady.encode)}


def _floor_of(floors: Path, packets: Path, seconds: float) -> Floor:
    command = [str(floors), "codec", str(packets), str(seconds)]
    figures = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    each = FRAMES_PER_MINUTE / figures["frames"]
    return Floor(decode=figures["decode_s"] * each, encode=figures["encode_s"] * each)
