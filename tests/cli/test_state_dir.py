import stat
import time
from pathlib import Path

import pytest

from antiphon_cli.local.state_dir import Run, RunningChild, StateDir, StateDirError, is_running, read_run
from antiphon_wire import KeyRing, Ticket


def test_secrets_are_for_their_owner_only_and_the_keys_mint(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    token = state.begin()
    for secret in (state.keys, state.control_token):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert state.control_token.read_text() == f"{token}\n"
    assert len(token) >= 32
    now = int(time.time())
    ring = KeyRing.from_json(state.keys.read_text())
    assert ring.mint(Ticket(cluster_id=0, route=8, expires_at=now + 60, nonce=1), now=now).ufrag
    state.close()


def test_the_folder_and_its_logs_are_for_their_owner_only(tmp_path: Path) -> None:
    (tmp_path / "others").mkdir(mode=0o755)
    made, others = StateDir(tmp_path / "made"), StateDir(tmp_path / "others")
    for folder in (made.path, made.logs, others.logs):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(others.path.stat().st_mode) == 0o755, "it was not made for this"
    made.close()
    others.close()


def test_a_second_one_is_told_who_has_the_folder_until_it_is_closed(tmp_path: Path) -> None:
    first = StateDir(tmp_path)
    first.record(Run(4711, time.time(), "http://127.0.0.1:8080", insecure=False, children=()))
    with pytest.raises(StateDirError, match=r"runs already .* \(pid 4711, http://127.0.0.1:8080\)"):
        StateDir(tmp_path)
    assert is_running(tmp_path)
    first.close()
    assert not is_running(tmp_path)
    StateDir(tmp_path).close()


def test_what_runs_can_be_read_back(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    child = RunningChild("relay", "relay", "udp 192.0.2.2:3478", "http://127.0.0.1:17102")
    run = Run(1, 2.0, "http://127.0.0.1:8080", insecure=False, children=(child,))
    state.record(run)
    assert read_run(tmp_path) == run
    state.close()
    assert read_run(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"children": 5}', '{"children": [{}]}'])
def test_a_damaged_record_is_no_run(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    assert read_run(tmp_path) is None


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateDirError, match="Try: --state-dir DIR"):
        StateDir(tmp_path / "file" / "state")
