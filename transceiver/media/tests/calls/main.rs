//! A call's media without threads: two whole ends and a network of their own, and the parts that are shared among threads.

#[cfg(test)]
mod deadlines;
#[cfg(test)]
mod encoder_apart;
#[cfg(test)]
mod ends;
#[cfg(test)]
mod hearing;
#[cfg(test)]
mod rehearsal;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod resampled;
#[cfg(test)]
mod slots_left;
#[cfg(test)]
mod speaking;
#[cfg(test)]
mod speech;
#[cfg(test)]
mod succession;
#[cfg(test)]
mod waits;
#[cfg(test)]
mod whole_calls;
