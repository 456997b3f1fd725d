"""The VoiceRelay's part of the plan: its children, keys, addresses and status. Pure."""

from antiphon_operator.relay.addresses import vip
from antiphon_operator.relay.plan import plan_relay
from antiphon_operator.relay.relay_pods import fleet_relays

__all__ = ["fleet_relays", "plan_relay", "vip"]
