"""AP1: the API server, what is installed, and who runs it. Pure."""

from __future__ import annotations

import re

from antiphon_cli.cluster.ailments import leads
from antiphon_cli.cluster.definitions import Definition
from antiphon_cli.cluster.words import counted, lasting
from antiphon_cli.doctor.observation import Observation
from antiphon_cli.doctor.verdict import ClusterCheck, Verdict, failure, ok, skipped, warning

OLDEST = (1, 30)
"""As the chart's kubeVersion: older servers refuse the resources' rules."""
MOST_SKEW_S = 5.0
OPERATORS = "kubectl get deployments -A -l app.kubernetes.io/name=antiphon,app.kubernetes.io/component=operator"
INSTALL = "Install the chart, as docs/install.md says."


def server_version(seen: Observation) -> Verdict:
    number = re.match(r"v?(\d+)\.(\d+)", seen.version)
    if number is None:
        return skipped(f"the API server says the version {seen.version!r}")
    if (int(number[1]), int(number[2])) >= OLDEST:
        return ok(seen.version)
    oldest = ".".join(map(str, OLDEST))
    return failure(
        f"The API server is {seen.version}; it does not know rules that Antiphon's resources use.",
        look="kubectl version",
        cure=f"Upgrade the cluster to {oldest} or later.",
    )


def definitions(seen: Observation) -> Verdict:
    installed = {definition.name: definition for definition in seen.definitions.known()}
    missing = [expected.name for expected in seen.expected if expected.name not in installed]
    if missing:
        said = f"Not installed: {', '.join(missing)}."
        return failure(said, look="kubectl get crds -o name | grep antiphon.dev", cure=INSTALL)
    for expected in seen.expected:
        wrong = _differing(expected, installed[expected.name])
        if wrong is not None:
            return wrong
    return ok(counted(len(seen.expected), "definition"))


def _differing(expected: Definition, there: Definition) -> Verdict | None:
    look = f"kubectl describe crd {there.name}"
    if not there.established:
        said = f"{there.name} is not established: its names may be another definition's."
        return failure(said, look=look, cure="What its condition NamesAccepted says.")
    for version, schema in expected.schemas.items():
        if version not in there.schemas:
            said = f"{there.name} does not serve {version} (served: {', '.join(there.schemas) or 'none'})."
            return failure(said, look=look, cure="Upgrade the chart to this command's version.")
        if there.schemas[version] != schema:
            return warning(
                f"{there.name} {version} is of another version of Antiphon than this command: fields may differ.",
                look=f"kubectl explain {there.name.split('.', maxsplit=1)[0]}.spec",
                cure="Upgrade the chart with crds.install=true, or use the command of the cluster's version.",
            )
    return None


def own_rights(seen: Observation) -> Verdict:
    missing = [str(right) for right, allowed in seen.rights.items() if not allowed]
    if not missing:
        return ok()
    return warning(
        f"You may not: {', '.join(missing)}. Checks that need it are skipped.",
        look="kubectl auth can-i --list",
        cure="Ask for a role with these rights; the page has one to copy.",
    )


def operator_leads(seen: Observation) -> Verdict:
    operators = seen.snapshot.operators.known()
    if not operators:
        return failure("No operator is installed.", look=OPERATORS, cure=INSTALL)
    place = seen.snapshot.namespace
    watching = [operator for operator in operators if place is None or operator.watches(place)]
    if not watching:
        return failure(
            f"No operator watches namespace {place}: nothing there is made or replaced.",
            look=f"{OPERATORS} -o yaml",
            cure=f"Add {place} to the chart's watchNamespaces.",
        )
    leading = [operator for operator in watching if leads(operator, seen.snapshot.at)]
    if leading:
        return ok(", ".join(operator.lease.holder for operator in leading if operator.lease))
    operator = watching[0]
    name, lease = operator.workload.name, operator.lease
    renewed = lease.renewed_at if lease is not None and lease.holder else None
    since = "nobody holds its Lease" if renewed is None else f"last renewed {lasting(seen.snapshot.at - renewed)} ago"
    return failure(
        f"No pod of {name} leads ({since}): calls go on, and nothing is made or replaced.",
        look=f"kubectl -n {name.namespace} get pods,lease; kubectl -n {name.namespace} logs deployment/{name.name}",
        cure="The log says why it does not start, or cannot write its Lease.",
    )


def clocks_agree(seen: Observation) -> Verdict:
    ahead = seen.clock_ahead_s
    if abs(ahead) < MOST_SKEW_S:
        return ok()
    return failure(
        f"The API server's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's.",
        look="date -u; kubectl get --raw /version -v 8 2>&1 | grep -i date",
        cure="Run NTP on both: tickets and leases depend on the time.",
    )


def install_rights(seen: Observation) -> Verdict:
    missing = [str(right) for right, allowed in seen.install_rights.items() if not allowed]
    if not missing:
        return ok()
    return failure(
        f"You may not: {', '.join(missing)}; the chart makes such objects.",
        look="kubectl auth can-i --list",
        cure="Have somebody with these rights install the chart; they are needed once.",
    )


CHECKS = (
    ClusterCheck("AP101", "the API server answers and is new enough", server_version, before_install=True),
    ClusterCheck("AP102", "the custom resources are those of this version", definitions),
    ClusterCheck("AP103", "you may read what these checks need", own_rights),
    ClusterCheck("AP104", "an operator leads", operator_leads),
    ClusterCheck("AP105", "clocks agree", clocks_agree, before_install=True),
    ClusterCheck("AP106", "you may install the chart", install_rights, before_install=True, only_before_install=True),
)
