"""Each child's environment variables, as docs/interfaces.md has them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from antiphon_cli.local.addresses import LOOPBACK
from antiphon_cli.local.plan import LocalPlan, TransceiverPlan
from antiphon_cli.local.state_dir import StateDir
from antiphon_wire.environment import Address

RELAY_GRACE_S = 1
"""The relay stops last, when no call is left that could need it."""
MOST_FLOWS = 1 << 24
"""That a relay takes for all its workers."""

Variables = dict[str, str]


def signaling_variables(plan: LocalPlan, state: StateDir) -> Variables:
    variables = {
        **_shared(plan, state),
        "ANTIPHON_HTTP_ADDRESS": str(Address(plan.http_host, plan.options.http_port)),
        "ANTIPHON_CONTROL_TOKEN_FILE": str(state.control_token),
        "ANTIPHON_ALLOWED_ORIGINS": ",".join(dict.fromkeys(plan.allowed_origins)),
        "ANTIPHON_VIP": plan.relay_address,
    }
    if plan.options.lan:
        variables["ANTIPHON_TLS_CERT_FILE"] = str(state.certificate)
        variables["ANTIPHON_TLS_KEY_FILE"] = str(state.certificate_key)
    return variables


def relay_variables(plan: LocalPlan, state: StateDir) -> Variables:
    limits = plan.manifests.relay.spec.limits
    return {
        **_shared(plan, state),
        "ANTIPHON_HTTP_ADDRESS": str(Address(LOOPBACK, plan.ports.relay_http)),
        "ANTIPHON_LISTEN": plan.relay_address,
        "ANTIPHON_HOP_ADDRESS": str(Address(LOOPBACK, plan.ports.relay_hop)),
        "ANTIPHON_WORKERS": str(plan.workers),
        "ANTIPHON_DRAIN_S": str(RELAY_GRACE_S),
        "ANTIPHON_GRACE_S": str(RELAY_GRACE_S),
        "ANTIPHON_MAX_FLOWS": str(min(limits.max_flows_per_worker * plan.workers, MOST_FLOWS)),
        "ANTIPHON_FLOW_IDLE_S": str(limits.flow_idle_timeout_seconds),
        "ANTIPHON_NEW_FLOWS_PER_PREFIX": str(limits.new_flows_per_second_per_prefix),
    }


def transceiver_variables(
    plan: LocalPlan, transceiver: TransceiverPlan, state: StateDir, first_route: int, backend_key: Path | None
) -> Variables:
    pool = transceiver.pool.spec
    variables = {
        **_shared(plan, state),
        "ANTIPHON_POD": transceiver.name,
        "ANTIPHON_ROUTES": f"0x{first_route:08x}",
        "ANTIPHON_HTTP_ADDRESS": transceiver.address,
        "ANTIPHON_HOP_ADDRESS": transceiver.address,
        "ANTIPHON_VIP": plan.relay_address,
        "ANTIPHON_CONTROL_TOKEN_FILE": str(state.control_token),
        "ANTIPHON_BACKEND": "echo" if transceiver.backend_url is None else "realtime",
        "ANTIPHON_DRAIN_DEADLINE_S": str(transceiver.drain_deadline_s),
        "ANTIPHON_CAPACITY": str(pool.sessions_per_pod),
    }
    if pool.backend.realtime is not None:
        variables["ANTIPHON_BACKEND_CONNECT_TIMEOUT_S"] = str(pool.backend.realtime.connect_timeout_seconds)
    if transceiver.backend_url is not None:
        variables["ANTIPHON_BACKEND_URL"] = transceiver.backend_url
        if backend_key is not None:
            variables["ANTIPHON_BACKEND_KEY_FILE"] = str(backend_key)
    return variables


def inherited(environ: Mapping[str, str], secret_names: set[str]) -> Variables:
    """What children get of this process's environment: all but the variables that hold a key."""
    return {name: value for name, value in environ.items() if name not in secret_names}


def _shared(plan: LocalPlan, state: StateDir) -> Variables:
    variables = {
        "ANTIPHON_KEYS_FILE": str(state.keys),
        "ANTIPHON_ROUTES_FILE": str(state.routes),
        "ANTIPHON_LONGEST_CALL_S": str(plan.longest_call_s),
    }
    if plan.options.redis_url is not None:
        variables["ANTIPHON_REDIS_URL"] = plan.options.redis_url
    return variables
