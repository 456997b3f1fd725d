import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from antiphon_cli.__main__ import cli
from antiphon_wire import KeyRing, Ticket

ROUTE = 0x1235


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    path.write_text(KeyRing.generate_json(int(time.time())))
    return path


def mint(keys: Path, *, expires_in_s: int) -> str:
    now = int(time.time())
    ticket = Ticket(cluster_id=3, route=ROUTE, expires_at=now + expires_in_s, nonce=0xDEADBEEF)
    return KeyRing.from_json(keys.read_text()).mint(ticket, now=now).ufrag


def decode(keys: Path, ufrag: str, *options: str) -> Result:
    return CliRunner().invoke(cli, ["ticket", ufrag, "--keys", str(keys), *options])


def test_a_good_ticket_is_told_and_valid(keys: Path) -> None:
    result = decode(keys, mint(keys, expires_in_s=3600))
    assert result.exit_code == 0
    assert "cluster   3" in result.output
    assert "route     4661 (0x00001235): block 0x00001230, sub-slot 5" in result.output
    assert "key       A" in result.output
    assert result.output.endswith("valid now\n")
    assert "3735928559" not in result.output
    assert "deadbeef" not in result.output.lower()


def test_the_username_of_a_stun_request_is_understood(keys: Path) -> None:
    assert decode(keys, mint(keys, expires_in_s=3600) + ":client").exit_code == 0


def test_a_call_id_is_told_from_a_ticket(keys: Path) -> None:
    result = decode(keys, "rtc_0123456789abcdef")
    assert result.exit_code == 1
    assert "that is a call id, not a ticket" in result.output


def test_json_says_the_same(keys: Path) -> None:
    result = decode(keys, mint(keys, expires_in_s=3600), "-o", "json")
    assert '"sub_slot": 5' in result.output
    assert '"valid": true' in result.output


def test_an_expired_ticket_is_decoded_and_refused(keys: Path) -> None:
    result = decode(keys, mint(keys, expires_in_s=-3600))
    assert result.exit_code == 1
    assert "route     4661" in result.output
    assert "refused: expired" in result.output


def test_a_ticket_of_another_run_is_refused(keys: Path, tmp_path: Path) -> None:
    others = tmp_path / "others.json"
    others.write_text(KeyRing.generate_json(int(time.time())))
    result = decode(keys, mint(others, expires_in_s=3600))
    assert result.exit_code == 1
    assert "refused: forged" in result.output


@pytest.mark.parametrize("ufrag", ["", "abc", "x" * 24, "x" * 300])
def test_what_is_no_ticket_is_refused(keys: Path, ufrag: str) -> None:
    result = decode(keys, ufrag)
    assert result.exit_code == 1
    assert result.output.startswith("refused: ")


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    result = decode(tmp_path / "none.json", "x" * 24)
    assert result.exit_code == 1
    assert "none.json cannot be read" in result.output
