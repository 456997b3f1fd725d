"""One line per event, whatever the event holds; nothing secret in it."""

import json
import logging
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon_wire.logs import LineFormatter, configure_logs


def line(message: str, fields: dict[str, object] | None = None, created: float = 1_795_226_400.25) -> str:
    record = logging.LogRecord("antiphon", logging.INFO, "", 0, message, None, None)
    record.created = created
    if fields is not None:
        record.fields = fields
    return LineFormatter("relay").format(record)


def test_a_line_has_time_level_part_message_and_fields() -> None:
    assert line("call ended", {"reason": "hangup", "age_s": 3, "note": "a b", "empty": ""}) == (
        '2026-11-21T02:00:00.250Z info relay call ended reason=hangup age_s=3 note="a b" empty=""'
    )


def test_a_message_without_fields_stands_alone() -> None:
    assert line("100 % ready") == "2026-11-21T02:00:00.250Z info relay 100 % ready"


@given(st.text(), st.text())
def test_no_text_breaks_out_of_its_line_or_field(message: str, value: str) -> None:
    whole = line(message, {"value": value, "last": 1})
    assert len(whole.splitlines()) == 1
    assert whole.endswith(" last=1")
    shown = whole.removesuffix(" last=1").rpartition(" value=")[2] if " " not in value else None
    if shown is not None and "=" not in value:
        assert (json.loads(shown) if shown.startswith('"') else shown) == value


@pytest.mark.parametrize("name", ["ufrag", "password", "secret", "sdp", "token", "client", "call_password", "Offer"])
def test_a_field_of_a_secret_name_is_not_shown(name: str) -> None:
    assert line("oops", {name: "hunter2"}).endswith(f" oops {name}=[redacted]")


def test_an_exception_stays_on_its_line() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        record = logging.LogRecord("antiphon", logging.ERROR, "", 0, "task failed", None, sys.exc_info())
    text = LineFormatter("relay").format(record)
    assert len(text.splitlines()) == 1
    assert "ValueError: broken" in text


def test_a_process_logs_to_stderr_at_its_level() -> None:
    script = (
        "import logging\n"
        "from antiphon_wire.logs import configure_logs, log\n"
        "configure_logs('signaling', 'info')\n"
        "log.debug('hidden')\n"
        "log.info('ready', extra={'fields': {'port': 1}})\n"
        "logging.getLogger('aiohttp').warning('odd: %s', 2)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == ""
    first, second = done.stderr.splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info signaling ready port=1", first)
    assert second.endswith(" warning signaling odd: 2")


def test_a_level_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="must be one of debug, info, warning, error, not 'loud'"):
        configure_logs("relay", "loud")
