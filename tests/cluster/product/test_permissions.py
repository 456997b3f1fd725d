"""What the operator may do is what it was seen to do, or has a written reason."""

import json
from collections.abc import Iterator

import pytest

from deployed_fleet import OPERATOR_NAMESPACE, DeployedFleet

pytestmark = pytest.mark.kubelet

OPERATOR = f"system:serviceaccount:{OPERATOR_NAMESPACE}:antiphon-operator"

# Granted, and not used while these tests ran; each with its reason.
REASONS = {
    ("routetables", "get"): "only where the name of a table is taken; and a fleet's pods get it from the operator",
    ("routetables", "patch"): "only where a table has lost its labels",
    ("secrets", "get"): "only where the name of a Secret is taken",
    ("secrets", "patch"): "only where a Secret has lost its labels",
    ("pods", "get"): "only where the name of a pod is taken",
    ("servicemonitors", "*"): "the kind is not installed here",
    ("daemonsets", "*"): "the relays of this fleet are a Deployment",
}
CHILDREN = {
    "deployments",
    "services",
    "secrets",
    "serviceaccounts",
    "roles",
    "rolebindings",
    "poddisruptionbudgets",
    "networkpolicies",
}


def granted(fleet: DeployedFleet) -> Iterator[tuple[str, str]]:
    for kind, arguments in (("clusterrole", ()), ("role", ("-n", OPERATOR_NAMESPACE))):
        listing = json.loads(
            fleet.cluster.kubectl("get", kind, *arguments, "-l", "app.kubernetes.io/name=antiphon", "-o", "json")
        )
        for role in listing["items"]:
            for rule in role["rules"]:
                for resource in rule["resources"]:
                    for verb in rule["verbs"]:
                        yield resource, verb


def test_every_verb_was_used_or_has_a_reason(fleet: DeployedFleet) -> None:
    requests = fleet.real.control_plane.audit.requests(OPERATOR)
    used = {(request.resource, request.verb) for request in requests}
    assert used, "the audit log has the operator's requests"
    unexplained = {
        (resource, verb)
        for resource, verb in granted(fleet)
        if (resource, verb) not in used
        and (resource, verb) not in REASONS
        and (resource, "*") not in REASONS
        # Server-side apply of what is not there is logged as the patch that it is, and asks for both.
        and not (verb == "create" and (resource, "patch") in used)
        # Children that a change of the spec makes superfluous; owner references remove the others.
        and not (verb == "delete" and resource in CHILDREN)
    }
    assert not unexplained


def test_nothing_was_refused_to_it(fleet: DeployedFleet) -> None:
    control_plane = fleet.real.control_plane
    refused = [request for request in control_plane.audit.requests(OPERATOR) if request.status == 403]
    assert not [r for r in refused if not any(start.contains(r) for start in control_plane.starts)]
