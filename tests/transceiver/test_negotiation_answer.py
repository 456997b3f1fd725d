"""What our answer says, read by a parser that is not ours."""

import pytest
from aiortc.sdp import SessionDescription

from antiphon_transceiver.answer import LocalDescription, write_answer
from antiphon_transceiver.negotiation import parse_offer
from antiphon_wire.environment import Address
from transceiver_offers import CHROMIUM, OFFERS

FINGERPRINT = ":".join(["AB"] * 32)
LOCAL = LocalDescription(
    session_id=7,
    ufrag="1AbcdefghijklmnopqrstuvW",
    password="p" * 24,
    fingerprint=FINGERPRINT,
    ssrc=4242,
    candidates=(Address("192.0.2.9", 3478), Address("2001:db8::9", 3479)),
)


def answered(offer: str) -> SessionDescription:
    return SessionDescription.parse(write_answer(parse_offer(offer), LOCAL))


@pytest.mark.parametrize("client", sorted(OFFERS))
def test_the_answer_has_the_offers_sections_in_the_offers_order(client: str) -> None:
    offered, answer = SessionDescription.parse(OFFERS[client]), answered(OFFERS[client])
    assert [(media.kind, media.profile) for media in answer.media] == [
        (media.kind, media.profile) for media in offered.media
    ]
    assert [media.rtp.muxId for media in answer.media] == [media.rtp.muxId for media in offered.media]


@pytest.mark.parametrize("client", sorted(OFFERS))
def test_every_accepted_section_describes_the_one_transport(client: str) -> None:
    accepted = [media for media in answered(OFFERS[client]).media if media.port]
    for media in accepted:
        assert media.ice is not None
        assert media.dtls is not None
        assert (media.ice.usernameFragment, media.ice.password) == (LOCAL.ufrag, LOCAL.password)
        assert media.ice.iceLite
        assert media.dtls.role == "client"
        assert [(print_.algorithm, print_.value) for print_ in media.dtls.fingerprints] == [("sha-256", FINGERPRINT)]
    assert answered(OFFERS[client]).group[0].items == [media.rtp.muxId for media in accepted]


def test_the_candidates_are_the_public_addresses_the_first_preferred_and_no_more_will_come() -> None:
    audio, data = answered(CHROMIUM).media
    assert [(candidate.ip, candidate.port, candidate.type) for candidate in audio.ice_candidates] == [
        ("192.0.2.9", 3478, "host"),
        ("2001:db8::9", 3479, "host"),
    ]
    assert audio.ice_candidates[0].priority > audio.ice_candidates[1].priority
    assert audio.ice_candidates_complete
    assert not data.ice_candidates


def test_the_audio_is_opus_under_the_offered_payload_type_with_fec_and_a_track() -> None:
    audio = answered(OFFERS["firefox"]).media[0]
    (codec,) = audio.rtp.codecs
    assert (codec.payloadType, codec.mimeType, codec.clockRate, codec.channels) == (109, "audio/opus", 48000, 2)
    assert codec.parameters["useinbandfec"] == 1
    assert "stereo" not in codec.parameters
    assert audio.rtcp_mux or "a=rtcp-mux" in write_answer(parse_offer(OFFERS["firefox"]), LOCAL)
    assert audio.direction == "sendrecv"
    assert [ssrc.ssrc for ssrc in audio.ssrc] == [4242]
    assert audio.msid == "antiphon voice"
    assert not audio.rtp.headerExtensions


def test_a_client_that_only_sends_gets_no_track() -> None:
    audio = answered(CHROMIUM.replace("a=sendrecv", "a=sendonly")).media[0]
    assert audio.direction == "recvonly"
    assert audio.msid is None
    assert not audio.ssrc


def test_the_data_channel_has_its_port_and_largest_message() -> None:
    data = answered(CHROMIUM).media[1]
    assert data.sctp_port == 5000
    assert data.sctpCapabilities is not None
    assert data.sctpCapabilities.maxMessageSize == 65536


def test_video_is_rejected_with_port_zero_and_left_out_of_the_bundle() -> None:
    answer = answered(OFFERS["gstreamer"])
    assert [media.port for media in answer.media] == [0, 3478, 3478]
    assert answer.group[0].items == ["audio1", "application2"]
    assert not answer.media[0].ice_candidates
    assert answer.media[1].ice_candidates


def test_to_a_client_that_insists_on_starting_dtls_we_are_passive() -> None:
    audio = answered(CHROMIUM.replace("setup:actpass", "setup:active")).media[0]
    assert audio.dtls is not None
    assert audio.dtls.role == "server"


def test_the_answer_is_short() -> None:
    assert len(write_answer(parse_offer(CHROMIUM), LOCAL).splitlines()) <= 40
