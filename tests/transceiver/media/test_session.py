"""Two media sessions of the native engine talk over SRTP and real UDP: what Python sees of a call's media.

What becomes of packets in all their orders is shown without threads and clocks in transceiver/media/tests.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from antiphon_transceiver._extension import Endpoint
from antiphon_transceiver.audio_offer import AudioCoding, AudioOffer
from antiphon_transceiver.media import (
    AudioAgreement,
    MediaEngine,
    MediaSession,
    MediaSettings,
    PlayoutFull,
    SrtpProfile,
    UplinkMode,
)
from antiphon_transceiver.opus_parameters import OpusParameters
from hop_relay import add_call
from media_pair import RIGHT, SAMPLE_RATE, MediaPair, key_pair, tone, voice
from transceiver_spectrum import loudest_hertz
from voices import RATE as VOICE_RATE
from voices import resample
from voices import voice as recorded

Make = Callable[..., MediaPair]


@pytest.fixture
def pair_of() -> Iterator[Make]:
    """Makes pairs, and takes them apart at the end."""
    pairs: list[MediaPair] = []

    def make(*args: object, **options: object) -> MediaPair:
        pairs.append(MediaPair(*args, **options))  # type: ignore[arg-type] # MediaPair's own
        return pairs[-1]

    yield make
    for pair in pairs:
        pair.close()


def likeness(heard: bytes | bytearray, spoken: bytes) -> float:
    """Of the best-fitting stretch: what is heard lies anywhere within the codec's delay."""
    left = np.frombuffer(bytes(heard), dtype="<i2").astype(np.float64)
    right = np.frombuffer(spoken, dtype="<i2").astype(np.float64)
    length = right.size - SAMPLE_RATE // 10
    middle = right[SAMPLE_RATE // 20 :][:length]
    starts = range(SAMPLE_RATE // 20, min(left.size - length, SAMPLE_RATE // 5))
    return max(float(np.corrcoef(left[start : start + length], middle)[0, 1]) for start in starts)


def speech(seconds: float) -> bytes:
    """Two tones that never meet again: it fits at one place only."""
    first, second = (np.frombuffer(tone(seconds, hertz=hertz, level=4000), dtype="<i2") for hertz in (233.0, 617.3))
    return bytes((first + second).tobytes())


def undisturbed(talk: Callable[[], MediaPair]) -> MediaPair:
    """Talks again where the machine held the pacer up for so long that it left frames out, which is a gap."""
    pair = talk()
    for _ in range(4):
        if pair.statistics().skipped == 0:
            break
        pair.close()
        pair = talk()
    return pair


OFFERS = {
    "opus": voice(),
    "opus with redundancy and feedback": voice(red=63, nack=True),
    "pcmu": voice(AudioCoding.PCMU, comfort_noise=13),
    "pcma": voice(AudioCoding.PCMA),
}


@pytest.mark.parametrize("offer", OFFERS.values(), ids=OFFERS)
def test_each_side_hears_what_the_other_says(pair_of: Make, offer: AudioOffer) -> None:
    left_says = speech(1.0)

    def talk() -> MediaPair:
        pair = pair_of(offer)
        pair.left.session.play(left_says)
        pair.right.session.play(tone(1.0, hertz=880))
        pair.start()
        pair.until_said()
        return pair

    pair = undisturbed(talk)
    assert likeness(pair.right.heard, left_says) > 0.95
    assert loudest_hertz(bytes(pair.left.heard)) == pytest.approx(880, abs=10)
    statistics = pair.right.session.statistics()
    assert (statistics.lost, statistics.concealed_ms, statistics.undecodable, statistics.refused) == (0, 0, 0, 0)
    assert statistics.packets_received >= 50
    # G.711 has a byte for each of 160 samples; Opus takes half of that, said twice if need be.
    bytes_a_packet = statistics.bytes_received / statistics.packets_received
    assert (bytes_a_packet > 160) is (offer.coding is not AudioCoding.OPUS or offer.red is not None)
    assert len(pair.right.heard) // 48 == pytest.approx(statistics.heard_ms, abs=60)


@pytest.mark.parametrize("profile", SrtpProfile)
@pytest.mark.parametrize("frame_ms", [10, 40])
def test_frames_of_other_lengths_under_every_profile(pair_of: Make, profile: SrtpProfile, frame_ms: int) -> None:
    pair = pair_of(voice(), MediaSettings(frame_ms=frame_ms, workers=2, chunk_ms=20))
    pair.start(profile)
    pair.left.session.play(tone(0.4))
    pair.until_said()
    assert loudest_hertz(bytes(pair.right.heard)) == pytest.approx(440, abs=10)
    sound_packets = 400 // frame_ms
    assert sound_packets <= pair.right.session.statistics().packets_received <= sound_packets + 12


def test_loss_is_repaired_to_the_full_length(pair_of: Make) -> None:
    spoken = speech(3.0)

    def talk() -> MediaPair:
        pair = pair_of(voice(), passes=lambda number: number % 11 != 7)
        pair.left.session.play(spoken, "item")
        pair.left.session.end_of_item("item")
        pair.start()
        pair.until_said()
        return pair

    pair = undisturbed(talk)
    statistics = pair.right.session.statistics()
    assert statistics.lost > 8
    assert statistics.concealed_ms + statistics.recovered_ms >= 20 * 8
    assert len(pair.right.heard) == pytest.approx(len(spoken), abs=100 * 48)
    assert likeness(pair.right.heard, spoken) > 0.8


def test_lost_packets_are_asked_for_and_sent_again_where_that_was_negotiated(pair_of: Make) -> None:
    pair = pair_of(voice(nack=True), passes=lambda number: number % 23 != 7)
    pair.start(rtt_s=0.005)
    pair.left.session.play(speech(2.0))
    pair.until_said()
    asking, asked = pair.right.session.statistics(), pair.left.session.statistics()
    assert asking.nacked >= 3
    assert asked.retransmitted >= 3
    assert (asked.nacked, asking.retransmitted) == (0, 0)
    # What was lost came in the end.
    assert asking.lost == 0


def sent_bytes(pair: MediaPair) -> int:
    pair.start()
    pair.left.session.play(speech(0.8))
    pair.until_said()
    return pair.left.session.statistics().bytes_sent


def test_what_goes_twice_and_what_may_cost_more_bits_is_more(pair_of: Make) -> None:
    plain = sent_bytes(pair_of(voice(), MediaSettings(bitrate=24_000)))
    twice = sent_bytes(pair_of(voice(red=63), MediaSettings(bitrate=24_000)))
    rich = sent_bytes(pair_of(voice(), MediaSettings(bitrate=64_000)))
    assert twice > 1.4 * plain
    assert rich > 1.6 * plain


def spoken_words() -> bytes:
    """What an encoder repeats in band: not every sound is worth it."""
    samples = resample(recorded("river").samples(), VOICE_RATE, SAMPLE_RATE)
    return bytes((samples[: 3 * SAMPLE_RATE] * 32767).clip(-32768, 32767).astype("<i2").tobytes())


@pytest.mark.parametrize("fec", [True, False])
def test_lost_words_are_repeated_in_band_to_clients_that_make_use_of_it(pair_of: Make, fec: bool) -> None:
    pair = pair_of(voice(opus=OpusParameters(fec=fec)), passes=lambda number: number % 11 != 7)
    pair.start()
    pair.left.session.play(spoken_words())
    pair.until_said()
    statistics = pair.right.session.statistics()
    assert statistics.lost > 8
    assert (statistics.recovered_ms > 0) is fec


@pytest.mark.parametrize("dtx", [True, False])
def test_pauses_are_left_out_for_clients_that_would_rather_hear_of_them(pair_of: Make, dtx: bool) -> None:
    pair = pair_of(voice(opus=OpusParameters(dtx=dtx)))
    pair.start()
    pair.left.session.play(tone(0.1) + bytes(2 * SAMPLE_RATE * 2))
    pair.until_said()
    assert (pair.left.session.statistics().packets_sent < 80) is dtx
    assert pair.right.session.statistics().lost == 0


def test_accuracy_waits_longer_for_a_gap(pair_of: Make) -> None:
    waits = []
    for mode in (UplinkMode.SPEED, UplinkMode.ACCURACY):
        pair = pair_of(voice(), MediaSettings(uplink_mode=mode))
        pair.start()
        pair.left.session.play(tone(0.2))
        pair.until_said()
        waits.append(pair.right.session.statistics().wait_ms)
    assert 10 <= waits[0] <= 60 <= waits[1] <= 200
    assert waits[0] < waits[1]


@pytest.mark.parametrize("chunk_ms", [20, 100])
def test_sound_comes_in_chunks_of_the_setting(pair_of: Make, chunk_ms: int) -> None:
    pair = pair_of(voice(), MediaSettings(chunk_ms=chunk_ms))
    pair.start()
    pair.left.session.play(tone(0.6))
    pair.until_said()
    whole = [size for size in pair.right.chunk_bytes if size == chunk_ms * 48]
    assert len(whole) >= 600 // chunk_ms - 1
    assert max(pair.right.chunk_bytes) == chunk_ms * 48


def test_speech_given_before_dtls_is_done_is_not_lost_and_a_flush_says_how_far_it_was_heard(pair_of: Make) -> None:
    pair = pair_of()
    pair.left.session.play(tone(5.0), "answer")
    pair.left.session.play(tone(0.1), "afterthought")
    assert pair.left.session.statistics().packets_sent == 0
    pair.start()
    pair.until(lambda: pair.left.session.statistics().packets_sent >= 30)
    heard = pair.left.session.flush()
    assert heard.item_id == "answer"
    assert heard.played_ms >= 500
    assert heard.played_ms + heard.unplayed_ms == 5000
    assert heard.unheard == ("afterthought",)
    pair.until_said()
    assert pair.left.session.statistics().queued_ms == 0
    assert len(pair.right.heard) // 48 < heard.played_ms + 1000


def test_what_has_no_room_is_refused_whole_and_half_a_sample_too(pair_of: Make) -> None:
    session = pair_of().left.session
    minute = bytes(60 * SAMPLE_RATE * 2)
    for _ in range(4):
        session.play(minute, "long")
    with pytest.raises(PlayoutFull, match="speech is waiting"):
        session.play(minute + minute, "long")
    assert session.statistics().queued_ms == pytest.approx(240_000, abs=100)
    with pytest.raises(ValueError, match="even number of bytes"):
        session.play(b"\0\0\0", "half")
    session.play(b"", "nothing")


def test_after_stop_nothing_is_heard_or_sent_and_the_figures_stay(pair_of: Make) -> None:
    pair = pair_of()
    pair.start()
    pair.right.session.play(tone(2.0))
    pair.until(lambda: pair.left.heard)
    pair.left.session.stop()
    pair.left.session.stop()
    pair.left.session.play(tone(0.2), "too late")
    sent, heard = pair.left.session.statistics().packets_sent, len(pair.left.heard)
    # That nothing comes of it any more shows when the other side, which talks on, has come to its end.
    pair.until(lambda: pair.right.session.statistics().queued_ms == 0)
    after = pair.left.session.statistics()
    assert after.packets_sent - sent <= 1  # its BYE
    assert after.packets_received > 0
    assert len(pair.left.heard) - heard <= 40 * 48


def test_who_was_heard_first_is_told_on_the_clock_of_the_process(pair_of: Make) -> None:
    pair = pair_of()
    began = time.monotonic()
    pair.start()
    pair.left.session.play(tone(0.1))
    pair.until(lambda: pair.right.heard)
    first = pair.right.session.first_sound()
    assert first.heard_at is not None
    assert began <= first.heard_at <= time.monotonic()
    sent_at = pair.left.session.first_sound().sent_at
    assert sent_at is not None
    assert began <= sent_at <= first.heard_at


def test_what_is_forged_is_counted_and_not_heard(pair_of: Make) -> None:
    pair = pair_of()
    pair.start()
    pair.left.session.play(tone(0.1))
    pair.until(lambda: pair.right.heard)
    pair.until_said()
    heard = len(pair.right.heard)
    pair.site.relay.forward(RIGHT, b"\x80\x6f\x00\x01" + bytes(60))
    pair.until(lambda: pair.right.session.statistics().authentication_failures == 1)
    # What had become of it would come before the mark.
    pair.until_said()
    assert len(pair.right.heard) == heard


def test_the_clock_of_all_calls_and_the_wait_of_their_sound_are_counted(pair_of: Make) -> None:
    pair = pair_of()
    pair.start()
    pair.left.session.play(tone(0.4))
    pair.until_said()
    statistics = pair.statistics()
    assert statistics.slots >= 2 * 20
    assert statistics.pcm_chunks >= 10
    assert statistics.pcm_worst_us * statistics.pcm_chunks >= statistics.pcm_waited_us > 0


def test_a_call_that_cannot_be_is_refused() -> None:
    endpoint = Endpoint("127.0.0.1:0", setup_window_s=60, consent_s=30)
    engine = MediaEngine(endpoint, workers=1)
    agreement = AudioAgreement.of(voice(), MediaSettings(uplink_mode=UplinkMode.ACCURACY))
    with pytest.raises(KeyError):
        MediaSession.open(engine, 77, agreement, ssrc=1)
    session = MediaSession.open(engine, add_call(endpoint), agreement, ssrc=1)
    session.start(key_pair()[0])
    with pytest.raises(RuntimeError):
        session.start(key_pair()[0])
