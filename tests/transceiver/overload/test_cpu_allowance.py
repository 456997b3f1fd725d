"""Limits of cgroups as kernels of either version show them, and files that are none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from antiphon_transceiver.overload.cpu_allowance import CpuAllowance, Throttling
from hindrance import limit_cpu, new_cpu_group

ALL = float(len(os.sched_getaffinity(0)))
V2_MOUNT = "30 23 0:26 {root} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
V1_MOUNT = "33 30 0:29 {root} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
OTHER_MOUNTS = (
    "22 28 0:21 / /sys rw - sysfs sysfs rw\n35 30 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
)


def kernel(folder: Path, *, groups: str, mounts: str, files: dict[str, str]) -> CpuAllowance:
    for path, text in {"proc/self/cgroup": groups, "proc/self/mountinfo": OTHER_MOUNTS + mounts, **files}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return CpuAllowance.of_this_process(folder)


def v2(folder: Path, files: dict[str, str], *, group: str = "/", mounted: str = "/") -> CpuAllowance:
    named = {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    return kernel(folder, groups=f"0::{group}\n", mounts=V2_MOUNT.format(root=mounted), files=named)


def v1(folder: Path, files: dict[str, str], *, group: str = "/", mounted: str = "/") -> CpuAllowance:
    named = {f"sys/fs/cgroup/cpu,cpuacct/{name}": text for name, text in files.items()}
    groups = f"5:memory:/elsewhere\n4:cpu,cpuacct:{group}\n1:name=systemd:/\n0::/\n"
    return kernel(folder, groups=groups, mounts=V1_MOUNT.format(root=mounted), files=named)


def test_in_a_container_the_mount_is_the_containers_own(tmp_path: Path) -> None:
    allowance = v2(tmp_path, {"cpu.max": "25000 100000\n"})
    assert allowance.cpus() == 0.25


def test_the_tightest_limit_above_the_process_counts(tmp_path: Path) -> None:
    files = {"a/cpu.max": "20000 100000\n", "a/b/cpu.max": "50000 100000\n", "a/b/c/cpu.max": "max 100000\n"}
    assert v2(tmp_path, files, group="/a/b/c").cpus() == 0.2


def test_a_group_beside_does_not(tmp_path: Path) -> None:
    files = {"a/cpu.max": "max 100000\n", "ab/cpu.max": "1000 100000\n", "b/cpu.max": "1000 100000\n"}
    assert v2(tmp_path, files, group="/a").cpus() == ALL


def test_nothing_beside_the_hierarchies_is_read(tmp_path: Path) -> None:
    tight = {"cpu.max": "1000 100000\n", "cpu.cfs_quota_us": "1000\n", "cpu.cfs_period_us": "100000\n"}
    for place in ("sys/fs", "sys/fs/cgroup/memory", "sys/fs/cgroup/cpu,cpuacct/b"):
        for name, text in tight.items():
            (tmp_path / place).mkdir(parents=True, exist_ok=True)
            (tmp_path / place / name).write_text(text)
    assert v2(tmp_path, {"cpu.max": "max 100000\n"}).cpus() == ALL
    # «/a» is not the beginning of «/ab»: what is mounted is not where the process is.
    assert v1(tmp_path, {"cpu.cfs_quota_us": "-1\n"}, group="/ab", mounted="/a").cpus() == ALL


def test_a_limit_above_the_affinity_is_none(tmp_path: Path) -> None:
    assert v2(tmp_path, {"cpu.max": "100000000 100000\n"}).cpus() == ALL


def test_version_1_has_two_files(tmp_path: Path) -> None:
    files = {"pod/cpu.cfs_quota_us": "30000\n", "pod/cpu.cfs_period_us": "50000\n", "cpu.cfs_quota_us": "-1\n"}
    assert v1(tmp_path, files | {"cpu.cfs_period_us": "100000\n"}, group="/pod").cpus() == 0.6


def test_a_container_of_version_1_has_the_hosts_name_for_its_own_group(tmp_path: Path) -> None:
    files = {"cpu.cfs_quota_us": "40000\n", "cpu.cfs_period_us": "100000\n"}
    assert v1(tmp_path, files, group="/kubepods/pod1/c1", mounted="/kubepods/pod1/c1").cpus() == 0.4
    assert v1(tmp_path, files, group="/kubepods/pod1/c1", mounted="/elsewhere").cpus() == 0.4


def test_a_limit_that_changes_under_the_pod_is_seen(tmp_path: Path) -> None:
    allowance = v2(tmp_path, {"cpu.max": "max 100000\n"})
    assert allowance.cpus() == ALL
    (tmp_path / "sys/fs/cgroup/cpu.max").write_text("10000 100000\n")
    assert allowance.cpus() == 0.1


def test_throttling_is_that_of_the_group_where_it_is_worst(tmp_path: Path) -> None:
    stat = "usage_usec 12\nnr_periods {}\nnr_throttled {}\nthrottled_usec 9\n"
    files = {"cpu.stat": "usage_usec 99\n", "a/cpu.stat": stat.format(70, 4), "a/b/cpu.stat": stat.format(60, 1)}
    assert v2(tmp_path, files, group="/a/b").throttling() == Throttling(70, 4)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "max",
        "0 100000",
        "100000",
        "25000 0",
        "-1 100000",
        "1e3 100000",
        "25000 x",
        "²5 100",
        "9" * 5000 + " 100000",
    ],
)
def test_a_limit_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    assert v2(tmp_path, {"cpu.max": text}).cpus() == ALL


def test_a_kernel_without_cgroups_or_proc(tmp_path: Path) -> None:
    allowance = CpuAllowance.of_this_process(tmp_path)
    assert (allowance.groups, allowance.cpus(), allowance.throttling()) == ((), ALL, Throttling())


def test_a_limit_of_this_kernel_is_found_where_one_can_be_set() -> None:
    made = new_cpu_group()
    groups = [str(made[0] / "cgroup.procs")] if made is not None else []
    if made is not None:
        limit_cpu(made[0], 25_000)
    try:
        command = [sys.executable, "-c", JOIN_AND_TELL, *groups]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        told = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=50, check=True).stdout
    finally:
        if made is not None:
            made[0].rmdir()
    assert float(told) == (0.25 if made is not None else CpuAllowance.of_this_process().cpus())


def test_a_folder_where_a_file_should_be(tmp_path: Path) -> None:
    (tmp_path / "sys/fs/cgroup/cpu.max").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/cpu.stat").mkdir(parents=True)
    allowance = v2(tmp_path, {})
    assert (allowance.cpus(), allowance.throttling()) == (ALL, Throttling())


JOIN_AND_TELL = """
import os, pathlib, sys
from antiphon_transceiver.overload.cpu_allowance import CpuAllowance
for group in sys.argv[1:]:
    pathlib.Path(group).write_text(str(os.getpid()))
print(CpuAllowance.of_this_process().cpus())
"""

words = st.text(st.sampled_from("0189 \n:/-,.acgrouptmx2\0é"), max_size=60)


@given(groups=words, mounts=words, limit=words, stat=words)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_file_of_the_kernels_keeps_a_pod_from_starting(
    tmp_path: Path, groups: str, mounts: str, limit: str, stat: str
) -> None:
    for own, mounted in ((f"0::/{groups}\n", V2_MOUNT.format(root="/")), (groups, V2_MOUNT.format(root="/") + mounts)):
        files = {"sys/fs/cgroup/cpu.max": limit, "sys/fs/cgroup/cpu.stat": stat}
        allowance = kernel(tmp_path, groups=own, mounts=mounted, files=files)
        assert 0 < allowance.cpus() <= ALL
        assert allowance.throttling().periods >= 0
