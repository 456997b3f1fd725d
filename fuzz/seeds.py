"""Writes every fuzz target's first corpus from the golden vectors: `seeds.py VECTORS CORPUS`."""

import json
import struct
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any


def main(vectors: Path, corpus: Path) -> None:
    def rows(file: str, *tables: str) -> Iterator[dict[str, Any]]:
        document = json.loads((vectors / file).read_text())
        for table in tables:
            yield from document[table]

    seeds = {
        "stun": [bytes.fromhex(row["hex"]) for row in rows("stun.json", "messages", "refused")],
        "hop": [bytes.fromhex(row["hex"]) for row in rows("hop.json", "datagrams", "refused")],
        "ticket": [
            *(ticket(row["now"], row["ufrag"]) for row in rows("tickets.json", "minted", "opened", "refused")),
            *(ticket(row["now"], row["call_id"]) for row in rows("tickets.json", "minted")),
        ],
        "verdict": [
            *(who + bytes.fromhex(row["hex"]) for row in rows("stun.json", "messages") for who in (b"\0", b"\1")),
            *(b"\2" + bytes.fromhex(row["hex"]) for row in rows("hop.json", "datagrams")),
        ],
        "switchboard": [bytes.fromhex(row["hex"]) for row in rows("hop.json", "datagrams", "refused")],
        "route_table": [
            *(json.dumps(row["document"]).encode() for row in rows("route_tables.json", "accepted")),
            *(row["text"].encode() for row in rows("route_tables.json", "refused")),
        ],
    }
    for target, inputs in seeds.items():
        folder = corpus / target
        folder.mkdir(parents=True, exist_ok=True)
        for data in inputs:
            (folder / sha256(data).hexdigest()[:16]).write_bytes(data)


def ticket(now: int, text: str) -> bytes:
    # The target halves the time.
    return struct.pack(">Q", now << 1) + text.encode()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
