//! What threads that carry packets have in common: when they wake, and for how long.

mod gathering;
mod short_turns;

pub use gathering::Gathering;
pub use short_turns::take_short_turns;
