//! What becomes of a packet: the relay's whole policy.

use std::net::SocketAddr;

use antiphon_wire::hop::Record;
use antiphon_wire::key_ring::KeyRing;
use antiphon_wire::stun::{self, Class};
use antiphon_wire::ticket::{Ticket, Validity};

use crate::MAX_DATAGRAM;
use crate::drop_reason::DropReason;
use crate::flow_key::FlowKey;
use crate::flows::{Flow, Flows};
use crate::now::Now;
use crate::protocol::Protocol;
use crate::routes::Routes;
use crate::tickets::TicketId;

/// What a verdict is based on.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub flows: &'a Flows,
    pub routes: &'a Routes,
    pub keys: &'a KeyRing,
    pub validity: Validity,
    pub now: Now,
}

/// A client's packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uplink {
    Forward {
        route: u32,
        to: SocketAddr,
    },
    /// Forward a check that has just opened the source's flow, and behind it the media that waits to be looked up.
    Open {
        route: u32,
        to: SocketAddr,
    },
    /// Media from a source without a flow: another relay may know it.
    LookUp,
    Drop(DropReason),
}

/// A transceiver's return record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Downlink {
    /// From the local address that the client talks to.
    Send {
        local_index: u8,
        client: SocketAddr,
    },
    Drop(DropReason),
}

/// The verdict on a datagram from a client. It may open or re-bind the flow, by an authenticated STUN request only.
pub fn uplink(view: &View<'_>, source: FlowKey, datagram: &[u8]) -> Uplink {
    let Some(first_byte) = datagram.first() else { return Uplink::Drop(DropReason::Empty) };
    if datagram.len() > MAX_DATAGRAM {
        return Uplink::Drop(DropReason::Oversized);
    }
    let flow = view.flows.touch(source, view.now);
    match (flow, Protocol::of(*first_byte)) {
        (Some(flow), Protocol::Stun) => forward(view, route_after_check(view, source, flow, datagram)),
        (Some(flow), _) => forward(view, flow.route),
        (None, Protocol::Stun) => match open(view, source, datagram) {
            Ok((route, to)) => Uplink::Open { route, to },
            Err(reason) => Uplink::Drop(reason),
        },
        (None, Protocol::Media) => Uplink::LookUp,
        (None, Protocol::Dtls) => Uplink::Drop(DropReason::DtlsUnknownSource),
        (None, Protocol::Other) => Uplink::Drop(DropReason::UnknownProtocol),
    }
}

/// The verdict on one return record of a hop datagram from `from`. It confirms the flow.
pub fn downlink(view: &View<'_>, from: SocketAddr, record: &Record<'_>) -> Downlink {
    let key = FlowKey::new(record.local_index, record.client);
    let checked = check_payload(record.payload)
        .and_then(|()| view.routes.check_return(record.route, from))
        .and_then(|()| view.flows.confirm(key, record.route, view.now));
    match checked {
        Ok(()) => Downlink::Send { local_index: record.local_index, client: record.client },
        Err(reason) => Downlink::Drop(reason),
    }
}

fn forward(view: &View<'_>, route: u32) -> Uplink {
    match view.routes.destination(route) {
        Ok(to) => Uplink::Forward { route, to },
        Err(reason) => Uplink::Drop(reason),
    }
}

fn check_payload(payload: &[u8]) -> Result<(), DropReason> {
    match payload.len() {
        0 => Err(DropReason::Empty),
        length if length > MAX_DATAGRAM => Err(DropReason::Oversized),
        _ => Ok(()),
    }
}

/// Client ports are reused, so a known flow's request may belong to another call by now. One that fails a check (an old
/// key, a call past its ticket's expiry, no request at all) changes nothing and is the flow's owner's to judge.
fn route_after_check(view: &View<'_>, source: FlowKey, flow: Flow, datagram: &[u8]) -> u32 {
    let Ok(check) = Check::parse(view, datagram) else { return flow.route };
    if flow.ticket == Some(TicketId::from(check.ticket)) {
        return flow.route;
    }
    check.admit(view, source).map_or(flow.route, |(route, _)| route)
}

fn open(view: &View<'_>, source: FlowKey, datagram: &[u8]) -> Result<(u32, SocketAddr), DropReason> {
    Check::parse(view, datagram)?.admit(view, source)
}

/// A STUN request with a ticket of ours; not yet known to come from the ticket's holder.
struct Check<'a> {
    message: stun::Message<'a>,
    ufrag: &'a [u8],
    ticket: Ticket,
}

impl<'a> Check<'a> {
    fn parse(view: &View<'_>, datagram: &'a [u8]) -> Result<Self, DropReason> {
        let message = stun::parse(datagram)?;
        if message.class != Class::Request {
            return Err(DropReason::StunNotRequest);
        }
        let (ufrag, _) = message.ufrags().ok_or(DropReason::StunWithoutUsername)?;
        let ticket = view.keys.open(ufrag, view.now.unix_s(), view.validity)?;
        if ticket.cluster_id != view.routes.cluster_id() {
            return Err(DropReason::OtherCluster);
        }
        Ok(Self { message, ufrag, ticket })
    }

    /// Binds the source to the ticket's route, if MESSAGE-INTEGRITY proves that it holds the ticket's password.
    fn admit(&self, view: &View<'_>, source: FlowKey) -> Result<(u32, SocketAddr), DropReason> {
        let password = view.keys.password(self.ufrag, view.now.unix_s())?;
        if !self.message.verify(password.as_bytes()) {
            return Err(DropReason::BadIntegrity);
        }
        let to = view.routes.destination(self.ticket.route)?;
        view.flows.open(source, self.ticket, view.now)?;
        Ok((self.ticket.route, to))
    }
}

#[cfg(test)]
mod site;
#[cfg(test)]
mod tests;
