"""What a user needs to be allowed: for the checks, and to install the chart. Pure."""

from __future__ import annotations

from antiphon_cli.cluster.api_server import Right

OWN = "antiphon.dev"

READ = (
    Right("list", "voicerelays", OWN),
    Right("list", "transceiverpools", OWN),
    Right("list", "routetables", OWN),
    Right("list", "pods"),
    Right("list", "services"),
    Right("list", "secrets"),
    Right("list", "events"),
    Right("list", "deployments", "apps"),
    Right("list", "daemonsets", "apps"),
    Right("list", "horizontalpodautoscalers", "autoscaling"),
    Right("list", "networkpolicies", "networking.k8s.io"),
    Right("create", "services", subresource="proxy"),
    Right("get", "pods", subresource="proxy"),
    Right("get", "namespaces"),
    Right("list", "nodes", clusterwide=True),
    Right("list", "customresourcedefinitions", "apiextensions.k8s.io", clusterwide=True),
    Right("list", "deployments", "apps", clusterwide=True),
    Right("list", "leases", "coordination.k8s.io", clusterwide=True),
)

INSTALL = (
    Right("create", "customresourcedefinitions", "apiextensions.k8s.io", clusterwide=True),
    Right("create", "clusterroles", "rbac.authorization.k8s.io", clusterwide=True),
    Right("create", "clusterrolebindings", "rbac.authorization.k8s.io", clusterwide=True),
    Right("create", "deployments", "apps", clusterwide=True),
    Right("create", "serviceaccounts", clusterwide=True),
)
