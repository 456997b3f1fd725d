//! What the backend says, on its way to the caller: sound in, one RTP packet out for each slot of 20 ms, or none.
//!
//! Sound is cut into frames as it comes ([`Queue::play`]), is encoded by whoever has the time ([`Queue::hand_out`]), waits as
//! payloads, and is taken in the call's slots ([`Queue::packet`]), which [`crate::wheel::Wheel`] names. Between two slots
//! only so much is encoded: a backend that says a minute at once, or says and cuts and says again, must not hold up the
//! other calls. What is left over is encoded ahead, some frames per slot.
//!
//! [`Queue`] and [`Encoding`] are apart because several threads share a call: the queue is under a lock that nobody encodes
//! under, the encoder is with the one who encodes. Times are microseconds from any fixed zero.
//!
//! A response may come faster than it is heard, and waits. Live sound ([`Queue::play_live`]) comes as fast as it goes: what of
//! it has piled up in a stall would be a delay for ever. So it is encoded a chunk ahead only, and skipped where it is still
//! sound and no packet: no decoder has to get over it. Where it comes so late that its frames are encoded only when they are
//! due, one slot is passed over, once, and they are encoded ahead from then on.
//!
//! Sound that begins is faded in. Sound that ends is faded out: by its end ([`Queue::end_of_item`]), by a flush, or
//! because it ran dry. Then, if nothing follows, goes a little silence: listeners conceal what does not come with more of
//! what came last, and libopus draws a fade that was in the last frame out to a fifth of a second of noise.

mod counts;
mod cutter;
mod delay;
mod encoding;
mod expected_loss;
mod frame_length;
mod frames;
mod items;
mod packets;
mod playout;
mod queue;
mod slots;
mod state;
mod stream;

pub use counts::DownlinkCounts;
pub use encoding::{Encoding, Order};
pub use frame_length::FrameLength;
pub use items::LONGEST_ITEM_ID;
pub use playout::{Playout, PlayoutFull};
pub use queue::{Queue, Slot};
pub use state::DownlinkState;
pub use stream::{Silence, Stream};
