"""The token of the control API: one rule for all who hold it."""

from pathlib import Path

import pytest

from antiphon_wire.control import SHORTEST_TOKEN, read_control_token
from antiphon_wire.environment import SettingError

TOKEN = "t" * SHORTEST_TOKEN


@pytest.mark.parametrize("content", [TOKEN, f"{TOKEN}\n", f"  {TOKEN}\r\n"])
def test_a_token_is_one_line(tmp_path: Path, content: str) -> None:
    path = tmp_path / "token"
    path.write_text(content)
    assert read_control_token(path) == TOKEN


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "must hold one line of at least 32 characters"),
        (TOKEN[1:].encode(), "at least 32 characters"),
        (b"two words of thirty-two characters", "without spaces"),
        (f"{TOKEN}\n{TOKEN}".encode(), "one line"),
        (f"{TOKEN}\x7f".encode(), "must hold one line"),
        (f"{TOKEN}é".encode(), "more than ASCII"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_what_is_no_token_is_refused_by_the_variables_name(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingError) as refused:
        read_control_token(path)
    assert refused.value.name == "ANTIPHON_CONTROL_TOKEN_FILE"
    assert says in str(refused.value)
    assert TOKEN[1:] not in str(refused.value)
