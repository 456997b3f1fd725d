"""What surrounds every request: origins, ids, sizes, time limits, and errors in one shape."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fake_pod import OFFER
from signaling_site import SDP, Site, site, until

CALLS = "/v1/realtime/calls"
APP = "https://app.example.com"
PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,x-openai-agents-sdk",
}


async def test_an_allowed_origin_may_preflight_and_read_what_it_needs(tmp_path: Path) -> None:
    async with site(tmp_path, 60, ANTIPHON_ALLOWED_ORIGINS=f"{APP},http://localhost:*") as here:
        for origin in (APP, "http://localhost:5173"):
            asked = await here.http.options(CALLS, headers={"origin": origin, **PREFLIGHT})
            assert asked.status_code == 204
            assert asked.headers["access-control-allow-origin"] == origin
            assert asked.headers["access-control-allow-headers"] == PREFLIGHT["access-control-request-headers"]
            assert int(asked.headers["access-control-max-age"]) > 600
            answer = await here.http.post(CALLS, content=OFFER, headers={"origin": origin, **SDP})
            assert answer.status_code == 201
            assert answer.headers["access-control-allow-origin"] == origin
            assert answer.headers["vary"] == "Origin"
            exposed = answer.headers["access-control-expose-headers"].lower().split(", ")
            assert {"location", "server-timing", "x-request-id", "retry-after"} <= set(exposed)
        # A refusal must be readable too, or the page cannot say what is wrong.
        refused = await here.http.post(CALLS, content="hello", headers={"origin": APP, **SDP})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (400, APP)


async def test_a_foreign_origin_is_refused_by_name_before_and_at_the_request(tmp_path: Path) -> None:
    async with site(tmp_path, 60) as here:
        foreign = {"origin": "https://evil.example"}
        for answer in (
            await here.http.options(CALLS, headers={**foreign, **PREFLIGHT}),
            await here.http.post(CALLS, content=OFFER, headers={**foreign, **SDP}),
        ):
            assert answer.status_code == 403
            assert answer.json()["error"]["code"] == "origin_not_allowed"
            assert "https://evil.example" in answer.json()["error"]["message"]
            assert "access-control-allow-origin" not in answer.headers
        assert here.pods[0].offers == []


async def test_the_page_itself_needs_no_configuration(tmp_path: Path) -> None:
    async with site(tmp_path, 60) as here:
        assert (await here.http.post(CALLS, content=OFFER, headers={"origin": here.url, **SDP})).status_code == 201


@pytest.mark.parametrize(
    ("request_line", "status", "code"),
    [
        (("POST", CALLS, "text/plain"), 415, "unsupported_media_type"),
        (("POST", CALLS, "application/sdp"), 400, "offer_not_sdp"),
        (("POST", CALLS, "multipart/form-data"), 400, "offer_not_sdp"),
        (("POST", CALLS, "multipart/form-data; boundary=x"), 400, "offer_not_sdp"),
        (("GET", CALLS, ""), 405, "method_not_allowed"),
        (("GET", "/v1/models", ""), 404, "path_not_found"),
        (("GET", "/page/..%2Fapp.py", ""), 404, "path_not_found"),
    ],
)
async def test_every_refusal_has_openais_shape_and_a_request_id(
    tmp_path: Path, request_line: tuple[str, str, str], status: int, code: str
) -> None:
    method, path, media_type = request_line
    async with site(tmp_path, 60) as here:
        answer = await here.http.request(method, path, content=b"hello", headers={"content-type": media_type})
        assert answer.status_code == status
        assert answer.headers["x-request-id"].startswith("req_")
        error = answer.json()["error"]
        assert set(error) == {"type", "code", "param", "message"}
        assert (error["type"], error["code"]) == ("invalid_request_error", code)
        assert here.pods[0].offers == []


@pytest.mark.parametrize(
    ("request_line", "allow"),
    [
        (("GET", CALLS), "POST"),
        (("DELETE", f"{CALLS}/rtc_x"), "GET, HEAD, PATCH"),
        (("GET", f"{CALLS}/rtc_x/hangup"), "POST"),
        (("PUT", "/page/config.json"), "GET, HEAD"),
    ],
)
async def test_a_method_that_is_not_answered_is_told_those_that_are(
    tmp_path: Path, request_line: tuple[str, str], allow: str
) -> None:
    async with site(tmp_path, 60) as here:
        answer = await here.http.request(*request_line)
        assert (answer.status_code, answer.headers["allow"]) == (405, allow)


@pytest.mark.parametrize("path", ["/", "/page/style.css", "/page/config.json", "/livez", "/readyz", "/metrics"])
async def test_head_says_what_get_would_say(tmp_path: Path, path: str) -> None:
    async with site(tmp_path, 60) as here:
        got, head = await here.http.get(path), await here.http.head(path)
        assert (head.status_code, got.status_code, head.content) == (200, 200, b"")
        assert head.headers["content-type"] == got.headers["content-type"]
        assert int(head.headers["content-length"]) > 0
        # The connection is still in step.
        assert (await here.http.head(CALLS)).status_code == 405
        assert (await here.http.get("/livez")).text == "ok\n"


@pytest.mark.parametrize("charset", ["idna", "punycode", "undefined", "utf-16", "no-such"])
async def test_a_multipart_body_in_another_charset_than_utf_8_is_refused(tmp_path: Path, charset: str) -> None:
    async with site(tmp_path, 60) as here:
        for name, status in ((charset, 415), ("UTF-8", 201)):
            body = f'--X\r\ncontent-disposition: form-data; name="sdp"\r\n\r\n{OFFER}\r\n--X--\r\n'
            media_type = f"multipart/form-data; boundary=X; charset={name}"
            answer = await here.http.post(CALLS, content=body, headers={"content-type": media_type})
            assert answer.status_code == status
            assert status == 201 or answer.json()["error"]["code"] == "unsupported_media_type"


async def test_a_session_that_is_no_json_is_refused(tmp_path: Path) -> None:
    async with site(tmp_path, 60) as here:
        answer = await here.http.post(CALLS, files={"sdp": (None, OFFER), "session": (None, "{")})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "session_not_json")


async def raw(here: Site, head: str, *, body: Iterator[bytes], finish: bool) -> tuple[int, dict[str, object], int]:
    """Status, error and bytes that could be sent, over a bare socket that reads while it writes."""
    url = urlsplit(here.url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    sent = 0
    try:
        writer.write(f"POST {CALLS} HTTP/1.1\r\nHost: {url.netloc}\r\n{head}\r\n\r\n".encode())
        answer = asyncio.create_task(reader.readuntil(b"\r\n\r\n"))
        for chunk in body:
            if answer.done() and not finish:
                break
            writer.write(chunk)
            await writer.drain()
            sent += len(chunk)
        received = (await asyncio.wait_for(answer, 10)).decode().lower()
        length = int(received.split("content-length: ")[1].split("\r\n")[0])
        error = json.loads(await reader.readexactly(length))["error"]
        return int(received.split()[1]), error, sent
    finally:
        writer.close()


async def test_a_declared_megabyte_is_refused_before_a_byte_of_it_was_sent(tmp_path: Path) -> None:
    async with site(tmp_path, 60) as here:
        head = "Content-Type: application/sdp\r\nContent-Length: 1048576"
        status, error, sent = await raw(here, head, body=iter(()), finish=False)
        assert (status, error["code"], sent) == (413, "offer_too_large", 0)


async def test_a_client_that_sends_its_megabyte_anyway_still_reads_the_answer(tmp_path: Path) -> None:
    async with site(tmp_path, 60) as here:
        for body in (b"v=0" + b"a" * 1_000_000, OFFER.encode() + b"a" * 70_000):
            answer = await here.http.post(CALLS, content=body, headers=SDP)
            assert (answer.status_code, answer.json()["error"]["code"]) == (413, "offer_too_large")
            assert "64 KiB" in answer.json()["error"]["message"]


async def test_an_endless_body_is_cut_off(tmp_path: Path) -> None:
    async with site(tmp_path, 60) as here:
        chunk = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
        head = "Content-Type: application/sdp\r\nTransfer-Encoding: chunked"
        endless = (chunk for _ in range(1_000_000))
        status, error, sent = await raw(here, head, body=endless, finish=False)
        assert (status, error["code"]) == (413, "offer_too_large")
        assert sent < 16 * 1024 * 1024


async def test_a_body_that_trickles_is_given_up(tmp_path: Path) -> None:
    async with site(tmp_path, 60, ANTIPHON_OFFER_TIMEOUT_S="0.2") as here:
        head = "Content-Type: application/sdp\r\nContent-Length: 2000"
        status, error, _ = await raw(here, head, body=iter([b"v=0"]), finish=False)
        assert (status, error["code"]) == (408, "offer_too_slow")
        # The service goes on.
        assert (await here.http.post(CALLS, content=OFFER, headers=SDP)).status_code == 201


@pytest.mark.parametrize(
    "said",
    [b"", b"GET /livez HTTP/1.1\r\nHost: a\r\n", b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"],
    ids=["nothing", "half a head", "a whole head, then half of one"],
)
async def test_a_head_that_trickles_is_given_up(tmp_path: Path, said: bytes) -> None:
    async with site(tmp_path, 60, ANTIPHON_OFFER_TIMEOUT_S="0.2") as here:
        url = urlsplit(here.url)
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        try:
            writer.write(said)
            if said.endswith(b"\r\n\r\n"):
                assert (await reader.readuntil(b"ok\n")).startswith(b"HTTP/1.1 200")
                writer.write(b"GET /li")
            async with asyncio.timeout(5):
                assert await reader.read() == b""
        finally:
            writer.close()


async def test_an_answer_that_takes_longer_than_a_head_may_is_still_given(tmp_path: Path) -> None:
    async with site(tmp_path, 60, ANTIPHON_OFFER_TIMEOUT_S="0.2") as here:
        here.pods[0].gate.clear()
        placing = asyncio.create_task(here.http.post(CALLS, content=OFFER, headers=SDP))
        await until(lambda: bool(here.pods[0].offers))
        reader, writer = await asyncio.open_connection(urlsplit(here.url).hostname, urlsplit(here.url).port)
        assert await asyncio.wait_for(reader.read(), 5) == b""  # as much time has passed as a head may take
        writer.close()
        here.pods[0].gate.set()
        assert (await placing).status_code == 201


async def test_the_log_tells_each_call_once_and_no_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="antiphon_signaling")
    async with site(tmp_path, 1) as here:
        placed = await here.http.post(CALLS, content=OFFER, headers=SDP)
        await here.http.post(CALLS, content=OFFER, headers=SDP)
    lines = [
        (record.getMessage(), vars(record)["fields"])
        for record in caplog.records
        if record.getMessage() in {"call created", "request refused"}
    ]
    assert [message for message, _ in lines] == ["call created", "request refused"]
    assert lines[0][1]["request"] == placed.headers["x-request-id"]
    assert lines[1][1]["code"] == "no_capacity"
    written = " ".join(str(vars(record)) for record in caplog.records)
    ufrag = placed.text.split("a=ice-ufrag:")[1].split()[0]
    assert ufrag not in written
    assert "m=audio" not in written
