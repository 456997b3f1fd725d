//! Stories over the caller's speech: order, gaps, repair, pauses, and how much of it there may be; no socket and no clock.

#[cfg(test)]
mod allowance;
#[cfg(test)]
mod batches;
#[cfg(test)]
mod call;
#[cfg(test)]
mod libopus;
#[cfg(test)]
mod networks;
#[cfg(test)]
mod order;
#[cfg(test)]
mod pauses;
#[cfg(test)]
mod repair;
#[cfg(test)]
mod waiting;
