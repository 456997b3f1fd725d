"""`python -m antiphon_relay`"""

import asyncio
import os
import sys

from antiphon_relay.process import RelayProcess
from antiphon_relay.settings import Settings
from antiphon_wire.environment import SettingError
from antiphon_wire.logs import configure_logs, log


def main() -> int:
    try:
        settings = Settings.from_env(os.environ, cpus=len(os.sched_getaffinity(0)))
    except SettingError as error:
        print(f"antiphon_relay: {error}", file=sys.stderr)  # noqa: T201  # logs are not set up yet
        return 2
    configure_logs("relay", settings.log_level)
    try:
        asyncio.run(RelayProcess(settings).serve())
    except (OSError, ValueError) as error:
        log.error("cannot start", extra={"fields": {"error": error}})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
