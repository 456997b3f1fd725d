"""docs/errors.md is complete and says the truth about every status."""

import re
from pathlib import Path

from antiphon_signaling.errors import ErrorCode, Refusal, ended
from antiphon_wire.control import EndReason

DOCUMENT = (Path(__file__).parent.parent.parent / "docs" / "errors.md").read_text()


def test_every_code_has_its_row_with_its_status() -> None:
    rows = {code: int(status) for status, code in re.findall(r"^\| (\d{3}) \| `(\w+)` \|", DOCUMENT, re.MULTILINE)}
    assert rows == {code.value: code.status for code in ErrorCode}


def test_every_reason_of_an_ended_call_has_its_row() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", DOCUMENT, re.MULTILINE)
    assert rows == [reason.value for reason in EndReason]
    assert {ended(reason).status for reason in EndReason} == {410}


def test_a_code_means_one_thing() -> None:
    assert not {code.value for code in ErrorCode} & {reason.value for reason in EndReason}


def test_only_the_services_own_faults_are_server_errors() -> None:
    for code in ErrorCode:
        kind = b"server_error" if code.status >= 500 else b"invalid_request_error"
        assert kind in Refusal(code, "…").body
