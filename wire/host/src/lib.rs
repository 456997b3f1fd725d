//! What threads that carry packets ask of the kernel.

mod short_turns;

pub use short_turns::take_short_turns;
