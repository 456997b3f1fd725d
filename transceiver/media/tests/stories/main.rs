//! Stories over the whole switchboard: hop datagrams in, deliveries and hop datagrams out, no socket and no clock.

#[cfg(test)]
mod any_bytes;
#[cfg(test)]
mod checks;
#[cfg(test)]
mod demultiplexing;
#[cfg(test)]
mod media;
#[cfg(test)]
mod nomination;
#[cfg(test)]
mod packing;
#[cfg(test)]
mod queues;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod restart_model;
#[cfg(test)]
mod return_path;
#[cfg(test)]
mod site;
#[cfg(test)]
mod timers;
