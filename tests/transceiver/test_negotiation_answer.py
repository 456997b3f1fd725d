"""What our answer says, read by a parser that is not ours."""

import pytest
from aiortc.sdp import SessionDescription
from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.answer import LocalDescription, write_answer
from antiphon_transceiver.media import AudioAgreement, MediaSettings, UplinkMode
from antiphon_transceiver.negotiation import parse_offer
from antiphon_wire.environment import Address
from transceiver_offers import CHROMIUM, OFFERS

FINGERPRINT = ":".join(["AB"] * 32)
UFRAG, PASSWORD = "1AbcdefghijklmnopqrstuvW", "p" * 24
G711_FIRST = CHROMIUM.replace("111 63 9 0 8 13 110 126", "9 8 0 13 126")


def answer_text(offer_text: str, settings: MediaSettings | None = None) -> str:
    offer = parse_offer(offer_text)
    local = LocalDescription(
        session_id=7,
        ufrag=UFRAG,
        password=PASSWORD,
        fingerprint=FINGERPRINT,
        ssrc=4242,
        audio=AudioAgreement.of(offer.audio, settings or MediaSettings()),
        candidates=(Address("192.0.2.9", 3478), Address("2001:db8::9", 3479)),
    )
    return write_answer(offer, local)


def answered(offer: str) -> SessionDescription:
    return SessionDescription.parse(answer_text(offer))


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
        assert (media.ice.usernameFragment, media.ice.password) == (UFRAG, PASSWORD)
        assert media.ice.iceLite
        assert media.dtls.role == "client"
        assert [(print_.algorithm, print_.value) for print_ in media.dtls.fingerprints] == [("sha-256", FINGERPRINT)]
    assert answered(OFFERS[client]).group[0].items == [media.rtp.muxId for media in accepted]


def test_the_answer_is_a_lite_agents_of_rfc_8445_and_the_calls_first() -> None:
    lines = answer_text(CHROMIUM).splitlines()
    session = lines[: next(at for at, line in enumerate(lines) if line.startswith("m="))]
    assert {"a=ice-lite", "a=ice-options:ice2", "o=- 7 1 IN IP4 127.0.0.1"} <= set(session)


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
    assert audio.rtcp_mux or "a=rtcp-mux" in answer_text(OFFERS["firefox"])
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
    assert len(answer_text(CHROMIUM).splitlines()) <= 45


def test_chromium_is_offered_its_redundancy_and_asked_for_it_in_accuracy_mode_alone() -> None:
    answer = answer_text(CHROMIUM)
    assert "\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n" in answer
    assert "m=audio 3478 UDP/TLS/RTP/SAVPF 111 63\r\n" in answer
    accurate = answer_text(CHROMIUM, MediaSettings(uplink_mode=UplinkMode.ACCURACY))
    assert "m=audio 3478 UDP/TLS/RTP/SAVPF 63 111\r\n" in accurate


def test_to_a_client_without_redundancy_none_is_promised() -> None:
    assert "red/48000" not in answer_text(OFFERS["firefox"])


def test_feedback_is_answered_where_it_was_offered_and_no_other() -> None:
    asked = CHROMIUM.replace("a=rtcp-fb:111 transport-cc", "a=rtcp-fb:111 transport-cc\na=rtcp-fb:111 nack")
    (codec, _red) = answered(asked).media[0].rtp.codecs
    assert [(feedback.type, feedback.parameter) for feedback in codec.rtcpFeedback] == [("nack", None)]
    assert "rtcp-fb" not in answer_text(CHROMIUM)


def test_g711_is_answered_with_its_comfort_noise_and_without_anything_of_opus() -> None:
    audio = answered(G711_FIRST).media[0]
    assert [(codec.payloadType, codec.mimeType, codec.clockRate) for codec in audio.rtp.codecs] == [
        (8, "audio/PCMA", 8000),
        (13, "audio/CN", 8000),
    ]
    assert "a=fmtp" not in answer_text(G711_FIRST)


@pytest.mark.parametrize("frame_ms", [10, 20, 40])
def test_the_length_of_a_packet_is_that_of_the_setting(frame_ms: int) -> None:
    lines = answer_text(CHROMIUM, MediaSettings(frame_ms=frame_ms)).split("\r\n")
    assert f"a=ptime:{frame_ms}" in lines
    assert "a=maxptime:60" in lines


@given(st.sampled_from(sorted(OFFERS)), st.sampled_from([CHROMIUM, G711_FIRST]), st.sampled_from(list(UplinkMode)))
def test_an_answer_names_no_payload_type_that_was_not_offered(client: str, other: str, mode: UplinkMode) -> None:
    for text in (OFFERS[client], other):
        answer = SessionDescription.parse(answer_text(text, MediaSettings(uplink_mode=mode)))
        offered = SessionDescription.parse(text)
        for ours, theirs in zip(answer.media, offered.media, strict=True):
            if ours.kind == "audio":
                assert set(ours.fmt) <= set(theirs.fmt)
                assert {codec.payloadType for codec in ours.rtp.codecs} == set(ours.fmt)
