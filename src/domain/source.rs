//! Sources: where a report's rows come from, and what each can be asked for.

use jiff::{SignedDuration, Timestamp};

use super::record::Millis;

/// The segment store, by its name in `source`.
pub const STORE: &str = "store";

/// What kind of source it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// The segment store.
    Store,
    /// RingCentral Engage Voice, today RingCX.
    Ringcentral,
    /// `LivePerson` Conversational Cloud.
    Liveperson,
    /// Kore.ai Contact Center AI.
    Koreai,
}

/// How a source makes a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// The segments are read from the store.
    Store,
    /// The vendor makes the file; it becomes the artifact once it is validated.
    PassThrough,
    /// The rows of the period are fetched into the store first; the report is made from there, of this source only.
    Fetch(Feed),
}

/// What rows a vendor gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    /// RingCentral's deprecated reports of both directions, as rows.
    SegmentReports,
    /// RingCentral's successor of them: one object a segment, voice and digital, with less in it.
    InteractionMetadata,
    /// `LivePerson`'s closed segments with their actual handle time.
    HandleTime,
    /// `LivePerson`'s metrics, which live for 24 hours.
    MessagingOperations,
    /// `LivePerson`'s conversations with their messages.
    MessagingInteractions,
    /// Kore.ai's sessions.
    InteractionDetails,
}

impl SourceKind {
    /// The table's name in the config, and the word in texts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Store => STORE,
            Self::Ringcentral => "ringcentral",
            Self::Liveperson => "liveperson",
            Self::Koreai => "koreai",
        }
    }

    /// How a source of this kind makes a report; `None` where it cannot.
    pub fn makes(self, report: &str) -> Option<Use> {
        match (self, report) {
            (Self::Store, "dialer-result" | "cloud-call-detail" | "global-call-type") => None,
            (Self::Store, _) => Some(Use::Store),
            (
                Self::Ringcentral,
                "inbound-agent-segment-metadata"
                | "outbound-agent-segment-metadata"
                | "agent-session-raw"
                | "dialer-result"
                | "cloud-call-detail"
                | "global-call-type",
            )
            | (Self::Liveperson, "messaging-agent-segments") => Some(Use::PassThrough),
            (Self::Liveperson, "agent-segments") => Some(Use::Fetch(Feed::HandleTime)),
            (Self::Koreai, "interaction-details-by-segment" | "segments") => {
                Some(Use::Fetch(Feed::InteractionDetails))
            }
            _ => None,
        }
    }

    /// What it can collect; the first is what it collects unless the config says otherwise.
    pub fn feeds(self) -> &'static [Feed] {
        match self {
            Self::Store => &[],
            Self::Ringcentral => &[Feed::SegmentReports, Feed::InteractionMetadata],
            Self::Liveperson => &[Feed::HandleTime, Feed::MessagingOperations, Feed::MessagingInteractions],
            Self::Koreai => &[Feed::InteractionDetails],
        }
    }
}

impl Feed {
    /// Every one.
    pub const ALL: [Self; 6] = [
        Self::SegmentReports,
        Self::InteractionMetadata,
        Self::HandleTime,
        Self::MessagingOperations,
        Self::MessagingInteractions,
        Self::InteractionDetails,
    ];

    /// The word in config, ledger and texts.
    pub fn name(self) -> &'static str {
        match self {
            Self::SegmentReports => "segment-reports",
            Self::InteractionMetadata => "interaction-metadata",
            Self::HandleTime => "handle-time",
            Self::MessagingOperations => "messaging-operations",
            Self::MessagingInteractions => "messaging-interactions",
            Self::InteractionDetails => "interaction-details",
        }
    }

    /// The feed of a word.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feed| feed.name() == name)
    }

    /// The longest span that one request may ask for, in milliseconds.
    pub fn piece_ms(self) -> Millis {
        const HOUR: Millis = 3_600_000;
        match self {
            // The vendors' limits: 3 h (1 h until August 2026); for a session's details a week, of which small pieces page
            // less.
            Self::InteractionMetadata => 3 * HOUR,
            Self::InteractionDetails => HOUR,
            // A week, 1440 minutes, or no limit at all: a day is what a request that failed may cost.
            Self::SegmentReports
            | Self::HandleTime
            | Self::MessagingOperations
            | Self::MessagingInteractions => 24 * HOUR,
        }
    }

    /// How many requests a span takes at the least: pages, logins and what is asked again come on top.
    pub fn requests_of(self, span: SignedDuration) -> i64 {
        let ms = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        let pieces = ms.div_euclid(self.piece_ms()) + i64::from(0 < ms.rem_euclid(self.piece_ms()));
        // Both directions are a report of their own.
        if self == Self::SegmentReports { 2 * pieces } else { pieces }
    }

    /// How far back the vendor's memory goes, in milliseconds; `None` where no limit is known.
    pub fn memory_ms(self) -> Option<Millis> {
        const DAY: Millis = 86_400_000;
        match self {
            Self::SegmentReports | Self::InteractionMetadata | Self::InteractionDetails => None,
            Self::HandleTime => Some(30 * DAY),
            Self::MessagingOperations => Some(DAY),
            // 13 months, as documented.
            Self::MessagingInteractions => Some(395 * DAY),
        }
    }

    /// How long after the end of a span it is worth asking for, in milliseconds: most of its rows are there.
    pub fn lag_ms(self) -> Millis {
        const MINUTE: Millis = 60_000;
        match self {
            // What RingCentral advises.
            Self::SegmentReports | Self::InteractionMetadata | Self::InteractionDetails => 15 * MINUTE,
            Self::HandleTime => 60 * MINUTE,
            Self::MessagingOperations => 0,
            Self::MessagingInteractions => 5 * MINUTE,
        }
    }

    /// How long after the end of a span the vendor can still add to it, in milliseconds: it is covered only then.
    pub fn settled_ms(self) -> Millis {
        const HOUR: Millis = 3_600_000;
        // LivePerson says up to 24 h of its handle times.
        if self == Self::HandleTime { 24 * HOUR } else { self.lag_ms() }
    }

    /// How far before a span its fetching begins, in milliseconds: where nobody says whether a vendor picks rows by their
    /// start or their end, a call that goes on for so long is not missed.
    pub fn margin_ms(self) -> Millis {
        const HOUR: Millis = 3_600_000;
        match self {
            Self::SegmentReports | Self::InteractionDetails => 4 * HOUR,
            Self::InteractionMetadata
            | Self::HandleTime
            | Self::MessagingOperations
            | Self::MessagingInteractions => 0,
        }
    }

    /// Whether its rows can fill a report over the store.
    pub fn fills(self, report: &str) -> bool {
        match self {
            Self::SegmentReports | Self::InteractionMetadata => {
                report.ends_with("agent-segment-metadata") || report == "segments"
            }
            Self::HandleTime => matches!(report, "agent-segments" | "segments"),
            Self::MessagingOperations => false,
            Self::MessagingInteractions => {
                matches!(report, "agent-segments" | "messaging-agent-segments" | "segments")
            }
            Self::InteractionDetails => matches!(report, "interaction-details-by-segment" | "segments"),
        }
    }

    /// How far behind what is whole each pass begins again, in milliseconds: late rows and corrections.
    pub fn trail_ms(self) -> Millis {
        const HOUR: Millis = 3_600_000;
        match self {
            Self::InteractionMetadata => HOUR,
            Self::SegmentReports => 4 * HOUR,
            Self::HandleTime | Self::MessagingInteractions | Self::InteractionDetails => 24 * HOUR,
            Self::MessagingOperations => 0,
        }
    }
}

/// A request that was made of a vendor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What for: `login`, `accounts`, `domain`, `report` or `rows`.
    pub what: &'static str,
    /// When.
    pub at: Timestamp,
    /// The answer's HTTP status; absent where there was no answer.
    pub status: Option<u16>,
    /// Time until the answer began, in milliseconds.
    pub took_ms: i64,
    /// Not before this instant again: the vendor said so.
    pub again_at: Option<Timestamp>,
}
