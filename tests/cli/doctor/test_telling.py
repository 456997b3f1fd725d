"""How findings are told, and how checks are chosen."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from antiphon_cli.__main__ import cli
from antiphon_cli.doctor.checks import CHECKS, ChoiceError, chosen
from antiphon_cli.doctor.cluster_checks import OLDEST
from antiphon_cli.doctor.report import document, lines, marks_for, page, summary
from antiphon_cli.doctor.verdict import Check, Finding, Group, failure, ok, skipped, warning

ROOT = Path(__file__).parents[3]
FOUND = (
    Finding("AP101", "the API server answers", "", ok("v1.37.1")),
    Finding(
        "AP302", "addresses are kept", "voice/edge", warning("It is Cluster.", look="kubectl x", cure="Set Local.")
    ),
    Finding(
        "AP303", "callers are spread", "voice/edge", failure("It is ClientIP.", look="kubectl y", cure="Set None.")
    ),
    Finding("AP501", "keys turn", "voice/edge", skipped("you may not")),
    Finding("AP502", "pods have routes", "voice/edge", skipped("you may not")),
    Finding("AP503", "the table is whole", "voice/edge", skipped("it is not there")),
)


def test_findings_are_told_with_what_to_do() -> None:
    assert list(lines(FOUND, marks_for("utf-8"))) == [
        f"{'√ AP101 the API server answers':<62}   v1.37.1",
        f"{'‼ AP302 addresses are kept':<62}   voice/edge",
        "    It is Cluster.",
        "    Look: kubectl x",
        "    Cure: Set Local. (docs/doctor.md#ap302)",
        f"{'× AP303 callers are spread':<62}   voice/edge",
        "    It is ClientIP.",
        "    Look: kubectl y",
        "    Cure: Set None. (docs/doctor.md#ap303)",
        "- AP501 to AP502 (2) skipped: you may not",
        "- AP503 skipped: it is not there",
    ]
    assert summary(FOUND) == "6 checks, 1 failed, 1 warning, 3 skipped"


@pytest.mark.parametrize("encoding", ["ascii", "ISO-8859-1", None])
def test_marks_are_ascii_where_the_terminal_is_not_utf_8(encoding: str | None) -> None:
    told = "\n".join(lines(FOUND, marks_for(encoding)))
    assert told.isascii()
    assert [line[:2] for line in told.splitlines() if " AP" in line[:6]] == ["ok", "!!", "XX", "--", "--"]


def test_programs_get_the_same() -> None:
    told = json.loads(json.dumps(document(FOUND)))
    assert told["ok"] is False
    assert told["checks"][2] == {
        "code": "AP303",
        "title": "callers are spread",
        "subject": "voice/edge",
        "level": "failure",
        "message": "It is ClientIP.",
        "look": "kubectl y",
        "cure": "Set None.",
        "page": "docs/doctor.md#ap303",
    }


@pytest.mark.parametrize(
    ("only", "codes"),
    [
        (["AP401"], {"AP401"}),
        (["ap401"], {"AP401"}),
        (["AP6"], {"AP601", "AP602"}),
        (["agent"], {"AP601", "AP602"}),
        (["call", "AP602"], {"AP401", "AP602"}),
    ],
)
def test_checks_are_chosen_by_code_or_group(only: list[str], codes: set[str]) -> None:
    assert {check.code for check in chosen(only, before_install=False)} == codes


@pytest.mark.parametrize(
    ("name", "before"), [("AP999", False), ("everything", False), ("AP40", False), ("AP401", True)]
)
def test_an_unknown_choice_is_refused(name: str, before: bool) -> None:
    with pytest.raises(ChoiceError, match="There are AP101 to "):
        chosen([name], before_install=before)


def test_a_wrong_choice_is_bad_usage() -> None:
    result = CliRunner().invoke(cli, ["doctor", "--only", "AP999"], obj={})
    assert (result.exit_code, "no check here is called 'AP999'" in result.output) == (2, True)


def test_a_namespace_and_all_of_them_exclude_each_other() -> None:
    result = CliRunner().invoke(cli, ["doctor", "-n", "voice", "-A"], obj={})
    assert (result.exit_code, "exclude each other" in result.output) == (2, True)


def test_codes_are_unique_and_lie_in_their_groups_order() -> None:
    codes = [check.code for check in CHECKS]
    assert codes == sorted(set(codes))
    assert {code[:3] for code in codes} == {group.value for group in Group}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.code)
def test_every_code_is_described(check: Check) -> None:
    anchor = page(check.code).removeprefix("docs/doctor.md#")
    text = (ROOT / "docs" / "doctor.md").read_text()
    _, found, rest = text.partition(f"\n### {anchor.upper()}\n")
    assert found
    entry = rest.partition("\n##")[0]
    assert [word for word in ("**Usually**", "**Look**", "**Cure**") if word in entry] == [
        "**Usually**",
        "**Look**",
        "**Cure**",
    ]


def test_the_page_describes_no_other_code() -> None:
    headings = [line[4:] for line in (ROOT / "docs" / "doctor.md").read_text().splitlines() if line.startswith("### ")]
    assert headings == [check.code for check in CHECKS]


def test_the_oldest_version_is_the_charts() -> None:
    chart = (ROOT / "charts" / "antiphon" / "Chart.yaml").read_text()
    assert f'kubeVersion: ">={OLDEST[0]}.{OLDEST[1]}.0-0"' in chart
