"""Changes to SDP that put a proxy between two ends, and offer what aiortc has no word for. Pure."""

import re

from bench.quality.rtp_payload import RED


def reached_at(sdp: str, host: str, port: int) -> str:
    """With `host` and `port` as the one candidate of each medium (RFC 8839 §5.1)."""
    lines: list[str] = []
    has_candidate = False
    for line in sdp.splitlines():
        has_candidate = has_candidate and not line.startswith("m=")
        if not line.startswith("a=candidate:"):
            lines.append(line)
        elif not has_candidate:
            has_candidate = True
            lines.append(" ".join([*line.split(" ")[:4], host, str(port), "typ host"]))
    return "\r\n".join(lines) + "\r\n"


def offering_red(sdp: str) -> str:
    """With redundant audio behind all else (RFC 2198 §5)."""
    opus = opus_payload_type(sdp)
    offered = re.sub(r"^(m=audio [^\r\n]+)", rf"\1 {RED}", sdp, count=1, flags=re.MULTILINE)
    red = f"a=rtpmap:{RED} red/48000/2\r\na=fmtp:{RED} {opus}/{opus}\r\n"
    return offered.replace(f"a=rtpmap:{opus} ", f"{red}a=rtpmap:{opus} ", 1)


def takes_red(answer: str) -> bool:
    return re.search(rf"^a=rtpmap:{RED} red/48000", answer, re.MULTILINE | re.IGNORECASE) is not None


def opus_payload_type(sdp: str) -> int:
    found = re.search(r"^a=rtpmap:(\d+) opus/48000/2", sdp, re.MULTILINE | re.IGNORECASE)
    if found is None:
        raise ValueError("the description has no Opus")
    return int(found[1])
