"""Every alert fires when it should, stays quiet when it should, and leads to a page that begins with a command."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from chart import CHART, ROOT

RULES = sorted((CHART / "alerts").glob("*.yaml"))
CASES = Path(__file__).parent / "alerts"
COMMAND = re.compile(r"# Antiphon.*\n\n```\n(kubectl|antiphon) .+\n```\n")


def groups(path: Path) -> list[Any]:
    loaded: list[Any] = yaml.safe_load(path.read_text())["groups"]
    return loaded


def alerts() -> dict[str, Any]:
    rules = [rule for path in RULES for group in groups(path) for rule in group["rules"]]
    return {rule["alert"]: rule for rule in rules if "alert" in rule}


def expectations() -> list[Any]:
    tests = [test for path in CASES.glob("*.yaml") for test in yaml.safe_load(path.read_text())["tests"]]
    return [expected for test in tests for expected in test["alert_rule_test"]]


@pytest.mark.prometheus
@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_the_cases_of_a_file_hold(path: Path) -> None:
    command = ["promtool", "test", "rules", path.name]
    done = subprocess.run(command, cwd=CASES, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", alerts())
def test_an_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not(name: str) -> None:
    fires = [bool(expected["exp_alerts"]) for expected in expectations() if expected["alertname"] == name]
    assert {True, False} == set(fires)


@pytest.mark.parametrize("name", alerts())
def test_an_alert_leads_to_a_page_that_begins_with_a_command(name: str) -> None:
    alert = alerts()[name]
    page = ROOT / alert["annotations"]["runbook_url"]
    assert COMMAND.match(page.read_text()), page
    assert name in page.read_text().splitlines()[0]
    assert alert["labels"]["severity"] in ("page", "ticket", "info")
    assert (
        f"[{name}](runbooks/{page.name}) | {alert['labels']['severity']} |" in (ROOT / "docs/monitoring.md").read_text()
    )


def test_no_page_is_left_over() -> None:
    used = {Path(alert["annotations"]["runbook_url"]).name for alert in alerts().values()}
    assert {page.name for page in (ROOT / "docs" / "runbooks").glob("*.md")} == used
