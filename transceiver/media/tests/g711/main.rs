//! G.711: the samples of the standard and of an independent implementation, and what is heard in place of loss.

#[cfg(test)]
mod concealment;
#[cfg(test)]
mod vectors;
