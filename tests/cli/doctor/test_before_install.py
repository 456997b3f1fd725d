"""A cluster without Antiphon, with an old one, with a user of few rights, and one that does not answer."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from antiphon_cli.__main__ import cli
from antiphon_cli.cluster.api_server import METADATA_ONLY
from antiphon_cli.cluster.connection import connected
from antiphon_cli.cluster.scope import Scope
from antiphon_cli.doctor.checks import chosen, findings
from antiphon_cli.doctor.observation import Observation
from antiphon_cli.doctor.observe import Errand, observe
from antiphon_cli.doctor.verdict import Finding, Level
from examined import examined
from real_kubernetes.control_plane import ControlPlane, control_plane
from real_kubernetes.pki import Identity
from real_kubernetes.run_folder import run_folder
from written_fleet import install_definitions

pytestmark = pytest.mark.cluster

VISITOR = Identity("jane", ("visitors",))
NAMESPACE = "default"


@pytest.fixture(scope="module")
def bare() -> Iterator[ControlPlane]:
    """Its own, since its definitions come and go."""
    with run_folder("bare") as folder, control_plane(folder) as plane:
        yield plane


@pytest.fixture
def installed(bare: ControlPlane) -> Iterator[ControlPlane]:
    install_definitions(bare.cluster)
    yield bare
    bare.cluster.kubectl("delete", "crds", "--all")


async def found(plane: ControlPlane, *only: str, before_install: bool = False) -> dict[str, Finding]:
    return await examined(plane.cluster.kubeconfig, NAMESPACE, only, before_install=before_install)


async def seen(plane: ControlPlane, errand: Errand) -> Observation:
    environ = {"KUBECONFIG": str(plane.cluster.kubeconfig)}
    async with connected(Scope(namespace=NAMESPACE), environ) as connection:
        return await observe(connection, errand)


async def test_an_empty_cluster_passes_what_is_checked_before(bare: ControlPlane) -> None:
    levels = {code: finding.verdict.level for code, finding in (await found(bare, before_install=True)).items()}
    assert levels == {
        "AP101": Level.OK,
        "AP105": Level.OK,
        "AP106": Level.OK,
        "AP703": Level.FAILURE,
        "AP801": Level.WARNING,
    }


async def test_a_cluster_without_nodes_takes_no_pods(bare: ControlPlane) -> None:
    verdict = (await found(bare, "AP703"))["AP703"].verdict
    assert verdict.said == "No node is ready and schedulable."


async def test_missing_definitions_are_named(bare: ControlPlane) -> None:
    every = await found(bare)
    definitions = every["AP102"].verdict
    assert definitions.level is Level.FAILURE
    assert "voicerelays.antiphon.dev" in definitions.said
    assert (every["AP201"].verdict.level, every["AP104"].verdict.level) == (Level.SKIPPED, Level.FAILURE)


async def test_the_definitions_of_this_version_are_known_again(installed: ControlPlane) -> None:
    assert (await found(installed, "AP102"))["AP102"].verdict.level is Level.OK


async def test_a_schema_of_another_version_is_a_warning(installed: ControlPlane) -> None:
    change = [{"op": "replace", "path": "/spec/versions/0/schema/openAPIV3Schema/description", "value": "of old"}]
    patch(installed, change)
    verdict = (await found(installed, "AP102"))["AP102"].verdict
    assert (verdict.level, "is of another version" in verdict.said) == (Level.WARNING, True)


async def test_a_version_that_is_not_served_is_a_failure(installed: ControlPlane) -> None:
    patch(installed, [{"op": "replace", "path": "/spec/versions/0/served", "value": False}])
    verdict = (await found(installed, "AP102"))["AP102"].verdict
    assert verdict.level is Level.FAILURE
    assert verdict.said == "voicerelays.antiphon.dev does not serve v1alpha1 (served: none)."


async def test_missing_rights_are_named_and_their_checks_skipped(installed: ControlPlane) -> None:
    visitor = await examined(installed.kubeconfig_for(VISITOR), NAMESPACE)
    rights = visitor["AP103"].verdict
    assert rights.level is Level.WARNING
    assert "list voicerelays.antiphon.dev" in rights.said
    assert "get pods/proxy" in rights.said
    skips = [visitor[code].verdict for code in ("AP102", "AP104", "AP201", "AP703", "AP801")]
    assert {verdict.level for verdict in skips} == {Level.SKIPPED}
    assert all('User "jane" cannot' in verdict.said for verdict in skips)


async def test_rights_to_install_are_checked_before(bare: ControlPlane) -> None:
    visitor = await examined(bare.kubeconfig_for(VISITOR), NAMESPACE, ["AP106"], before_install=True)
    assert visitor["AP106"].verdict.level is Level.FAILURE
    assert "create clusterroles.rbac.authorization.k8s.io" in visitor["AP106"].verdict.said


@pytest.mark.parametrize(("ahead_s", "words"), [(30, "30 s behind"), (-30, "30 s ahead of")])
async def test_clocks_that_differ_are_noticed(bare: ControlPlane, ahead_s: float, words: str) -> None:
    skewed = await seen(bare, Errand(call=False, clock=lambda: time.time() + ahead_s))
    (finding,) = findings(chosen(["AP105"], before_install=False), skewed)
    assert (finding.verdict.level, words in finding.verdict.said) == (Level.FAILURE, True)


async def test_an_old_api_server_is_refused(bare: ControlPlane) -> None:
    old = replace(await seen(bare, Errand(call=False)), version="v1.29.14-eks-1")
    (finding,) = findings(chosen(["AP101"], before_install=False), old)
    assert finding.verdict.level is Level.FAILURE
    assert "The API server is v1.29.14-eks-1" in finding.verdict.said


async def test_an_api_server_that_does_not_answer_ends_the_examination(bare: ControlPlane) -> None:
    bare.stop_api_server()
    try:
        every = await found(bare)
    finally:
        bare.start_api_server()
    assert every["AP101"].verdict.level is Level.FAILURE
    assert "no answer from https://127.0.0.1:" in every["AP101"].verdict.said.lower()
    assert {finding.verdict.level for code, finding in every.items() if code != "AP101"} == {Level.SKIPPED}


async def test_a_kubeconfig_that_is_not_there_is_named(tmp_path: Path) -> None:
    every = await examined(tmp_path / "none", NAMESPACE)
    assert every["AP101"].verdict.said.startswith(f"There is no kubeconfig at {tmp_path}/none")


async def test_a_secrets_data_does_not_travel(bare: ControlPlane) -> None:
    bare.cluster.kubectl("create", "secret", "generic", "word", "--from-literal=word=antiphon")
    async with connected(Scope(namespace=NAMESPACE), {"KUBECONFIG": str(bare.cluster.kubeconfig)}) as connection:
        secrets = await connection.api.listing(f"/api/v1/namespaces/{NAMESPACE}/secrets", accept=METADATA_ONLY)
    assert [secret.section("metadata").text("name") for secret in secrets] == ["word"]
    assert not any("data" in secret for secret in secrets)


def test_the_command_tells_and_fails(bare: ControlPlane) -> None:
    environ = {"KUBECONFIG": str(bare.cluster.kubeconfig)}
    ran = CliRunner().invoke(cli, ["doctor", "--pre", "-n", NAMESPACE], obj=environ)
    assert "√ AP106 you may install the chart" in ran.stdout
    assert "Cure: Add a node, or kubectl uncordon one. (docs/doctor.md#ap703)" in ran.stdout
    assert ran.stdout.splitlines()[-1] == "5 checks, 1 failed, 1 warning, 0 skipped"
    assert ran.exit_code == 1
    rights = CliRunner().invoke(cli, ["doctor", "--only", "AP103", "-o", "json"], obj=environ)
    assert (rights.exit_code, json.loads(rights.stdout)["ok"]) == (0, True)


def patch(plane: ControlPlane, change: object) -> None:
    plane.cluster.kubectl("patch", "crd", "voicerelays.antiphon.dev", "--type=json", "-p", json.dumps(change))
