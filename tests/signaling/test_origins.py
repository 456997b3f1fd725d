"""The CORS policy, without HTTP."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_signaling.origins import OriginPattern, OriginPatternError, OriginPolicy, preflight_headers

POLICY = OriginPolicy.parse(["https://app.example.com", "http://localhost:*", "http://[::1]:*", ""])


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.com",
        "https://app.example.com:443",
        "http://localhost",
        "http://localhost:5173",
        "http://[::1]:3000",
        "https://voice.example.com",
    ],
)
def test_configured_origins_and_the_page_itself_are_allowed(origin: str) -> None:
    assert POLICY.allows(origin, host="voice.example.com")


@pytest.mark.parametrize(
    "origin",
    [
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com.evil.example",
        "https://evil.example/https://app.example.com",
        "https://app.example.com@evil.example",
        "https://localhost:5173",
        "http://localhost.evil.example:5173",
        "http://127.0.0.1:8080",
        "https://voice.example.com:8443",
        "null",
        "",
        "file://",
        "https://[::1",
        "http://localhost:99999",
    ],
)
def test_everything_else_is_refused(origin: str) -> None:
    assert not POLICY.allows(origin, host="voice.example.com")


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://evil.example:28080", False),
        ("http://localhost.evil.example:28080", False),
        ("http://127.0.0.1.evil.example:28080", False),
        ("http://127.0.0.1:28080", True),
        ("http://[fe80::1]:28080", True),
        ("http://localhost:28080", True),
        ("http://app.example.com:28080", True),
        ("https://voice.example.com", True),
    ],
)
def test_a_name_that_anyone_could_point_here_is_not_the_page_itself(origin: str, allowed: bool) -> None:
    host = origin.partition("://")[2]
    assert OriginPolicy.parse(["https://app.example.com"]).allows(origin, host=host) is allowed
    assert POLICY.allows(origin, host=host, reads=True)
    assert not POLICY.allows(origin, host="other.example", reads=True) or allowed


def test_everyone_is_allowed_only_when_that_is_written_out() -> None:
    assert OriginPolicy.parse(["*"]).allows("https://anyone.example", host="voice.example.com")
    assert not OriginPolicy.parse([]).allows("https://anyone.example", host="voice.example.com")


@given(st.text(), st.text())
def test_no_header_text_makes_the_policy_fail(origin: str, host: str) -> None:
    assert POLICY.allows(origin, host=host) in (True, False)


@pytest.mark.parametrize("text", ["localhost:*", "https://", "http://a/b", "ftp://a", "http://a:1:*", "https://*.a.b/"])
def test_a_pattern_that_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(OriginPatternError):
        OriginPattern.parse(text)


def test_the_preflight_allows_the_headers_that_were_asked_for() -> None:
    headers = dict(preflight_headers("https://a.example", "authorization, content-type, x-openai-agents-sdk"))
    assert headers["access-control-allow-headers"] == "authorization, content-type, x-openai-agents-sdk"
    assert headers["access-control-max-age"] == "7200"
    assert "access-control-allow-headers" not in dict(preflight_headers("https://a.example", "bad header\tname: x"))
