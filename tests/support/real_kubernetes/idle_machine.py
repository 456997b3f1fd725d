"""A run of the harness that only waits, for the tests that kill it: it prints its folder and its processes."""

import signal

from real_kubernetes.cgroups import make_cgroups
from real_kubernetes.namespace import namespace
from real_kubernetes.place import HERE
from real_kubernetes.run_folder import run_folder

SLEEP = ["sleep", "600"]


def main() -> None:
    with run_folder("idle") as folder, namespace("machine", folder, machine=True) as machine:
        make_cgroups(f"{folder.name}/machine")
        outer, inner = HERE.daemon("outer", SLEEP, folder), machine.daemon("inner", SLEEP, folder)
        outer.start()
        inner.start()
        # One that nobody holds any more, as a container's is.
        machine.run("sh", "-c", "setsid sleep 601 >/dev/null 2>&1 &")
        inside = machine.run("sh", "-c", "cat /proc/1/task/1/children").split()
        assert inside, "nothing runs in the machine"
        print(folder, machine.pid, outer.pid, inner.pid, flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
