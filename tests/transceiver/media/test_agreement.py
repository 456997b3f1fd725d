"""What an offer and the pod's settings come to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.audio_offer import AudioCoding, AudioOffer, Direction, PacketTimes
from antiphon_transceiver.media import AudioAgreement, MediaSettings, UplinkMode
from antiphon_transceiver.media.settings import FRAME_LENGTHS_MS
from antiphon_transceiver.opus_parameters import OpusParameters


def offer(times: PacketTimes | None = None, opus: OpusParameters | None = None) -> AudioOffer:
    return AudioOffer(
        AudioCoding.OPUS,
        111,
        Direction.SENDRECV,
        rtcp_mux=True,
        packet_times=times or PacketTimes(),
        opus=opus or OpusParameters(),
    )


@pytest.mark.parametrize(
    ("times", "ours", "agreed"),
    [
        (PacketTimes(), 20, 20),
        (PacketTimes(), 40, 40),
        (PacketTimes(shortest=10), 10, 10),
        (PacketTimes(longest=30), 40, 20),
        (PacketTimes(longest=20), 40, 20),
        (PacketTimes(shortest=20), 10, 20),
        (PacketTimes(wanted=40), 20, 40),
        (PacketTimes(wanted=60), 20, 40),
        (PacketTimes(wanted=40, longest=20), 20, 20),
        (PacketTimes(longest=3), 20, 10),
        (PacketTimes(shortest=60), 20, 40),
        (PacketTimes(shortest=40, longest=20), 10, 20),
    ],
)
def test_a_frame_is_as_long_as_we_like_within_what_the_client_takes(times: PacketTimes, ours: int, agreed: int) -> None:
    assert AudioAgreement.of(offer(times), MediaSettings(frame_ms=ours)).frame_ms == agreed


milliseconds = st.none() | st.integers(1, 200)
packet_times = st.builds(PacketTimes, wanted=milliseconds, shortest=milliseconds, longest=milliseconds)


@given(packet_times, st.sampled_from(FRAME_LENGTHS_MS))
def test_the_clients_bounds_hold_wherever_one_of_our_lengths_does(times: PacketTimes, ours: int) -> None:
    agreed = AudioAgreement.of(offer(times), MediaSettings(frame_ms=ours)).frame_ms
    suits = {
        length
        for length in FRAME_LENGTHS_MS
        if (times.shortest or 0) <= length and (times.longest is None or length <= times.longest)
    }
    assert agreed in FRAME_LENGTHS_MS
    assert not suits or agreed in suits
    if ours in suits and times.wanted is None:
        assert agreed == ours


@pytest.mark.parametrize(("theirs", "agreed"), [(None, 32_000), (20_000, 20_000), (6_000, 6_000), (64_000, 32_000)])
def test_the_client_may_have_less_than_our_bitrate_and_not_more(theirs: int | None, agreed: int) -> None:
    opus = OpusParameters(most_bitrate=theirs)
    assert AudioAgreement.of(offer(opus=opus), MediaSettings(bitrate=32_000)).bitrate == agreed


def test_a_call_may_ask_for_another_uplink_than_the_pods() -> None:
    accurate = MediaSettings(uplink_mode=UplinkMode.ACCURACY)
    assert AudioAgreement.of(offer(), MediaSettings()).uplink_mode is UplinkMode.SPEED
    assert AudioAgreement.of(offer(), accurate).uplink_mode is UplinkMode.ACCURACY
    assert AudioAgreement.of(offer(), accurate, UplinkMode.SPEED).uplink_mode is UplinkMode.SPEED


def test_fec_and_announced_pauses_are_for_clients_that_want_them() -> None:
    quiet = AudioAgreement.of(offer(), MediaSettings())
    wanting = AudioAgreement.of(offer(opus=OpusParameters(fec=True, dtx=True)), MediaSettings())
    assert (quiet.fec, quiet.dtx, wanting.fec, wanting.dtx) == (False, False, True, True)
