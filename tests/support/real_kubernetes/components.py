"""The command lines of the control plane's components."""

from dataclasses import dataclass
from pathlib import Path

from real_kubernetes.pki import Pair
from real_kubernetes.programs import program

POD_CIDR = "10.244.0.0/16"
SERVICE_CIDR = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
# Several times the defaults: the tests wait for these loops.
CLIENT_RATE = ["--kube-api-qps=300", "--kube-api-burst=500"]


@dataclass(frozen=True)
class Ports:
    api: int
    etcd: int
    etcd_peer: int
    controllers: int
    scheduler: int


@dataclass(frozen=True)
class Certificates:
    authority: Pair
    front_authority: Pair
    api: Pair
    api_to_kubelet: Pair
    front: Pair
    tokens: Pair


def etcd(ports: Ports, data: Path) -> list[str]:
    client, peer = f"http://127.0.0.1:{ports.etcd}", f"http://127.0.0.1:{ports.etcd_peer}"
    return [
        program("etcd"),
        "--name=etcd",
        f"--data-dir={data}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=etcd={peer}",
        # Nothing here has to outlive a power cut.
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def api_server(ports: Ports, certificates: Certificates, audit: tuple[Path, Path], advertised: str | None) -> list[str]:
    """`audit`: the policy and the log. `advertised`: where pods reach it; None keeps it to the loopback."""
    policy, log = audit
    reach = ["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none"]
    if advertised is not None:
        reach = ["--bind-address=0.0.0.0", f"--advertise-address={advertised}", "--endpoint-reconciler-type=lease"]
        # It is no node, so it has no rules for Service addresses: webhooks are called at their pods. On the loopback
        # there are no pods, and a Service is an ExternalName, which the API server follows only without this.
        reach.append("--enable-aggregator-routing=true")
    return [
        program("kube-apiserver"),
        f"--etcd-servers=http://127.0.0.1:{ports.etcd}",
        f"--secure-port={ports.api}",
        *reach,
        *api_certificates(certificates),
        f"--audit-policy-file={policy}",
        f"--audit-log-path={log}",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        "--kubelet-preferred-address-types=InternalIP",
    ]


def api_certificates(certificates: Certificates) -> list[str]:
    return [
        f"--tls-cert-file={certificates.api.certificate}",
        f"--tls-private-key-file={certificates.api.key}",
        f"--client-ca-file={certificates.authority.certificate}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={certificates.tokens.certificate}",
        f"--service-account-signing-key-file={certificates.tokens.key}",
        f"--kubelet-client-certificate={certificates.api_to_kubelet.certificate}",
        f"--kubelet-client-key={certificates.api_to_kubelet.key}",
        f"--requestheader-client-ca-file={certificates.front_authority.certificate}",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={certificates.front.certificate}",
        f"--proxy-client-key-file={certificates.front.key}",
    ]


def controllers(ports: Ports, certificates: Certificates, kubeconfig: Path) -> list[str]:
    return [
        program("kube-controller-manager"),
        *as_client(kubeconfig, ports.controllers),
        # Each controller with its own rights, as in a real cluster.
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={certificates.tokens.key}",
        f"--root-ca-file={certificates.authority.certificate}",
        f"--cluster-signing-cert-file={certificates.authority.certificate}",
        f"--cluster-signing-key-file={certificates.authority.key}",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        f"--cluster-cidr={POD_CIDR}",
        "--allocate-node-cidrs=false",
        # A node that says nothing for this long is lost; tests wait for it.
        "--node-monitor-period=2s",
        "--node-monitor-grace-period=30s",
        "--horizontal-pod-autoscaler-sync-period=2s",
    ]


def scheduler(ports: Ports, kubeconfig: Path) -> list[str]:
    return [program("kube-scheduler"), *as_client(kubeconfig, ports.scheduler)]


def as_client(kubeconfig: Path, port: int) -> list[str]:
    return [
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        "--leader-elect=false",
        *CLIENT_RATE,
    ]
