//! Stories over RTP and RTCP as values: what is read, written, counted, asked for and sent again; no socket and no clock.

#[cfg(test)]
mod far_end;
#[cfg(test)]
mod mos;
#[cfg(test)]
mod opus_packets;
#[cfg(test)]
mod packets;
#[cfg(test)]
mod reception;
#[cfg(test)]
mod redundancy;
#[cfg(test)]
mod repair;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod sequences;
#[cfg(test)]
mod vectors;
