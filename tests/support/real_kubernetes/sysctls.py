"""The settings of the whole machine that a kubelet changes: put back when the last node is gone."""

import json
from pathlib import Path

CHANGED = ("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops")
SYSTEM = Path("/proc/sys")


def save_sysctls(file: Path) -> None:
    """Keeps what is saved already: another run's nodes may have changed the settings since."""
    if not file.exists():
        file.write_text(json.dumps({name: (SYSTEM / name).read_text().strip() for name in CHANGED}))


def restore_sysctls(file: Path) -> None:
    if not file.exists():
        return
    for name, value in json.loads(file.read_text()).items():
        if (SYSTEM / name).read_text().strip() != value:
            (SYSTEM / name).write_text(value)
    file.unlink()
