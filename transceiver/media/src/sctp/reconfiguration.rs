//! RE-CONFIG (RFC 6525): streams that begin anew, which is how data channels are closed (RFC 8831 §6.7).

use super::chunk::kind;
use super::parameter::{Parameter, Parameters};
use super::writer::{Writer, append_parameter};
use crate::fields::Fields;

/// Parameter types (RFC 6525 §4).
mod parameter {
    pub const OUTGOING_RESET: u16 = 13;
    pub const RESPONSE: u16 = 16;
    /// Those, and what we deny: resets that we are to do, and more streams.
    pub const KNOWN: std::ops::RangeInclusive<u16> = 13..=18;
}

/// A chunk holds one, or one and an answer (RFC 6525 §3.1).
const MOST_PARAMETERS: usize = 2;

/// RFC 6525 §4.4. What is not named here is a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    NothingToDo,
    Performed,
    Denied,
    WrongSequence,
    InProgress,
    Other(u32),
}

impl Outcome {
    pub(crate) const fn from_wire(wire: u32) -> Self {
        match wire {
            0 => Self::NothingToDo,
            1 => Self::Performed,
            2 => Self::Denied,
            5 => Self::WrongSequence,
            6 => Self::InProgress,
            other => Self::Other(other),
        }
    }

    pub const fn to_wire(self) -> u32 {
        match self {
            Self::NothingToDo => 0,
            Self::Performed => 1,
            Self::Denied => 2,
            Self::WrongSequence => 5,
            Self::InProgress => 6,
            Self::Other(other) => other,
        }
    }
}

/// One parameter of a RE-CONFIG chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The sender's outgoing streams begin anew after `last_tsn`; all of them if none is named.
    Reset {
        request: u32,
        last_tsn: u32,
        streams: Vec<u16>,
    },
    /// Whatever else may be asked for.
    Other {
        request: u32,
    },
    Response {
        request: u32,
        outcome: Outcome,
    },
}

impl Step {
    /// Of a known type; `None` if it is not of the type's form.
    fn parse(parameter: &Parameter<'_>) -> Option<Self> {
        let mut fields = Fields::of(parameter.value);
        let request = fields.u32()?;
        Some(match parameter.kind {
            parameter::OUTGOING_RESET => {
                let _the_answer_that_came_before = fields.u32()?;
                Self::Reset { request, last_tsn: fields.u32()?, streams: words(fields.rest())? }
            }
            parameter::RESPONSE => Self::Response { request, outcome: Outcome::from_wire(fields.u32()?) },
            _ => Self::Other { request },
        })
    }
}

fn words(bytes: &[u8]) -> Option<Vec<u16>> {
    let (words, odd) = bytes.as_chunks::<2>();
    odd.is_empty().then(|| words.iter().map(|&word| u16::from_be_bytes(word)).collect())
}

/// At most two of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconfiguration {
    pub steps: Vec<Step>,
}

impl Reconfiguration {
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let parameters = Parameters::parse(body)?;
        if parameters.clone().count() > MOST_PARAMETERS {
            return None;
        }
        let mut steps = Vec::new();
        for parameter in parameters.filter(|parameter| parameter::KNOWN.contains(&parameter.kind)) {
            steps.push(Step::parse(&parameter)?);
        }
        Some(Self { steps })
    }

    /// `answered` is the peer's last request (RFC 6525 §4.1). False if it does not fit.
    pub fn write(&self, writer: &mut Writer, answered: u32) -> bool {
        writer.chunk(kind::RE_CONFIG, 0, |body| {
            for step in &self.steps {
                match step {
                    Step::Reset { request, last_tsn, streams } => {
                        let words = [*request, answered, *last_tsn];
                        let fixed = words.iter().flat_map(|word| word.to_be_bytes());
                        let value: Vec<u8> = fixed.chain(streams.iter().flat_map(|id| id.to_be_bytes())).collect();
                        append_parameter(body, parameter::OUTGOING_RESET, &value);
                    }
                    Step::Response { request, outcome } => {
                        let words = [*request, outcome.to_wire()];
                        append_parameter(body, parameter::RESPONSE, words.map(u32::to_be_bytes).as_flattened());
                    }
                    // We ask for nothing else.
                    Step::Other { .. } => {}
                }
            }
        })
    }
}
