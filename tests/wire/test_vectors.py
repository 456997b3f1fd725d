"""The golden vectors of tests/vectors/, which the Rust tests read too."""

import json
from pathlib import Path
from typing import Any

import pytest

from antiphon_wire import BlockState, KeyRing, RouteTable, RouteTableError, Ticket, TicketError, hop, stun

VECTORS = Path(__file__).parents[1] / "vectors"
NOW = 1_795_226_400

Row = dict[str, Any]


def vectors(file: str) -> Row:
    document: Row = json.loads((VECTORS / file).read_text())
    return document


def rows(file: str, table: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", [pytest.param(row, id=row["name"]) for row in vectors(file)[table]])


@pytest.fixture(scope="module")
def ring() -> KeyRing:
    return KeyRing(
        [
            (ord(key["id"]), bytes.fromhex(key["secret_hex"]), key["mint_from"], key["mint_until"], key["accept_until"])
            for key in vectors("tickets.json")["keys"]
        ]
    )


@rows("tickets.json", "minted")
def test_a_ticket_is_minted(ring: KeyRing, row: Row) -> None:
    ticket = Ticket(**{field: row[field] for field in ("cluster_id", "route", "expires_at", "nonce")})
    minted = ring.mint(ticket, now=row["now"])
    assert (minted.ufrag, minted.password, minted.call_id) == (row["ufrag"], row["password"], row["call_id"])
    inspected = ring.inspect(row["ufrag"], now=row["now"])
    assert (inspected, inspected.key_id) == (ticket, row["key_id"])
    assert ring.password(row["ufrag"]) == row["password"]
    call_id = ring.open_call_id(row["call_id"])
    assert (call_id.cluster_id, call_id.route, call_id.nonce, call_id.key_id) == (
        ticket.cluster_id,
        ticket.route,
        ticket.nonce,
        row["key_id"],
    )


@rows("tickets.json", "opened")
def test_a_ticket_is_opened(ring: KeyRing, row: Row) -> None:
    ticket = ring.open(row["ufrag"], now=row["now"], longest_s=row["longest_s"], skew_s=row["skew_s"])
    assert ticket.expires_at == row["expires_at"]


@rows("tickets.json", "refused")
def test_a_ticket_is_refused(ring: KeyRing, row: Row) -> None:
    with pytest.raises(TicketError) as refused:
        ring.open(row["ufrag"], now=row["now"], longest_s=row["longest_s"], skew_s=row["skew_s"])
    assert refused.value.reason == row["reason"]
    assert row["ufrag"] == "" or row["ufrag"] not in str(refused.value)


@rows("tickets.json", "refused_call_ids")
def test_a_call_id_is_refused(ring: KeyRing, row: Row) -> None:
    with pytest.raises(TicketError) as refused:
        ring.open_call_id(row["call_id"], now=NOW)
    assert refused.value.reason == row["reason"]


@rows("stun.json", "messages")
def test_a_stun_message_is_read(row: Row) -> None:
    message = stun.parse(bytes.fromhex(row["hex"]))
    mapped = row["xor_mapped_address"]
    assert message == stun.Message(
        kind=stun.Kind(row["kind"]),
        transaction_id=bytes.fromhex(row["transaction_id"]),
        username=row["username"],
        xor_mapped_address=None if mapped is None else (mapped[0], mapped[1]),
        priority=row["priority"],
        use_candidate=row["use_candidate"],
        controlling=row["controlling"],
        controlled=row["controlled"],
        error_code=row["error_code"],
        unknown_required=row["unknown_required"],
        datagram=bytes.fromhex(row["hex"]),
    )
    assert not message.verify("another")


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=row["name"])
        for row in vectors("stun.json")["messages"]
        if row["integrity_key_hex"] and row["has_fingerprint"]
    ],
)
def test_a_stun_message_is_verified_under_its_password(row: Row) -> None:
    message = stun.parse(bytes.fromhex(row["hex"]))
    assert message.verify(bytes.fromhex(row["integrity_key_hex"]).decode())


@rows("stun.json", "refused")
def test_a_stun_message_is_refused(row: Row) -> None:
    with pytest.raises(stun.StunError):
        stun.parse(bytes.fromhex(row["hex"]))


@rows("hop.json", "datagrams")
def test_a_hop_datagram_is_unpacked(row: Row) -> None:
    expected = [
        hop.Record(
            route=record["route"],
            client_host=record["client_host"],
            client_port=record["client_port"],
            local_index=record["local_index"],
            payload=bytes.fromhex(record["payload_hex"]),
            no_pack=record["no_pack"],
            tlvs=tuple(hop.Tlv(kind, bytes.fromhex(value)) for kind, value in record["tlvs"]),
        )
        for record in row["records"]
    ]
    assert hop.unpack(bytes.fromhex(row["hex"])) == expected
    if row["canonical"]:
        assert hop.pack(expected).hex() == row["hex"]


@rows("hop.json", "refused")
def test_a_hop_datagram_is_refused(row: Row) -> None:
    with pytest.raises(hop.HopError):
        hop.unpack(bytes.fromhex(row["hex"]))


@rows("route_tables.json", "accepted")
def test_a_route_table_is_read(row: Row) -> None:
    table = RouteTable.from_json(json.dumps(row["document"]))
    for route, hop_address, state in row["owners"]:
        server = table.server_of(route)
        if server is None:
            # The address may be known all the same: a relay needs no more.
            assert hop_address not in [block.hop for block in table.blocks]
        else:
            assert (server.hop, server.state) == (hop_address, BlockState(state))
    assert RouteTable.from_json(table.to_json()).blocks == table.blocks


@rows("route_tables.json", "refused")
def test_a_route_table_is_refused(row: Row) -> None:
    with pytest.raises(RouteTableError) as refused:
        RouteTable.from_json(row["text"])
    assert row["says"] in str(refused.value)


@rows("route_tables.json", "replaced")
def test_a_newer_route_table_is_taken_or_held_back(row: Row) -> None:
    current, newer = (RouteTable.from_json(json.dumps(row[field])) for field in ("current", "newer"))
    held = current.accepts(newer)
    assert (held and held.said, held and held.reason) == (row["held"], row["reason"])
