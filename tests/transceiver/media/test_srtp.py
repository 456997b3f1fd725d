from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_transceiver.media.rtcp import ReceiverReport, build_receiver_report
from antiphon_transceiver.media.rtp import RtpPacket, build_rtp
from antiphon_transceiver.media.srtp import MOST_STREAMS, SrtpKeys, SrtpProfile, SrtpRefusal, SrtpSession
from media_pair import key_pair


def rtp(sequence: int, *, ssrc: int = 1) -> bytes:
    return build_rtp(RtpPacket(111, sequence, sequence * 960, ssrc, b"speech"))


def ends(profile: SrtpProfile = SrtpProfile.AES128_CM_SHA1_80) -> tuple[SrtpSession, SrtpSession]:
    ours, theirs = key_pair(profile)
    return SrtpSession(ours), SrtpSession(theirs)


@pytest.mark.parametrize("profile", SrtpProfile)
def test_what_one_end_protects_the_other_reads_in_both_directions(profile: SrtpProfile) -> None:
    left, right = ends(profile)
    report = build_receiver_report(ReceiverReport(1))
    for sender, receiver in ((left, right), (right, left)):
        protected = sender.protect_rtp(rtp(5))
        assert b"speech" not in protected
        assert receiver.unprotect_rtp(protected) == rtp(5)
        assert receiver.unprotect_rtcp(sender.protect_rtcp(report)) == report


@pytest.mark.parametrize("profile", SrtpProfile)
def test_a_replayed_packet_is_refused(profile: SrtpProfile) -> None:
    left, right = ends(profile)
    protected = left.protect_rtp(rtp(5))
    right.unprotect_rtp(protected)
    assert right.unprotect_rtp(protected) is SrtpRefusal.REPLAYED


@pytest.mark.parametrize("profile", SrtpProfile)
def test_any_changed_byte_is_refused(profile: SrtpProfile) -> None:
    left, right = ends(profile)
    protected = left.protect_rtp(rtp(5))
    for place in range(len(protected)):
        changed = protected[:place] + bytes([protected[place] ^ 1]) + protected[place + 1 :]
        assert isinstance(right.unprotect_rtp(changed), SrtpRefusal)
    assert right.unprotect_rtp(protected) == rtp(5)


@given(st.binary(max_size=1600))
def test_any_bytes_are_refused_without_an_error(datagram: bytes) -> None:
    _, right = ends()
    assert isinstance(right.unprotect_rtp(datagram), SrtpRefusal)
    assert isinstance(right.unprotect_rtcp(datagram), SrtpRefusal)


def test_a_caller_may_use_only_so_many_streams() -> None:
    left, right = ends()
    answers = [right.unprotect_rtp(left.protect_rtp(rtp(5, ssrc=number))) for number in range(MOST_STREAMS + 3)]
    assert all(isinstance(answer, bytes) for answer in answers[:MOST_STREAMS])
    assert answers[MOST_STREAMS:] == [SrtpRefusal.TOO_MANY_STREAMS] * 3
    assert right.unprotect_rtp(left.protect_rtp(rtp(6, ssrc=3))) == rtp(6, ssrc=3)


def test_forged_streams_do_not_use_up_the_callers() -> None:
    left, right = ends()
    for number in range(1000):
        forged = right.unprotect_rtp(build_rtp(RtpPacket(111, 5, 0, number, bytes(30))))
        assert forged is SrtpRefusal.UNAUTHENTICATED
    assert right.unprotect_rtp(left.protect_rtp(rtp(5))) == rtp(5)


def test_keys_of_a_wrong_length_are_refused_and_keys_are_never_printed() -> None:
    keys, _ = key_pair()
    assert "\\x" not in repr(keys)
    with pytest.raises(ValueError, match="SRTP_AEAD_AES_256_GCM"):
        SrtpKeys(SrtpProfile.AEAD_AES_256_GCM, keys.local_key, keys.local_salt, keys.remote_key, keys.remote_salt)
