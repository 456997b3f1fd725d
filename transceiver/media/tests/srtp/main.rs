//! SRTP of a whole call: two ends with exchanged keys, and libsrtp's word on what they make and let in.

#[cfg(test)]
mod any_bytes;
#[cfg(test)]
mod ends;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod libsrtp;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod takeover;
