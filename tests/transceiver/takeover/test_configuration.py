"""What an export says beside the engine's state: it comes back whole, and nothing else does."""

import zlib
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.answer import LocalDescription
from antiphon_transceiver.backends import CallRequest
from antiphon_transceiver.media import AudioAgreement, MediaSettings, UplinkMode
from antiphon_transceiver.negotiation import DtlsRole, parse_offer
from antiphon_transceiver.renegotiation import Negotiation
from antiphon_transceiver.takeover.configuration import (
    CallConfiguration,
    ConfigurationError,
    ConfigurationTooLongError,
    WrittenConfiguration,
)
from antiphon_wire.environment import Address
from antiphon_wire.key_ring import KeyRing
from antiphon_wire.ticket import Ticket
from transceiver_offers import CHROMIUM, OFFERS

VIP = (Address("192.0.2.9", 3478),)
NOW = 1_795_226_400


def configuration(
    offer: str = CHROMIUM, session: str | None = None, uplink_mode: UplinkMode | None = None
) -> CallConfiguration:
    parsed = parse_offer(offer)
    local = LocalDescription(
        session_id=7,
        ufrag="1" + "A" * 23,
        password="p" * 24,
        fingerprint=":".join(["AB"] * 32),
        ssrc=4242,
        audio=AudioAgreement.of(parsed.audio, MediaSettings(complexity=3), uplink_mode),
        candidates=VIP,
        version=4,
    )
    return CallConfiguration(CallRequest("parrot", session, uplink_mode), parsed, local)


@given(
    client=st.sampled_from(sorted(OFFERS)),
    session=st.none() | st.text(),
    mode=st.none() | st.sampled_from(UplinkMode),
    role=st.sampled_from(DtlsRole),
)
def test_it_comes_back_whole_and_answers_as_before(
    client: str, session: str | None, mode: UplinkMode | None, role: DtlsRole
) -> None:
    before = configuration(OFFERS[client], session, mode)
    before = replace(before, offer=replace(before.offer, role=role))
    written = before.to_bytes()
    after = CallConfiguration.from_bytes(written, "parrot")
    assert after == replace(before, local=replace(before.local, candidates=()))
    assert after.negotiation(VIP).answer == Negotiation(before.offer, before.local).answer
    # A later offer is judged as the first owner would: the same again is the same.
    assert not after.negotiation(VIP).admit(parse_offer(OFFERS[client]))


def test_of_a_browsers_call_it_takes_about_a_kilobyte() -> None:
    assert len(configuration().to_bytes()) < 1200


def test_it_is_written_anew_only_after_a_restart_of_ice() -> None:
    of_call = configuration()
    negotiation = Negotiation(of_call.offer, of_call.local)
    written = WrittenConfiguration(of_call.request, negotiation)
    assert written() is written()
    ticket = Ticket(cluster_id=0, route=8, expires_at=NOW + 3600, nonce=1)
    minted = KeyRing.from_json(KeyRing.generate_json(NOW)).mint(ticket, now=NOW)
    negotiation.restart(of_call.offer, minted, VIP, now=1.0)
    restarted = CallConfiguration.from_bytes(written(), None)
    assert (restarted.local.ufrag, restarted.local.version) == (minted.ufrag, 5)


def test_a_session_that_is_too_long_is_said_to_be() -> None:
    noise = "".join(chr(0x4E00 + number * 7919 % 20_000) for number in range(60_000))
    with pytest.raises(ConfigurationTooLongError):
        configuration(session=noise).to_bytes()


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"{}",
        zlib.compress(b"{}"),
        zlib.compress(b"[]"),
        zlib.compress(b"x" * 10_000_000),
        zlib.compress(zlib.decompress(configuration().to_bytes()) + b" " * 600_000),
        zlib.compress(orjson.dumps({"session": None, "uplink_mode": None, "offer": 7, "role": "active", "local": {}})),
    ],
)
def test_what_is_none_is_refused(written: bytes) -> None:
    with pytest.raises(ConfigurationError):
        CallConfiguration.from_bytes(written, None)


@given(at=st.integers(0, 10_000), to=st.integers(0, 255))
def test_changed_bytes_are_one_or_none(at: int, to: int) -> None:
    written = bytearray(configuration().to_bytes())
    written[at % len(written)] = to
    try:
        CallConfiguration.from_bytes(bytes(written), None)
    except ConfigurationError:
        return


@given(st.dictionaries(st.sampled_from(["session", "uplink_mode", "offer", "role", "local"]), st.none() | st.text()))
def test_a_document_with_other_members_is_refused(changes: dict[str, str | None]) -> None:
    document = orjson.loads(zlib.decompress(configuration().to_bytes())) | changes
    try:
        after = CallConfiguration.from_bytes(zlib.compress(orjson.dumps(document)), None)
    except ConfigurationError:
        return
    assert set(changes) <= {"session", "uplink_mode"}
    assert after.request.session == changes.get("session")
