import pytest

from antiphon_cli.voice.description import AnswerError, LocalDescription, offer, parse_answer
from antiphon_wire.environment import Address

ANSWER = """v=0
o=- 1 2 IN IP4 127.0.0.1
s=-
t=0 0
a=ice-lite
m=audio 9 UDP/TLS/RTP/SAVPF 109
a=ice-ufrag:1Aabcdefghijklmnopqrstuv
a=ice-pwd:a-password-of-24-letters
a=fingerprint:sha-256 ab:cd
a=setup:active
a=rtpmap:109 opus/48000/2
a=candidate:1 1 udp 2130706431 192.0.2.7 3478 typ host
a=candidate:2 1 UDP 2130706430 2001:db8::7 3478 typ host
a=candidate:3 1 tcp 1 192.0.2.7 443 typ host tcptype passive
a=candidate:4 1 udp 1 5f3a.local 5000 typ host
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
"""


def test_an_answer_is_read() -> None:
    remote = parse_answer(ANSWER)
    assert (remote.ufrag, remote.password) == ("1Aabcdefghijklmnopqrstuv", "a-password-of-24-letters")
    assert remote.dtls_active
    assert remote.opus_payload_type == 109
    assert remote.has_data_channel
    assert remote.candidates == (Address("192.0.2.7", 3478), Address("2001:db8::7", 3478))
    assert [str(candidate) for candidate in remote.candidates] == ["192.0.2.7:3478", "[2001:db8::7]:3478"]
    assert [(f.algorithm, f.value) for f in remote.fingerprints] == [("sha-256", "AB:CD")]


@pytest.mark.parametrize(
    ("without", "complaint"),
    [
        ("v=0", "does not begin with v=0"),
        ("a=ice-ufrag:1Aabcdefghijklmnopqrstuv", "no a=ice-ufrag"),
        ("a=ice-pwd:a-password-of-24-letters", "no a=ice-pwd"),
        ("a=fingerprint:sha-256 ab:cd", "no well-formed a=fingerprint"),
        ("a=setup:active", "no a=setup"),
        ("a=rtpmap:109 opus/48000/2", "no Opus"),
    ],
)
def test_an_answer_that_lacks_something_says_what(without: str, complaint: str) -> None:
    with pytest.raises(AnswerError, match=complaint):
        parse_answer(ANSWER.replace(without, ""))


def test_an_answer_without_a_usable_candidate_is_refused() -> None:
    lines = [line for line in ANSWER.splitlines() if " udp " not in line.lower()]
    with pytest.raises(AnswerError, match="no UDP candidate"):
        parse_answer("\n".join(lines))


def test_the_offer_has_audio_then_the_data_channel_and_no_candidates() -> None:
    text = offer(LocalDescription("abcd", "p" * 24, "AB:CD", 7))
    media = [line for line in text.splitlines() if line.startswith("m=")]
    assert [line.split()[0] for line in media] == ["m=audio", "m=application"]
    assert "a=candidate" not in text
    assert text.endswith("\r\n")
