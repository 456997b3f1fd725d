//! Stories of two associations, of data channels over them, and of hostile peers; no socket and no clock.

#[cfg(test)]
mod any_bytes;
#[cfg(test)]
mod channels;
#[cfg(test)]
mod handshake;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod inheritance;
#[cfg(test)]
mod link;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod takeover;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod witness;
