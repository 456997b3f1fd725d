"""Two minutes of the soak: calls come, go and vanish, and nothing of the transceivers grows."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CALLS = 12


@pytest.mark.go
@pytest.mark.timeout(900)
def test_two_minutes_of_calls_leave_nothing_behind_and_their_playout_does_not_drift(tmp_path: Path) -> None:
    """Other work of the machine makes frames late; how late is not judged."""
    told = tmp_path / "told.json"
    command = [sys.executable, str(ROOT / "bench/transceiver/soak.py"), "--minutes", "2", "--calls", str(CALLS)]
    command += ["--judge", "growth,drift", "--json", str(told)]

    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    if ran.returncode != 0:
        print(ran.stdout + ran.stderr)
        # What a moment of the machine's did comes once; what grows, grows again.
        ran = subprocess.run(command, check=False, capture_output=True, text=True)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    seen = json.loads(told.read_text())
    assert seen["wrong"] == []
    assert seen["calls"]["echo"]["connected"] > CALLS
    judged = {(each["of"], each["what"]): each for each in seen["series"]}
    # What is not sampled cannot grow.
    assert len(judged["t1 (agent)", "Python objects"]["values"]) > 30
    assert len(judged["echo (worst of 3 calls)", "RTP clock behind the wall's"]["values"]) > 5
