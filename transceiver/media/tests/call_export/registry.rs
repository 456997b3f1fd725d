//! The registry: one record of the call, replaced in one step; requests and answers get lost, or come late.

use antiphon_media::call_export::{Conflict, Edition, Header, Offer};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Stored,
    AnswerLost,
    RequestLost,
    /// It arrives when the story says so, and nobody waits for the answer.
    Late,
}

#[derive(Default)]
pub struct Registry {
    record: Option<Vec<u8>>,
    late: Vec<(Offer, Vec<u8>)>,
}

impl Registry {
    pub fn read(&self) -> Option<&[u8]> {
        self.record.as_deref()
    }

    pub fn edition(&self) -> Option<Edition> {
        self.read().map(|sealed| Header::of(sealed).unwrap().edition)
    }

    /// The answer, if one comes.
    pub fn store(&mut self, offer: Offer, sealed: Vec<u8>, fate: Fate) -> Option<Result<(), Conflict>> {
        match fate {
            Fate::Stored => Some(self.replace(offer, sealed)),
            Fate::AnswerLost => {
                let _answer = self.replace(offer, sealed);
                None
            }
            Fate::RequestLost => None,
            Fate::Late => {
                self.late.push((offer, sealed));
                None
            }
        }
    }

    pub fn let_late_ones_arrive(&mut self) {
        for (offer, sealed) in std::mem::take(&mut self.late) {
            let _answer = self.replace(offer, sealed);
        }
    }

    /// It begins anew, and with it the connections to it.
    pub fn forget(&mut self) {
        self.late.clear();
        self.record = None;
    }

    fn replace(&mut self, offer: Offer, sealed: Vec<u8>) -> Result<(), Conflict> {
        offer.replacement.check(self.edition())?;
        self.record = Some(sealed);
        Ok(())
    }
}
