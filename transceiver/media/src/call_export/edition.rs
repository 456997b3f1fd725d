//! Which export of a call comes after which, and who may store it: the rule of the registry, without the registry.

/// Names an export of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edition {
    /// Owners, counted from 0. One owner has it, so one writes under it.
    pub generation: u32,
    /// Exports of this owner, counted from 0.
    pub serial: u32,
}

/// Why the registry's record was left as it is; `held` is what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// Another owner has claimed the call.
    Fenced { held: Edition },
    /// It holds another export than was expected, of no later owner.
    Other { held: Edition },
    /// It holds nothing: the call was given up, or the record has expired.
    Gone,
    /// What is offered does not follow what is expected.
    NotNext,
}

/// To be done by the registry as one step: compare what is there with `expected`, and set it to `offered`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// `None`: there is to be nothing, since this is the call's first export, or its record was lost.
    pub expected: Option<Edition>,
    pub offered: Edition,
}

impl Edition {
    pub const FIRST: Self = Self { generation: 0, serial: 0 };

    /// A later one of the same owner, some of whose offers may have got lost, or the next owner's first.
    fn follows(self, before: Self) -> bool {
        let is_renewed = self.generation == before.generation && self.serial > before.serial;
        is_renewed || before.claimed() == Some(self)
    }

    /// The same owner's next.
    pub fn renewed(self) -> Option<Self> {
        Some(Self { serial: self.serial.checked_add(1)?, ..self })
    }

    /// The next owner's first.
    pub fn claimed(self) -> Option<Self> {
        Some(Self { generation: self.generation.checked_add(1)?, serial: 0 })
    }
}

impl Replacement {
    /// Whether the registry does it, if it holds `held`.
    ///
    /// An owner renews its own export, or the next owner claims the call; nobody else's export can come in between unseen.
    /// So one export has one successor, whatever is sent to the registry twice, late or by whom.
    pub fn check(self, held: Option<Edition>) -> Result<(), Conflict> {
        let follows = self.expected.is_none_or(|expected| self.offered.follows(expected));
        match (held, self.expected) {
            _ if !follows => Err(Conflict::NotNext),
            (held, expected) if held == expected => Ok(()),
            (None, _) => Err(Conflict::Gone),
            (Some(held), _) if held.generation >= self.offered.generation && !self.is_ours(held) => {
                Err(Conflict::Fenced { held })
            }
            (Some(held), _) => Err(Conflict::Other { held }),
        }
    }

    /// `held` is of the owner who offers. Two claims look alike, so one who claims does not know; nobody claims the first
    /// generation.
    fn is_ours(self, held: Edition) -> bool {
        held.generation == self.offered.generation && (self.offered.serial > 0 || self.offered.generation == 0)
    }
}
