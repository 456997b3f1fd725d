"""Options and rules for the whole suite; fixtures live in tests/support, beside the parts that they start."""

import os
import shutil

import hypothesis
import pytest

# A loaded machine is slow, not wrong: examples are bounded in number, never in time.
hypothesis.settings.register_profile("antiphon", deadline=None)
hypothesis.settings.load_profile("antiphon")

# Nor does a transceiver on it refuse or end the calls of a test that is not about that.
os.environ.setdefault("ANTIPHON_OVERLOAD_PERIOD_S", "0")

NEEDS = {
    "redis": ("redis-server", "redis-server is not installed"),
    "browser": ("chromium", "chromium is not installed"),
    "firefox": ("firefox-esr", "firefox-esr is not installed"),
    "gstreamer": ("gst-inspect-1.0", "GStreamer is not installed"),
    "node": ("node", "nodejs is not installed"),
    "namespaces": ("ip", "iproute2 is not installed"),
    "prometheus": ("promtool", "prometheus is not installed"),
    "go": ("go", "Go is not installed"),
}

pytest_plugins = ["real_kubernetes.fixtures", "custom_resources"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="a skipped test fails the run (CI)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark, (program, reason) in NEEDS.items():
            if item.get_closest_marker(mark) and shutil.which(program) is None:
                item.add_marker(pytest.mark.skip(reason=f"{reason} (`make machine` installs it, or says how)"))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.getoption("--no-skips") and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("tests were skipped, which --no-skips forbids", red=True)
        if exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
