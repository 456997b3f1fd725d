"""Reads an offer off the wire: bounded in size before it is read whole, and bounded in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from antiphon_signaling.errors import ErrorCode, Refusal, RefusedError
from antiphon_signaling.offer import (
    Offer,
    largest_body,
    largest_later_body,
    not_sdp,
    not_utf8,
    offer_of,
    sdp_of,
    too_large,
)

LINGER_S = 1.0
LINGER_BYTES = 1024 * 1024


async def read_offer(request: Request, *, within_s: float) -> Offer:
    media_type = _media_type(request)
    body = await _timely_body(request, largest_body(media_type), within_s)
    model = request.query_params.get("model")
    if media_type == "application/sdp":
        return offer_of(body, None, model=model)
    sdp, session = await _parts(request, body)
    return offer_of(sdp, session, model=model)


async def read_later_offer(request: Request, *, within_s: float) -> str:
    """The SDP of a live call's later offer."""
    return sdp_of(await _timely_body(request, largest_later_body(_media_type(request)), within_s))


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _timely_body(request: Request, limit: int, within_s: float) -> bytes:
    try:
        async with asyncio.timeout(within_s):
            return await _bounded_body(request, limit)
    except TimeoutError:
        message = f"The body did not arrive within {within_s:g} s."
        raise RefusedError(Refusal(ErrorCode.OFFER_TOO_SLOW, message)) from None


async def _bounded_body(request: Request, limit: int) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > limit:
        raise too_large(limit)
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise too_large(limit)
    except ClientDisconnect:
        raise RefusedError(Refusal(ErrorCode.OFFER_TOO_SLOW, "The caller went away.")) from None
    return bytes(body)


async def _parts(request: Request, body: bytes) -> tuple[bytes, bytes | None]:
    async def whole() -> AsyncGenerator[bytes, None]:
        yield body

    _, options = parse_options_header(request.headers["content-type"])
    # The parser decodes with whatever codec is named, and Python has some that take a quadratic time.
    if options.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8"):
        raise not_utf8()
    try:
        parser = MultiPartParser(request.headers, whole(), max_files=2, max_fields=8, max_part_size=len(body))
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeError) as error:
        raise not_sdp(f"is not multipart/form-data ({error})") from None
    try:
        sdp = await _part(form, "sdp")
        if sdp is None:
            raise not_sdp("has no part named sdp")
        return sdp, await _part(form, "session")
    finally:
        await form.close()


async def _part(form: FormData, name: str) -> bytes | None:
    """A part may come as a field or, from SDKs that give it a file name, as a file."""
    value = form.get(name)
    if value is None:
        return None
    return value.encode() if isinstance(value, str) else await value.read()


class LingeringResponse(Response):
    """Answers at once, then discards what the caller is still sending, within bounds, before the connection closes.

    Closing with unread bytes in the receive buffer makes the kernel send RST, which takes the answer away from a caller
    that is still writing (RFC 9112 section 9.6).
    """

    def __init__(self, content: bytes, status_code: int, headers: dict[str, str], media_type: str) -> None:
        super().__init__(content, status_code, {**headers, "connection": "close"}, media_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": bytes(self.body), "more_body": True})
        await _discard(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _discard(receive: Receive) -> None:
    left = LINGER_BYTES
    try:
        async with asyncio.timeout(LINGER_S):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return
