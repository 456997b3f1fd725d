"""What the command line and the environment say, before anything starts."""

from pathlib import Path

import pytest

from antiphon_cli.local.flags import flag_problems, inherited_problems, with_inherited_origins
from antiphon_cli.local.own_command import command_of
from antiphon_cli.local.plan import UpOptions


@pytest.mark.parametrize(
    "options",
    [
        UpOptions(redis_url="redis://127.0.0.1:6379/0"),
        UpOptions(redis_url="unix:///run/redis.sock"),
        UpOptions(vip="::1", backend_url="wss://api.example/v1"),
        UpOptions(allowed_origins=("*", "http://localhost:*", "https://app.example.com:8443", "http://[::1]:*")),
    ],
)
def test_good_flags_are_taken(options: UpOptions) -> None:
    assert flag_problems(options) == []


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (UpOptions(redis_url="redis://"), "--redis"),
        (UpOptions(redis_url="redis://h:port"), "--redis"),
        (UpOptions(vip="192.0.2"), "--vip"),
        (UpOptions(backend_url="http://x"), "--backend"),
        (UpOptions(allowed_origins=("https://app.example.com/path",)), "--allow-origin"),
        (UpOptions(allowed_origins=("app.example.com",)), "--allow-origin"),
    ],
)
def test_a_bad_flag_is_named(options: UpOptions, named: str) -> None:
    (problem,) = flag_problems(options)
    assert problem.startswith(named)


def test_the_origins_of_the_environment_are_allowed_beside_those_of_the_flags() -> None:
    environ = {"ANTIPHON_ALLOWED_ORIGINS": "https://b.example, http://localhost:*,"}
    options = with_inherited_origins(UpOptions(allowed_origins=("https://a.example",)), environ)
    assert options.allowed_origins == ("https://a.example", "https://b.example", "http://localhost:*")
    assert inherited_problems(environ) == []
    (problem,) = inherited_problems({"ANTIPHON_ALLOWED_ORIGINS": "nonsense"})
    assert problem.startswith("ANTIPHON_ALLOWED_ORIGINS 'nonsense'")


def test_printed_commands_can_be_copied() -> None:
    program = str(Path.cwd() / ".venv" / "bin" / "antiphon")
    assert command_of(program, on_path=True) == "antiphon"
    assert command_of(program, on_path=False) == ".venv/bin/antiphon"
    assert command_of("/x/antiphon_cli/__main__.py", on_path=False).endswith(" -m antiphon_cli")
