"""What of a client's audio section is understood: codings, redundancy, feedback, and what binds who sends to it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.audio_offer import AudioCoding, AudioOffer, PacketTimes
from antiphon_transceiver.negotiation import parse_offer
from antiphon_transceiver.opus_parameters import OpusParameters
from transceiver_offers import CHROMIUM, OFFERS

FORMATS = "111 63 9 0 8 13 110 126"


def audio(text: str) -> AudioOffer:
    return parse_offer(text).audio


def listed(formats: str, *lines: str) -> AudioOffer:
    """Of Chromium's offer with other formats, and lines put before the section's own rtpmap lines."""
    head = "".join(f"{line}\n" for line in lines)
    return audio(CHROMIUM.replace(FORMATS, formats).replace("a=rtpmap:111", head + "a=rtpmap:111"))


def test_chromiums_offer_is_understood_whole() -> None:
    offer = audio(CHROMIUM)
    assert (offer.coding, offer.payload_type, offer.red) == (AudioCoding.OPUS, 111, 63)
    assert (offer.nack, offer.comfort_noise) == (False, None)
    assert offer.opus == OpusParameters(fec=True, shortest_packet_ms=10)
    assert offer.packet_times == PacketTimes(shortest=10)


def test_clients_that_say_nothing_of_opus_get_the_defaults_of_the_rfc() -> None:
    assert audio(OFFERS["aiortc"]).opus == OpusParameters()
    assert audio(OFFERS["firefox"]).opus == OpusParameters(fec=True)
    assert audio(OFFERS["gstreamer"]).opus == OpusParameters()


@pytest.mark.parametrize(
    ("formats", "coding", "payload_type"),
    [
        ("0 8 111", AudioCoding.OPUS, 111),
        ("9 8 0", AudioCoding.PCMA, 8),
        ("0 8", AudioCoding.PCMU, 0),
        ("110 0", AudioCoding.PCMU, 0),
    ],
)
def test_opus_goes_before_all_and_else_the_first_of_g711(formats: str, coding: AudioCoding, payload_type: int) -> None:
    offer = listed(formats)
    assert (offer.coding, offer.payload_type, offer.red) == (coding, payload_type, None)


def test_static_payload_types_need_no_mapping_and_a_mapping_wins() -> None:
    bare = "\n".join(line for line in CHROMIUM.splitlines() if not line.startswith("a=rtpmap"))
    offer = audio(bare)
    assert (offer.coding, offer.payload_type, offer.comfort_noise) == (AudioCoding.PCMU, 0, 13)
    remapped = CHROMIUM.replace("rtpmap:0 PCMU", "rtpmap:0 L16").replace(FORMATS, "0 8")
    assert audio(remapped).payload_type == 8
    dynamic = listed("101", "a=rtpmap:101 pcmu/8000/1")
    assert (dynamic.coding, dynamic.payload_type) == (AudioCoding.PCMU, 101)


def test_comfort_noise_is_g711s_alone() -> None:
    assert listed("0 13").comfort_noise == 13
    assert listed("0").comfort_noise is None
    assert listed("111 13").comfort_noise is None


@pytest.mark.parametrize(
    ("parameters", "red"),
    [("111/111", 63), ("111/111/111", 63), ("111", None), ("111/0", None), ("0/111", None), ("", None), ("/", None)],
)
def test_redundancy_is_taken_if_all_of_it_is_the_same_opus(parameters: str, red: int | None) -> None:
    assert audio(CHROMIUM.replace("a=fmtp:63 111/111", f"a=fmtp:63 {parameters}".rstrip())).red == red


def test_redundancy_that_is_not_listed_or_has_no_parameters_is_none() -> None:
    assert audio(CHROMIUM.replace("111 63", "111")).red is None
    assert audio(CHROMIUM.replace("a=fmtp:63 111/111\n", "")).red is None


@pytest.mark.parametrize(
    ("feedback", "taken"),
    [
        ("111 nack", True),
        ("* nack", True),
        ("111 nack pli", False),
        ("63 nack", False),
        ("111 transport-cc", False),
        ("nack", False),
        ("", False),
    ],
)
def test_only_a_generic_nack_of_our_payload_type_counts(feedback: str, taken: bool) -> None:
    text = CHROMIUM.replace("a=rtcp-fb:111 transport-cc", f"a=rtcp-fb:{feedback}")
    assert audio(text).nack is taken
    assert not audio(text.replace("RTP/SAVPF", "RTP/SAVP")).nack


def test_packet_times_are_read_from_their_lines_and_nonsense_is_not_there() -> None:
    def times(*lines: str) -> PacketTimes:
        return listed(FORMATS, *lines).packet_times

    assert times("a=ptime:40", "a=maxptime:60") == PacketTimes(wanted=40, shortest=10, longest=60)
    assert times("a=ptime:12.5").wanted == 12
    assert times("a=ptime:soon", "a=maxptime:0") == PacketTimes(shortest=10)


def test_what_a_receiver_of_opus_says_is_read_as_rfc_7587_means_it() -> None:
    said = OpusParameters.parse("minptime=10; useinbandfec=1;usedtx=1 ;stereo=1;maxaveragebitrate=20000;cbr=1")
    assert said == OpusParameters(fec=True, dtx=True, most_bitrate=20_000, shortest_packet_ms=10)
    assert OpusParameters.parse("USEINBANDFEC=1").fec
    assert not OpusParameters.parse("useinbandfec=true").fec
    assert OpusParameters.parse("useinbandfec=0;useinbandfec=1") == OpusParameters()


@pytest.mark.parametrize(
    ("bitrate", "taken"),
    [("5999", None), ("6000", 6000), ("510000", 510_000), ("510001", None), ("-7000", None), ("1" * 40, None)],
)
def test_a_bitrate_beyond_those_of_the_rfc_is_ignored(bitrate: str, taken: int | None) -> None:
    assert OpusParameters.parse(f"maxaveragebitrate={bitrate}").most_bitrate == taken


names = st.sampled_from(["minptime", "useinbandfec", "usedtx", "maxaveragebitrate", "stereo", "x"])
values = st.integers().map(str) | st.text(max_size=8)


@given(st.text() | st.lists(st.builds("{}={}".format, names, values)).map(";".join))
def test_any_parameters_are_read(text: str) -> None:
    parameters = OpusParameters.parse(text)
    assert parameters.most_bitrate is None or 6_000 <= parameters.most_bitrate <= 510_000
    assert parameters.shortest_packet_ms is None or parameters.shortest_packet_ms >= 0
