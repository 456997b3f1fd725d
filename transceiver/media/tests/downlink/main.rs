//! What the backend says, until it is a packet: what is heard, what is sent when, and where the caller is in it.

#[cfg(test)]
mod any_order;
#[cfg(test)]
mod ends;
#[cfg(test)]
mod items;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod live;
#[cfg(test)]
mod loss;
#[cfg(test)]
mod one_hand;
#[cfg(test)]
mod opus_sound;
#[cfg(test)]
mod packets;
#[cfg(test)]
mod pauses;
#[cfg(test)]
mod plain;
#[cfg(test)]
mod takeover;
#[cfg(test)]
mod wheel;
