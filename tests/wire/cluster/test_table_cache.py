"""The cached table: what was written is read, and what is damaged is not used."""

from pathlib import Path

import pytest

from antiphon_wire.cluster.shards import Shard
from antiphon_wire.cluster.table_cache import read_cache, write_cache

SHARDS = (Shard("edge", 0, 2, 7, 0, "voice/edge"), Shard("edge", 1, 2, 8, 0, "voice/edge"))


def test_what_was_written_is_read_and_nothing_else_is_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "routes.json"
    for shards in (SHARDS[:1], SHARDS):
        write_cache(path, shards)
        assert read_cache(path) == shards
    assert [file.name for file in tmp_path.iterdir()] == ["routes.json"]


def test_before_the_first_table_there_is_nothing_to_read(tmp_path: Path) -> None:
    assert read_cache(tmp_path / "routes.json") == ()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"shards": [{}]}', '{"shards": 7}', "[" * 100_000])
def test_a_damaged_cache_is_not_used_and_said_so(tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "routes.json"
    path.write_text(text)
    assert read_cache(path) == ()
    assert "cached route table not used" in caplog.text
