"""Starts a transceiver: `python -m antiphon_transceiver`, told everything by its environment."""

import asyncio
import os
import sys

from antiphon_transceiver.pod import run_pod
from antiphon_transceiver.settings import Settings
from antiphon_wire.control import read_control_token
from antiphon_wire.environment import SettingError
from antiphon_wire.logs import configure_logs


def main() -> int:
    try:
        settings = Settings.from_env(os.environ)
        token = read_control_token(settings.control_token_file)
        configure_logs("transceiver", settings.log_level)
        asyncio.run(run_pod(settings, token))
    except SettingError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
