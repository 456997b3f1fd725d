"""The worked examples of docs/wire-formats.md are the golden vectors' own."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "wire-formats.md").read_text()


def first_row(file: str, table: str) -> dict[str, str]:
    row: dict[str, str] = json.loads((ROOT / "tests" / "vectors" / file).read_text())[table][0]
    return row


def test_the_tickets_worked_example_is_the_first_vector() -> None:
    row = first_row("tickets.json", "minted")
    for name, value in (("ticket", row["ufrag"]), ("password", row["password"]), ("call id", row["call_id"])):
        assert f"| **{name}** | `{value}` |" in PAGE


def test_the_hop_records_worked_example_is_the_first_vector() -> None:
    example = re.search(r"```\n(01 00 07 00 .*?)```", PAGE, re.DOTALL)
    assert example is not None
    hexadecimal = "".join(re.split(r" {4,}", line)[0] for line in example[1].splitlines())
    assert hexadecimal.replace(" ", "") == first_row("hop.json", "datagrams")["hex"]


def test_every_reason_is_named() -> None:
    for file in ("tickets.json", "hop.json"):
        refused = json.loads((ROOT / "tests" / "vectors" / file).read_text())["refused"]
        for reason in {row["reason"] for row in refused}:
            assert f"`{reason}`" in PAGE
