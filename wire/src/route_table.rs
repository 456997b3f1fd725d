//! The route table: which transceiver pod owns which block of route ids, and which relays may speak to it.

use std::collections::HashMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// Route ids in a block; a pod spreads its calls over them, so that they can move in eighths.
pub const BLOCK_SIZE: u32 = 8;
/// Bounds what a broken document can cost: 65,536 pods are far beyond any fleet.
pub const MAX_BLOCKS: usize = 65_536;
/// No table with fewer live blocks is ever held back for dropping most of them.
pub const HOLD_BACK_FROM: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlockState {
    /// Takes new calls.
    Active,
    /// Serves its live calls only.
    Draining,
    /// The pod is gone.
    Lost,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    pub route: u32,
    pub hop: SocketAddr,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// The first of the block's eight route ids.
    pub first: u32,
    pub pod: String,
    pub pool: String,
    pub state: BlockState,
    /// Where hop datagrams for it go.
    pub hop: SocketAddr,
    /// The pod's control API.
    pub control: SocketAddr,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<Moved>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relay {
    pub name: String,
    /// The first worker's hop address; worker *i* has the port plus *i*.
    pub hop: SocketAddr,
    pub workers: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    pub name: String,
    pub models: Vec<String>,
    #[serde(default)]
    pub default: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(rename = "clusterID")]
    cluster_id: u16,
    cluster_name: String,
    generation: u64,
    #[serde(default)]
    relays: Vec<Relay>,
    #[serde(default)]
    blocks: Vec<Block>,
    #[serde(default)]
    pools: Vec<Pool>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteTableError {
    NotJson(String),
    TooManyBlocks,
    UnalignedBlock(u32),
    DuplicateBlock(u32),
    ForeignMove { block: u32, route: u32 },
    DuplicateMove { block: u32, route: u32 },
    BadWorkers(String),
}

impl std::fmt::Display for RouteTableError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotJson(why) => write!(formatter, "not a route table: {why}"),
            Self::TooManyBlocks => write!(formatter, "blocks: more than {MAX_BLOCKS}"),
            Self::UnalignedBlock(first) => write!(formatter, "blocks: first {first} is not a multiple of {BLOCK_SIZE}"),
            Self::DuplicateBlock(first) => write!(formatter, "blocks: {first} is there twice"),
            Self::ForeignMove { block, route } => {
                write!(formatter, "blocks: {block} moves route {route}, which is not its own")
            }
            Self::DuplicateMove { block, route } => write!(formatter, "blocks: {block} moves route {route} twice"),
            Self::BadWorkers(name) => {
                write!(formatter, "relays: {name} must have 1 worker or more, and ports for all of them")
            }
        }
    }
}

impl std::error::Error for RouteTableError {}

/// Why a newer table is not taken (the last good one stays in force).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// It is older than the one in force.
    OlderGeneration,
    /// It would drop more than half of the live blocks. A table that was cut short names nobody else; one that is true,
    /// and long in coming, names those that took their place.
    MassRemoval { live: usize, dropped: usize, new: usize },
    /// It belongs to another cluster.
    OtherCluster,
}

impl Held {
    /// The same as one word, for whoever has to tell them apart.
    pub fn reason(self) -> &'static str {
        match self {
            Self::OlderGeneration => "older_generation",
            Self::MassRemoval { .. } => "mass_removal",
            Self::OtherCluster => "other_cluster",
        }
    }
}

impl std::fmt::Display for Held {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OlderGeneration => write!(formatter, "its generation is lower than that of the table in force"),
            Self::MassRemoval { live, dropped, new } => {
                let share = (100 * dropped).checked_div(*live).unwrap_or_default();
                write!(
                    formatter,
                    "it would drop {dropped} of {live} live blocks ({share} %), and has {new} that are new"
                )
            }
            Self::OtherCluster => write!(formatter, "its clusterID is not that of the table in force"),
        }
    }
}

/// A checked table with its index.
#[derive(Clone, Debug)]
pub struct RouteTable {
    document: Document,
    /// Block number (`first / 8`) to position; keys are the operator's, not a stranger's.
    index: HashMap<u32, usize>,
    /// How the pod at a hop address stands: of two blocks, as when an address is used again, the one that is not lost.
    states: HashMap<SocketAddr, BlockState>,
}

/// Who owns a route now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    pub hop: SocketAddr,
    pub state: BlockState,
}

impl RouteTable {
    pub fn from_json(text: &str) -> Result<Self, RouteTableError> {
        let document: Document =
            serde_json::from_str(text).map_err(|error| RouteTableError::NotJson(error.to_string()))?;
        if document.blocks.len() > MAX_BLOCKS {
            return Err(RouteTableError::TooManyBlocks);
        }
        if let Some(relay) = document.relays.iter().find(|relay| !has_ports(relay)) {
            return Err(RouteTableError::BadWorkers(relay.name.clone()));
        }
        let mut index = HashMap::with_capacity(document.blocks.len());
        let mut states = HashMap::with_capacity(document.blocks.len());
        for (position, block) in document.blocks.iter().enumerate() {
            if !block.first.is_multiple_of(BLOCK_SIZE) {
                return Err(RouteTableError::UnalignedBlock(block.first));
            }
            check_moves(block)?;
            if index.insert(block.first / BLOCK_SIZE, position).is_some() {
                return Err(RouteTableError::DuplicateBlock(block.first));
            }
            let state = states.entry(block.hop).or_insert(block.state);
            if *state == BlockState::Lost {
                *state = block.state;
            }
        }
        Ok(Self { document, index, states })
    }

    pub fn to_json(&self) -> String {
        // Plain strings, numbers and addresses: serialising them cannot fail.
        serde_json::to_string(&self.document).unwrap_or_default()
    }

    pub fn cluster_id(&self) -> u16 {
        self.document.cluster_id
    }

    pub fn cluster_name(&self) -> &str {
        &self.document.cluster_name
    }

    pub fn generation(&self) -> u64 {
        self.document.generation
    }

    pub fn relays(&self) -> &[Relay] {
        &self.document.relays
    }

    pub fn blocks(&self) -> &[Block] {
        &self.document.blocks
    }

    pub fn pools(&self) -> &[Pool] {
        &self.document.pools
    }

    pub fn block_of(&self, route: u32) -> Option<&Block> {
        self.document.blocks.get(*self.index.get(&(route / BLOCK_SIZE))?)
    }

    /// The owner of one route. One that was moved is lost with the pod that it was moved to, not with its block.
    pub fn owner(&self, route: u32) -> Option<Owner> {
        let block = self.block_of(route)?;
        let Some(moved) = block.moved.iter().find(|moved| moved.route == route) else {
            return Some(Owner { hop: block.hop, state: block.state });
        };
        let state = self.states.get(&moved.hop).copied().unwrap_or(BlockState::Active);
        Some(Owner { hop: moved.hop, state })
    }

    /// Whether `newer` may replace this table. A block that `newer` says is [`BlockState::Lost`] is not dropped: that is a
    /// statement about a pod, while a block that is missing may be a document that was cut short.
    pub fn accepts(&self, newer: &Self) -> Result<(), Held> {
        if newer.cluster_id() != self.cluster_id() {
            return Err(Held::OtherCluster);
        }
        if newer.generation() < self.generation() {
            return Err(Held::OlderGeneration);
        }
        let live = self.blocks().iter().filter(|block| block.state != BlockState::Lost);
        let (kept, dropped): (Vec<_>, Vec<_>) = live.partition(|block| newer.block_of(block.first).is_some());
        let (live, dropped) = (kept.len() + dropped.len(), dropped.len());
        if live < HOLD_BACK_FROM || dropped * 2 <= live {
            return Ok(());
        }
        let is_new = |block: &&Block| block.state != BlockState::Lost && self.block_of(block.first).is_none();
        Err(Held::MassRemoval { live, dropped, new: newer.blocks().iter().filter(is_new).count() })
    }
}

fn check_moves(block: &Block) -> Result<(), RouteTableError> {
    let mut seen = [false; BLOCK_SIZE as usize];
    for &Moved { route, .. } in &block.moved {
        let slot = route.checked_sub(block.first).and_then(|offset| seen.get_mut(offset as usize));
        match slot {
            None => return Err(RouteTableError::ForeignMove { block: block.first, route }),
            Some(true) => return Err(RouteTableError::DuplicateMove { block: block.first, route }),
            Some(slot) => *slot = true,
        }
    }
    Ok(())
}

fn has_ports(relay: &Relay) -> bool {
    relay.workers > 0 && relay.hop.port().checked_add(relay.workers - 1).is_some()
}
