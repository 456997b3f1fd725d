"""`python -m antiphon_operator`: reads the settings, and runs fleets until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys

from antiphon_operator.process import run_operator
from antiphon_operator.settings import Settings
from antiphon_wire.cluster.access import cluster_access
from antiphon_wire.cluster.connection import ConnectionConfigError
from antiphon_wire.environment import SettingError
from antiphon_wire.logs import configure_logs

logger = logging.getLogger(__name__)


def main() -> int:
    try:
        settings = Settings.from_env(os.environ, host=socket.gethostname())
        access = cluster_access(os.environ)
    except SettingError as error:
        print(f"antiphon_operator: {error}", file=sys.stderr)  # noqa: T201  # logs are not set up yet
        return 2
    configure_logs("operator", settings.log_level)
    # kopf tells of each event at the level info; what it cannot do is a warning.
    logging.getLogger("kopf").setLevel(logging.WARNING)
    try:
        asyncio.run(run_operator(settings, access))
    except ConnectionConfigError as error:
        logger.error("the kubeconfig cannot be used", extra={"fields": {"error": error}})
        return 2
    except Exception:
        # The process's root: a part that fails ends it, and the container is started anew.
        logger.exception("the operator failed")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
