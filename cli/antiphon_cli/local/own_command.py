"""How this command is called here, so that what is printed can be copied."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from antiphon_cli.local.shown_path import shown_path

NAME = "antiphon"
DEFAULT_STATE_DIR = Path(".antiphon")
"""What printed commands leave out."""


def own_command() -> str:
    return command_of(sys.argv[0], on_path=shutil.which(NAME) is not None)


def command_of(started_by: str, *, on_path: bool) -> str:
    """`antiphon` where a shell finds it; else the path it was started by."""
    if on_path:
        return NAME
    program = Path(started_by)
    return shown_path(program) if program.name == NAME else f"{shown_path(Path(sys.executable))} -m antiphon_cli"
