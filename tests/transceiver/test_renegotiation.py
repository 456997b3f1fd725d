"""What a later offer of a call may say, and what our answer to it keeps."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.answer import LocalDescription
from antiphon_transceiver.media.agreement import AudioAgreement
from antiphon_transceiver.media.settings import MediaSettings
from antiphon_transceiver.negotiation import DtlsRole, Offer, parse_offer
from antiphon_transceiver.renegotiation import Negotiation, RestartTooSoonError
from antiphon_transceiver.sdp import OfferError, OfferFault
from antiphon_wire.control import RESTART_INTERVAL_S
from antiphon_wire.environment import Address
from antiphon_wire.key_ring import KeyRing
from antiphon_wire.ticket import Minted, Ticket
from transceiver_offers import CHROMIUM, OFFERS

NOW = 1_795_226_400
RING = KeyRing.generate_json(NOW)
VIP = (Address("192.0.2.9", 3478),)
UFRAG, PASSWORD = "1" + "A" * 23, "p" * 24
ICE_CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def minted(nonce: int = 1) -> Minted:
    ticket = Ticket(cluster_id=0, route=0x1000, expires_at=NOW + 3600, nonce=nonce)
    return KeyRing.from_json(RING).mint(ticket, now=NOW)


def negotiation(offer: str = CHROMIUM) -> Negotiation:
    parsed = parse_offer(offer)
    return Negotiation(parsed, description(parsed))


def description(offer: Offer) -> LocalDescription:
    return LocalDescription(
        session_id=7,
        ufrag=UFRAG,
        password=PASSWORD,
        fingerprint=":".join(["AB"] * 32),
        ssrc=4242,
        audio=AudioAgreement.of(offer.audio, MediaSettings()),
        candidates=VIP,
    )


def restarted(offer: str, ufrag: str = "another+ufrag", password: str = "another/password/of/30/letters") -> str:
    """The offer with other ICE credentials, in every section."""
    return re.sub(r"a=ice-pwd:\S+", f"a=ice-pwd:{password}", re.sub(r"a=ice-ufrag:\S+", f"a=ice-ufrag:{ufrag}", offer))


@given(
    client=st.sampled_from(sorted(OFFERS)),
    ufrag=st.text(ICE_CHARS, min_size=4, max_size=256),
    password=st.text(ICE_CHARS, min_size=22, max_size=256),
    nonce=st.integers(0, 2**32 - 1),
)
def test_the_answer_to_a_restart_differs_in_version_and_credentials_alone(
    client: str, ufrag: str, password: str, nonce: int
) -> None:
    one, ticket = negotiation(OFFERS[client]), minted(nonce)
    before = one.answer
    later = parse_offer(restarted(OFFERS[client], ufrag, password))
    assert one.admit(later)
    one.restart(later, ticket, VIP, now=5.0)
    renamed = before.replace("o=- 7 1 ", "o=- 7 2 ").replace(UFRAG, ticket.ufrag)
    assert one.answer == renamed.replace(PASSWORD, ticket.password)
    assert not one.admit(later), "the same offer again gets the same answer"


@pytest.mark.parametrize("client", sorted(OFFERS))
def test_an_offer_that_changes_nothing_restarts_nothing(client: str) -> None:
    assert not negotiation(OFFERS[client]).admit(parse_offer(OFFERS[client]))


@pytest.mark.parametrize("line", ["a=ice-ufrag:", "a=ice-pwd:"])
def test_either_of_the_credentials_tells_a_restart(line: str) -> None:
    assert negotiation().admit(parse_offer(CHROMIUM.replace(line, f"{line}x")))


def without_data(offer: str) -> str:
    return offer[: offer.index("m=application")].replace("BUNDLE 0 1", "BUNDLE 0")


ANOTHER_PRINT = ":".join(["CD"] * 32)
CHANGES: dict[str, Callable[[str], str]] = {
    "a section less": without_data,
    "a section more": lambda offer: offer + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:2\r\na=rtpmap:96 VP8/90000\r\n",
    "another mid": lambda offer: offer.replace("a=mid:1", "a=mid:7").replace("BUNDLE 0 1", "BUNDLE 0 7"),
    "a section rejected": lambda offer: offer.replace("m=application 9", "m=application 0"),
    "on hold": lambda offer: offer.replace("a=sendrecv", "a=sendonly"),
    "another payload type": lambda offer: offer.replace("111", "112"),
    "another certificate": lambda offer: re.sub(r"sha-256 \S+", f"sha-256 {ANOTHER_PRINT}", offer),
    "another largest message": lambda offer: offer.replace("max-message-size:262144", "max-message-size:9"),
    "the other DTLS role": lambda offer: offer.replace("setup:actpass", "setup:active"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_else_changes_is_refused_also_beside_a_restart(change: str) -> None:
    changed = CHANGES[change](CHROMIUM)
    assert changed != CHROMIUM
    for later in (changed, restarted(changed)):
        one = negotiation()
        with pytest.raises(OfferError) as caught:
            one.admit(parse_offer(later))
        assert caught.value.fault is OfferFault.CHANGES_CALL
        assert one == negotiation()


@pytest.mark.parametrize(("first", "later"), [("actpass", "passive"), ("active", "actpass"), ("passive", "actpass")])
def test_the_dtls_role_stays_whatever_the_later_offer_leaves_open(first: str, later: str) -> None:
    one = negotiation(CHROMIUM.replace("setup:actpass", f"setup:{first}"))
    role = one.offer.role
    offer = parse_offer(restarted(CHROMIUM.replace("setup:actpass", f"setup:{later}")))
    assert one.admit(offer)
    one.restart(offer, minted(), VIP, now=0.0)
    assert one.offer.role is role
    assert role is (DtlsRole.SERVER if first == "active" else DtlsRole.CLIENT)
    assert f"a=setup:{role.value}" in one.answer


def test_the_public_addresses_are_those_of_today() -> None:
    one, moved = negotiation(), (Address("192.0.2.77", 3478),)
    one.restart(parse_offer(restarted(CHROMIUM)), minted(), moved, now=0.0)
    assert "192.0.2.77 3478 typ host" in one.answer
    assert "192.0.2.9" not in one.answer


def test_a_restart_waits_for_the_one_before_to_grow_old() -> None:
    one = negotiation()
    one.may_restart(0.0)
    one.restart(parse_offer(restarted(CHROMIUM)), minted(), VIP, now=10.0)
    with pytest.raises(RestartTooSoonError):
        one.may_restart(10.0 + RESTART_INTERVAL_S - 0.001)
    one.may_restart(10.0 + RESTART_INTERVAL_S)


def test_neither_credentials_nor_tickets_show_in_what_is_printed() -> None:
    offer = replace(parse_offer(CHROMIUM), sections=())
    shown = repr(Negotiation(offer, description(offer)))
    for secret in (offer.ice_ufrag, offer.ice_password, UFRAG, PASSWORD):
        assert secret not in shown
