"""The children of a local run: what each is called, how it starts, when it is ready."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

from antiphon_cli.local.addresses import LOOPBACK
from antiphon_cli.local.environment import (
    RELAY_GRACE_S,
    Variables,
    relay_variables,
    signaling_variables,
    transceiver_variables,
)
from antiphon_cli.local.plan import Agent, LocalPlan, TransceiverPlan
from antiphon_cli.local.pods import Pods
from antiphon_cli.local.probes import Probes
from antiphon_cli.local.shown_path import shown_path
from antiphon_cli.local.state_dir import RunningChild, StateDir
from antiphon_cli.supervisor import ChildPlan, Launch
from antiphon_wire.environment import Address

STOP_SLACK_S = 3.0
"""Beyond a child's own limit, before it is killed."""


@dataclass(frozen=True)
class Child:
    told: RunningChild
    plan: ChildPlan


class Children:
    def __init__(
        self, plan: LocalPlan, state: StateDir, probes: Probes, inherited: Variables, backend_key: Path | None
    ) -> None:
        self._plan = plan
        self._state = state
        self._probes = probes
        self._inherited = inherited
        self._backend_key = backend_key

    def all(self, pods: Pods) -> tuple[Child, ...]:
        agents = [self._agent(self._plan.agent)] if self._plan.agent else []
        transceivers = [self._transceiver(pod, pods) for pod in self._plan.transceivers]
        return (self._signaling(), self._relay(), *transceivers, *agents)

    def _signaling(self) -> Child:
        url = self._plan.talk_url
        told = RunningChild("signaling", "signaling", url, url)
        return self._module(told, signaling_variables(self._plan, self._state))

    def _relay(self) -> Child:
        workers = f"{self._plan.workers} {'worker' if self._plan.workers == 1 else 'workers'}"
        url = f"http://{Address(LOOPBACK, self._plan.ports.relay_http)}"
        told = RunningChild("relay", "relay", f"udp {self._plan.relay_address}, {workers}", url)
        child = self._module(told, relay_variables(self._plan, self._state))
        return replace(child, plan=replace(child.plan, stop_timeout_s=RELAY_GRACE_S + STOP_SLACK_S))

    def _transceiver(self, pod: TransceiverPlan, pods: Pods) -> Child:
        backend = "echo" if pod.backend_url is None else pod.backend_url
        told = RunningChild(
            f"transceiver {pod.name}",
            "transceiver",
            f"pool {pod.pool.metadata.name}, {backend}",
            f"http://{pod.address}",
        )

        def prepare() -> Launch:
            first_route = pods.first_route(pod)
            return self._launch(
                "transceiver", transceiver_variables(self._plan, pod, self._state, first_route, self._backend_key)
            )

        plan = ChildPlan(
            name=told.name,
            log=self._state.log_of(pod.name),
            prepare=prepare,
            ready=lambda: self._probes.is_ready(told.url),
            stop_timeout_s=pod.drain_deadline_s + STOP_SLACK_S,
            after_ready=lambda: pods.ready(pod),
            after_end=lambda: pods.ended(pod),
            alive=lambda: self._probes.liveness(told.url),
        )
        return Child(told, plan)

    def _agent(self, agent: Agent) -> Child:
        port = self._plan.ports.agent
        told = RunningChild("agent", "agent", shown_path(agent.program), f"tcp://{Address(LOOPBACK, port)}")
        # Nobody's agent need have a /livez, and a connection opened only to look would fill its log: its death is seen.
        argv = [sys.executable, str(agent.program), "--host", LOOPBACK, "--port", str(port)]
        plan = ChildPlan(
            name="agent",
            log=self._state.log_of("agent"),
            prepare=lambda: Launch(argv, self._inherited),
            ready=lambda: self._probes.is_ready(told.url),
        )
        return Child(told, plan)

    def _module(self, told: RunningChild, variables: Variables) -> Child:
        plan = ChildPlan(
            name=told.name,
            log=self._state.log_of(told.name),
            prepare=lambda: self._launch(told.part, variables),
            ready=lambda: self._probes.is_ready(told.url),
            alive=lambda: self._probes.liveness(told.url),
        )
        return Child(told, plan)

    def _launch(self, part: str, variables: Variables) -> Launch:
        return Launch([sys.executable, "-m", f"antiphon_{part}"], {**self._inherited, **variables})
