"""The page: its few files, read once, served with headers that let the browser load nothing from elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from antiphon_signaling.errors import ErrorCode, Refusal, RefusedError
from antiphon_signaling.routes import Routes
from antiphon_signaling.settings import Settings

_MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; object-src 'none'"
    ),
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    # Revalidated each time (a 304 costs one round trip): the page must fit the service that answers its offers.
    "cache-control": "no-cache",
}


@dataclass(frozen=True)
class PageFile:
    content: bytes
    media_type: str
    etag: str


def read_page() -> Mapping[str, PageFile]:
    files = {}
    for entry in (resources.files(__package__) / "page").iterdir():
        media_type = _MEDIA_TYPES.get(entry.name[entry.name.rfind(".") :])
        if media_type is not None:
            content = entry.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
            files[entry.name] = PageFile(content, media_type, etag)
    return files


def page_router(files: Mapping[str, PageFile], routes: Routes, settings: Settings, version: str) -> APIRouter:
    router = APIRouter()

    @router.get("/")
    async def index(request: Request) -> Response:
        return _answer(files["index.html"], request)

    @router.get("/page/config.json")
    async def config() -> Response:
        pools = [{"name": p.name, "models": list(p.models), "default": p.default} for p in routes.table.pools]
        body = {
            "vip": [str(address) for address in settings.vip or routes.vip],
            "pools": pools,
            "version": version,
            "longest_call_s": settings.longest_call_s,
        }
        return JSONResponse(body, headers={"cache-control": "no-store"})

    @router.get("/page/{name}")
    async def file(name: str, request: Request) -> Response:
        found = files.get(name)
        if found is None:
            raise RefusedError(Refusal(ErrorCode.PATH_NOT_FOUND, "The page has no such file."))
        return _answer(found, request)

    return router


def _answer(found: PageFile, request: Request) -> Response:
    headers = {**_HEADERS, "etag": found.etag}
    if request.headers.get("if-none-match") == found.etag:
        return Response(status_code=304, headers=headers)
    return Response(found.content, 200, headers, f"{found.media_type}; charset=utf-8")
