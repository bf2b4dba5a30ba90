//! What a vendor can be asked, beside a period, for a report that only it makes: keys and words are the vendor's own.

/// A report that only its vendor makes.
#[derive(Debug, PartialEq, Eq)]
pub struct VendorReport {
    /// What its request can say.
    pub criteria: &'static [Criterion],
    /// Whether the vendor takes bounds by the wall clock of a zone; else it takes instants.
    pub wall_clock: bool,
}

/// Something that a request can say.
#[derive(Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Criterion {
    /// The vendor's key.
    pub key: &'static str,
    /// What it may be.
    pub takes: Takes,
}

/// What a criterion may be.
#[derive(Debug, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Takes {
    /// Yes or no, and which of them unless a job says otherwise.
    Flag(bool),
    /// One of these words; the first unless a job says otherwise.
    Word(&'static [&'static str]),
    /// Ids, among them `none` for what has none.
    Ids,
}

/// What a job says of a criterion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Yes or no.
    Flag(bool),
    /// A word.
    Word(&'static str),
    /// Ids; `None` is what has none.
    Ids(Vec<Option<u64>>),
}

impl Takes {
    /// What is said unless a job says otherwise.
    pub fn unsaid(&self) -> Said {
        match self {
            Self::Flag(flag) => Said::Flag(*flag),
            Self::Word(words) => Said::Word(words.first().copied().unwrap_or_default()),
            Self::Ids => Said::Ids(Vec::new()),
        }
    }
}
