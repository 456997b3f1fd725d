"""Offers of real clients, offers that cannot be answered, and text that is no offer at all."""

import re
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.audio_offer import AudioCoding, Direction
from antiphon_transceiver.negotiation import (
    DataChannelOffer,
    DtlsRole,
    Offer,
    SectionUse,
    parse_offer,
)
from antiphon_transceiver.sdp import (
    LARGEST_BYTES,
    MOST_LINES,
    MOST_SECTIONS,
    OfferError,
    OfferFault,
    parse_sdp,
)
from transceiver_offers import CHROMIUM, OFFERS


def uses(offer: Offer) -> list[str]:
    return [section.use.value for section in offer.sections]


def fault_of(text: str) -> OfferFault:
    with pytest.raises(OfferError) as refused:
        parse_offer(text)
    assert refused.value.message.endswith(".")
    return refused.value.fault


def without(name: str, text: str = CHROMIUM) -> str:
    return re.sub(rf"^a={name}\b.*\n", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("client", "payload_type", "ice_ufrag", "expected_uses"),
    [
        ("chromium", 111, "rOTC", ["audio", "data"]),
        ("firefox", 109, "5c1f0a9b", ["audio", "data"]),
        ("aiortc", 96, "tkY8", ["audio", "data"]),
        ("pion", 111, "tNqIDShcDrDzXbVw", ["audio"]),
        ("gstreamer", 97, "8mHWJ0hVbtkm1H8kH8hWbXEd0mTzXv/i", ["rejected", "audio", "data"]),
    ],
)
def test_an_offer_of_each_client_is_understood(
    client: str, payload_type: int, ice_ufrag: str, expected_uses: list[str]
) -> None:
    offer = parse_offer(OFFERS[client])
    assert uses(offer) == expected_uses
    assert (offer.audio.coding, offer.audio.payload_type) == (AudioCoding.OPUS, payload_type)
    assert offer.ice_ufrag == ice_ufrag
    assert offer.bundled
    assert offer.role is DtlsRole.CLIENT
    assert "sha-256" in [fingerprint.algorithm for fingerprint in offer.fingerprints]


def test_lines_may_end_with_crlf_or_newline() -> None:
    assert parse_offer(CHROMIUM.replace("\n", "\r\n")) == parse_offer(CHROMIUM)


def test_the_client_says_how_large_a_message_it_takes_and_64_kib_is_the_most_we_send() -> None:
    assert parse_offer(CHROMIUM).data == DataChannelOffer(port=5000, largest_message=65536)
    small = CHROMIUM.replace("max-message-size:262144", "max-message-size:1000")
    assert parse_offer(small).data == DataChannelOffer(port=5000, largest_message=1000)
    any_size = CHROMIUM.replace("max-message-size:262144", "max-message-size:0")
    assert parse_offer(any_size).data == DataChannelOffer(port=5000, largest_message=65536)


@pytest.mark.parametrize(
    ("setup", "ours"),
    [("actpass", DtlsRole.CLIENT), ("passive", DtlsRole.CLIENT), ("active", DtlsRole.SERVER)],
)
def test_we_start_dtls_whenever_the_client_lets_us(setup: str, ours: DtlsRole) -> None:
    assert parse_offer(CHROMIUM.replace("setup:actpass", f"setup:{setup}")).role is ours


@pytest.mark.parametrize(
    ("offered", "ours"),
    [
        ("sendrecv", Direction.SENDRECV),
        ("sendonly", Direction.RECVONLY),
        ("recvonly", Direction.SENDONLY),
        ("inactive", Direction.INACTIVE),
    ],
)
def test_the_direction_is_the_offered_one_from_our_end(offered: str, ours: Direction) -> None:
    assert parse_offer(CHROMIUM.replace("a=sendrecv", f"a={offered}")).audio.direction is ours


def test_a_data_channel_outside_the_bundle_is_rejected() -> None:
    offer = parse_offer(CHROMIUM.replace("BUNDLE 0 1", "BUNDLE 0"))
    assert uses(offer) == ["audio", "rejected"]
    assert offer.data is None


def test_without_a_bundle_only_the_audio_is_taken() -> None:
    offer = parse_offer(without("group"))
    assert uses(offer) == ["audio", "rejected"]
    assert not offer.bundled


def test_of_two_audio_sections_the_first_is_taken() -> None:
    head, audio, data = re.split(r"(?=^m=)", CHROMIUM, flags=re.MULTILINE)
    second = audio.replace("a=mid:0", "a=mid:2")
    offer = parse_offer(head.replace("BUNDLE 0 1", "BUNDLE 0 1 2") + audio + data + second)
    assert uses(offer) == ["audio", "data", "rejected"]


AUDIO_ONLY_BY_NAME = CHROMIUM.replace("m=audio", "m=video")
OPUS_ONLY = CHROMIUM.replace("111 63 9 0 8 13 110 126", "111 63 9 13 110 126")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        pytest.param("", OfferFault.NOT_SDP, id="nothing"),
        pytest.param('{"type": "offer"}', OfferFault.NOT_SDP, id="json"),
        pytest.param("hello\nworld", OfferFault.NOT_SDP, id="prose"),
        pytest.param(CHROMIUM.replace("t=0 0", "what is this"), OfferFault.NOT_SDP, id="a line of prose"),
        pytest.param(CHROMIUM.replace("m=audio 9", "m=audio nine"), OfferFault.NOT_SDP, id="a port in letters"),
        pytest.param(CHROMIUM.replace("a=mid:0", "a=mid:\u202e"), OfferFault.NOT_SDP, id="a mid that is no token"),
        pytest.param(CHROMIUM.replace("setup:actpass", "setup:holdconn"), OfferFault.NOT_SDP, id="held"),
        pytest.param(CHROMIUM + "a=x:" + "y" * LARGEST_BYTES, OfferFault.TOO_LARGE, id="a long line"),
        pytest.param(CHROMIUM + "a=x\n" * MOST_LINES, OfferFault.TOO_LARGE, id="many lines"),
        pytest.param(CHROMIUM + "m=video 9 RTP/AVP 96\n" * 40, OfferFault.TOO_LARGE, id="many sections"),
        pytest.param("v=0\n", OfferFault.WITHOUT_AUDIO, id="no section"),
        pytest.param(AUDIO_ONLY_BY_NAME, OfferFault.WITHOUT_AUDIO, id="video only"),
        pytest.param(CHROMIUM.replace("m=audio 9", "m=audio 0"), OfferFault.WITHOUT_AUDIO, id="audio switched off"),
        pytest.param(CHROMIUM.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), OfferFault.WITHOUT_AUDIO, id="plain rtp"),
        pytest.param(OPUS_ONLY.replace("opus/48000/2", "speex/16000"), OfferFault.WITHOUT_OPUS, id="no opus"),
        pytest.param(OPUS_ONLY.replace("SAVPF 111", "SAVPF"), OfferFault.WITHOUT_OPUS, id="opus mapped, not listed"),
        pytest.param(without("ice-ufrag"), OfferFault.WITHOUT_ICE, id="no ufrag"),
        pytest.param(without("ice-pwd"), OfferFault.WITHOUT_ICE, id="no password"),
        pytest.param(CHROMIUM.replace("rOTC", "r:TC"), OfferFault.WITHOUT_ICE, id="a ufrag with a colon"),
        pytest.param(CHROMIUM.replace("t=0 0", "t=0 0\na=ice-lite"), OfferFault.WITHOUT_ICE, id="a lite agent"),
        pytest.param(without("fingerprint"), OfferFault.WITHOUT_FINGERPRINT, id="no fingerprint"),
        pytest.param(CHROMIUM.replace("sha-256", "sha-1"), OfferFault.WITHOUT_FINGERPRINT, id="sha-1 only"),
        pytest.param(CHROMIUM.replace(":57:C0", ""), OfferFault.WITHOUT_FINGERPRINT, id="a short fingerprint"),
    ],
)
def test_an_offer_that_cannot_be_answered_says_what_to_change(text: str, fault: OfferFault) -> None:
    assert fault_of(text) is fault


def test_an_opus_payload_type_that_looks_like_rtcp_is_not_taken() -> None:
    assert fault_of(OPUS_ONLY.replace("111", "72")) is OfferFault.WITHOUT_OPUS


LINES = sorted({line for text in OFFERS.values() for line in text.splitlines()})
lines = st.one_of(
    st.sampled_from(LINES),
    st.text(max_size=40),
    st.builds("a={}:{}".format, st.sampled_from([line[2:].split(":")[0] for line in LINES]), st.text(max_size=30)),
)


@given(st.sampled_from(sorted(OFFERS.values())), st.data())
def test_a_damaged_offer_is_understood_or_refused_and_nothing_else(text: str, data: st.DataObject) -> None:
    damaged = text.splitlines()
    for _ in range(data.draw(st.integers(1, 8))):
        position = data.draw(st.integers(0, len(damaged) - 1))
        damaged[position : position + data.draw(st.integers(0, 2))] = data.draw(st.lists(lines, max_size=2))
        damaged = damaged or ["v=0"]
    try:
        offer = parse_offer("\n".join(damaged))
    except OfferError:
        return
    assert [section.use for section in offer.sections].count(SectionUse.AUDIO) == 1


@given(st.text())
def test_any_text_is_refused_politely(text: str) -> None:
    with pytest.raises(OfferError):
        parse_offer(text)


def test_a_hostile_offer_is_read_as_quickly_as_it_is_long() -> None:
    """128 formats with 1,900 mappings: each format was once looked for among all of them, which took 30 ms."""
    formats = " ".join(["96", "97", "98", "99"] * 32)
    mappings = "a=rtpmap:100 opus/48000/1\n" * 1900
    hostile = re.sub(
        "^m=audio .*\n", f"m=audio 9 UDP/TLS/RTP/SAVPF {formats}\n{mappings}", without("rtpmap"), flags=re.M
    )
    took = []
    for _ in range(5):
        began = process_time()
        assert fault_of(hostile) is OfferFault.WITHOUT_OPUS
        took.append(process_time() - began)
    assert min(took) < 0.010


def test_a_bundle_of_more_mids_than_there_can_be_sections_is_cut_off() -> None:
    padded = CHROMIUM.replace("BUNDLE 0 1", "BUNDLE 0 1" + " x" * 5000)
    assert padded != CHROMIUM
    assert len(parse_sdp(padded).bundle()) == MOST_SECTIONS
    assert parse_offer(padded).bundled
