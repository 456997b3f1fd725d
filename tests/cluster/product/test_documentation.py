"""The commands of docs/install.md run on a cluster in their order, and so does what each runbook begins with."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from deployed_fleet import CHART, OPERATOR_NAMESPACE, ROOT, DeployedFleet, helm, values
from real_kubernetes.images import image
from real_kubernetes.programs import program
from real_kubernetes.real_cluster import RealCluster

pytestmark = pytest.mark.kubelet

INSTALL = ROOT / "docs" / "install.md"
# The page's `voice` is the namespace of the fleet that all other tests use.
NAMESPACE = "documented"
READY = "voicerelay,transceiverpool --all --for=condition=Ready --timeout=180s"
NOTHING_REMOVED = r"\g<0> --dry-run"
JUDGED_ONLY = r"\g<0> --dry-run=server"
INSTEAD = (
    (r"(?<=[ =])voice(?=[ /]|$)", NAMESPACE),
    # The release is there already: the same command applies it once more, with the images of this work tree.
    (r"^helm install", "helm upgrade --install"),
    (r"--set images\.registry=\S+", " ".join(values())),
    # Its images are in no registry here, and Helm owns these objects: the API server judges them and stores nothing.
    (r"^kubectl apply -f deploy/.*", JUDGED_ONLY),
    # It would never end. Who looks stops when both resources are ready.
    (r"^kubectl get antiphon (.*) -w$", rf"kubectl wait {READY} \1"),
    # The other tests need what these remove.
    (r"^helm uninstall .*", NOTHING_REMOVED),
    (r"^kubectl delete customresourcedefinition .*", JUDGED_ONLY),
)  # fmt: skip


# Where nothing is wrong; what comes before the pipe has to succeed.
NOTHING_FOUND = (r"\| (grep .*)$", r"| { \1 || test $? -eq 1; }")

# A metrics server, and the reader's own host.
NOT_HERE = ("kubectl top ", "antiphon call ")


def install_commands() -> list[str]:
    """Those of its blocks that say `console on a cluster`."""
    blocks = re.findall(r"^```console on a cluster\n(.*?)^```", INSTALL.read_text(), re.MULTILINE | re.DOTALL)
    joined = re.sub(r" *\\\n *", " ", "\n".join(blocks))
    return [line.removeprefix("$ ") for line in joined.splitlines() if line.startswith("$ ")]


def first_command(runbook: Path) -> str:
    return runbook.read_text().split("```\n")[1].strip()


RUNBOOKS = [page for page in sorted(ROOT.glob("docs/runbooks/*.md")) if not first_command(page).startswith(NOT_HERE)]


@pytest.fixture
def run(release: RealCluster, tmp_path: Path) -> Callable[[str], str]:
    """Runs a command as a reader does: in a checkout, with the images named as the page says."""
    for folder in ("charts", "deploy"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    examples = tmp_path / "examples" / "kubernetes"
    examples.mkdir(parents=True)
    for example in (ROOT / "examples" / "kubernetes").iterdir():
        (examples / example.name).write_text(re.sub(r"antiphon-agent:\S+", image("agent"), example.read_text()))
    programs = f"{Path(program('kubectl')).parent}:{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"
    environment = (f"HOME={tmp_path}", f"PATH={programs}", f"KUBECONFIG={release.inner_kubeconfig}")

    def run_one(command: str) -> str:
        shell = ("env", f"--chdir={tmp_path}", *environment, "bash", "-o", "pipefail", "-c", command)
        return release.network.router.run(*shell, timeout_s=240)

    return run_one


@pytest.fixture
def namespace(release: RealCluster) -> Iterator[str]:
    """What the page makes is removed, and the release is as it was."""
    yield NAMESPACE
    cluster = release.cluster
    if cluster.kubectl("get", "namespace", NAMESPACE, "--ignore-not-found"):
        cluster.kubectl("delete", "-n", NAMESPACE, "voicerelay,transceiverpool", "--all")
        cluster.kubectl("delete", "-n", NAMESPACE, "pods", "--all", "--force", "--grace-period=0")
        cluster.kubectl("delete", "namespace", NAMESPACE, "--timeout=60s", timeout_s=70)
    helm(release, "upgrade", "antiphon", str(CHART), "-n", OPERATOR_NAMESPACE, "--wait", *values())


def test_a_voice_service_is_installed_as_the_page_says(namespace: str, run: Callable[[str], str]) -> None:
    said = [run(rewritten(command, INSTEAD)) for command in install_commands()]
    made = "\n".join(said)
    assert f"namespace/{namespace} created" in made
    assert re.search(r"^Phase: +Succeeded", made, re.MULTILINE), "a call was made"


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.stem)
def test_what_a_runbook_begins_with_can_be_run(fleet: DeployedFleet, page: Path, run: Callable[[str], str]) -> None:
    pod = fleet.pods("relay")[0]["metadata"]["name"]
    names = {"NAMESPACE": fleet.namespace, "POOL": "agents", "NAME": "edge", "POD": pod}
    command = first_command(page)
    said = run(rewritten(command, (*named(names), NOTHING_FOUND)))
    # Where nothing is wrong there may be nothing to log, and no event of it.
    assert said.strip() or command.startswith(("kubectl logs", "kubectl get events")), f"{command} says nothing"


def named(names: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((rf"\b{capitals}\b(?!:)", name) for capitals, name in names.items())


def rewritten(command: str, instead: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in instead:
        command = re.sub(pattern, replacement, command)
    return command
