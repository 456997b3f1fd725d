"""What a process and all below it cost: time on a CPU, memory, open files."""

import os
import time
from collections import Counter
from pathlib import Path


def tree(pid: int) -> list[int]:
    """The process and its descendants."""
    found = [pid]
    for each in found:
        for task in Path(f"/proc/{each}/task").glob("*/children"):
            found += [int(child) for child in read(task).split()]
    return found


def cpu_s(pid: int) -> float:
    """User and system time since they began, also of children that have ended."""
    return sum(own_cpu_s(each) + ended_children_s(each) for each in tree(pid))


def own_cpu_s(pid: int) -> float:
    """By the process's own clock: nanoseconds, threads that have ended too. The same in /proc has ticks of 10 ms."""
    try:
        # clock_getcpuclockid(3): the complement of the id, and 2 for the scheduler's count.
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:
        return 0.0


def ended_children_s(pid: int) -> float:
    """`cutime` and `cstime` of proc_pid_stat(5); the name before them may hold anything."""
    columns = read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return (int(columns[13]) + int(columns[14])) / os.sysconf("SC_CLK_TCK") if columns else 0.0


def threads_cpu_s(pid: int) -> dict[str, float]:
    """Of the process's live threads, those of one name together; by the scheduler's count."""
    spent: Counter[str] = Counter()
    for task in Path(f"/proc/{pid}/task").glob("*"):
        # The first figure of schedstat is nanoseconds on a CPU.
        name, figures = read(task / "comm").strip(), read(task / "schedstat").split()
        if name and figures:
            spent[name] += int(figures[0])
    return {name: ns / 1e9 for name, ns in spent.items()}


def pss_kib(pid: int) -> int:
    """Pages that are shared count in proportion."""
    rollups = (read(Path(f"/proc/{each}/smaps_rollup")) for each in tree(pid))
    lines = (line for rollup in rollups for line in rollup.splitlines() if line.startswith("Pss:"))
    return sum(int(line.split()[1]) for line in lines)


def own_memory_kib(pid: int) -> int:
    """Of the one process: resident, without files' pages (`RssAnon`, proc_pid_status(5)). 0: it has ended."""
    lines = read(Path(f"/proc/{pid}/status")).splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("RssAnon:")), 0)


def open_files(pid: int) -> int:
    """0: it has ended."""
    try:
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return 0


def read(path: Path) -> str:
    """Empty: the process has ended."""
    try:
        return path.read_text()
    except OSError:
        return ""
