//! Stories of calls that move: what an export holds, who may go on from it, and that no owner repeats another.

#[cfg(test)]
mod any_bytes;
#[cfg(test)]
mod client;
#[cfg(test)]
mod editions;
#[cfg(test)]
mod inheriting;
#[cfg(test)]
mod owner;
#[cfg(test)]
mod owners;
#[cfg(test)]
mod receptions;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod sealing;
#[cfg(test)]
mod tenures;
#[cfg(test)]
mod typical;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod ways;
