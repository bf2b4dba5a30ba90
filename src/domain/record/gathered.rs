//! Records on their way from a text into the store: segments by column, everything else as it is.

use super::Record;
use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::RandomState;

use super::column::{
    Column, Duration, Flags, Instant, Json, Keys, Lists, Numbers, Ordinal, Own, Shared, Spans, Words,
};
use super::interaction::InteractionFields;
use super::segment::SegmentRecord;
use super::words::{ChannelType, DirectionWord, EndReason, Opener, Participant, StartReason, UserType};

macro_rules! segment_columns {
    (segment { $($own:ident: $own_column:ty),+ $(,)? } interaction { $($fact:ident: $fact_column:ty),+ $(,)? }) => {
        /// Segments by column, each column named as the field of [`SegmentRecord`] or [`InteractionFields`].
        #[derive(Debug, Default)]
        pub struct SegmentColumns {
            rows: usize,
            $(#[expect(missing_docs, reason = "see the record")] pub $own: $own_column,)+
            $(#[expect(missing_docs, reason = "see the record")] pub $fact: $fact_column,)+
        }

        /// A field of a segment.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(non_camel_case_types, missing_docs, reason = "as the fields are called")]
        pub enum Field { $($own,)+ $($fact,)+ }

        impl Field {
            /// All of them with their names.
            const ALL: &'static [(&'static str, Self)] =
                &[$((stringify!($own), Self::$own),)+ $((stringify!($fact), Self::$fact),)+];

            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();
            /// How many of them are the interaction's.
            pub const FACTS: usize = [$(stringify!($fact)),+].len();
        }

        impl SegmentColumns {
            /// Adds a cell, which is not empty, to the row that is begun. False where columns cannot hold it: then the
            /// row is to be dropped.
            #[inline]
            pub fn put_cell(&mut self, field: Field, cell: &str) -> bool {
                match field {
                    $(Field::$own => self.$own.cell(self.rows, cell),)+
                    $(Field::$fact => self.$fact.cell(self.rows, cell),)+
                }
            }

            /// Adds a value as JSON has it; else the same.
            pub fn put_json(&mut self, field: Field, value: Json<'_>) -> bool {
                match field {
                    $(Field::$own => self.$own.json(self.rows, value),)+
                    $(Field::$fact => self.$fact.json(self.rows, value),)+
                }
            }

            /// Adds a valid record; false, and nothing is added, where columns cannot hold it.
            pub fn push(&mut self, record: &SegmentRecord) -> bool {
                let fits = $(self.$own.put(self.rows, &record.$own) &&)+
                    $(self.$fact.put(self.rows, &record.interaction.$fact) &&)+ true;
                if fits {
                    self.rows += 1;
                } else {
                    self.truncate(self.rows);
                }
                fits
            }

            /// The record of a row.
            pub fn record(&self, row: usize) -> SegmentRecord {
                let interaction = InteractionFields { $($fact: self.$fact.value(row),)+ };
                SegmentRecord { $($own: self.$own.value(row),)+ interaction }
            }

            /// Whether a row says anything of its interaction.
            pub fn says_anything(&self, row: usize) -> bool {
                $(self.$fact.has(row) ||)+ false
            }

            fn truncate(&mut self, rows: usize) {
                $(self.$own.truncate(rows);)+
                $(self.$fact.truncate(rows);)+
                self.rows = rows;
            }
        }
    };
}

segment_columns! {
    segment {
        source: Shared,
        account: Shared,
        id: Keys,
        interaction_id: Keys,
        updated_at: Numbers<Instant>,
        participant: Words<Participant>,
        queue_name: Shared,
        queue_entry: Numbers<Instant>,
        queue_exit: Numbers<Instant>,
        agent_id: Shared,
        agent_name: Shared,
        agent_custom_name: Shared,
        agent_email: Shared,
        start: Numbers<Instant>,
        end: Numbers<Instant>,
        talk_ms: Numbers<Duration>,
        hold_ms: Numbers<Duration>,
        mute_ms: Numbers<Duration>,
        snooze_ms: Numbers<Duration>,
        holds: Spans,
        mutes: Spans,
        snoozes: Spans,
        first_response_ms: Numbers<Duration>,
        consultants: Lists,
        joined_users: Lists,
        skills: Lists,
        transferred_in_by: Shared,
        transferred_in_status: Shared,
        end_reason: Words<EndReason>,
        transfer_reason: Shared,
        disposition: Shared,
        leg: Numbers<Ordinal>,
        user_type: Words<UserType>,
        queue_id: Shared,
        queue_group: Shared,
        campaign_id: Shared,
        campaign: Shared,
        dial_group: Shared,
        agent_session_id: Shared,
        agent_group: Shared,
        agent_group_id: Shared,
        skill_id: Shared,
        ring_start: Numbers<Instant>,
        ring_ms: Numbers<Duration>,
        wrap_ms: Numbers<Duration>,
        agent_wait_ms: Numbers<Duration>,
        termination_party: Shared,
        termination_reason: Shared,
        transferred_by_disposition: Flags,
        recording_file: Own,
        recording_url: Own,
        start_reason: Words<StartReason>,
        focuses: Spans,
        handle_ms: Numbers<Duration>,
    }
    interaction {
        direction: Words<DirectionWord>,
        channel: Shared,
        channel_type: Words<ChannelType>,
        customer: Own,
        customer_name: Own,
        customer_email: Own,
        customer_phone: Own,
        support: Shared,
        support_number: Shared,
        support_email: Shared,
        bot_name: Shared,
        status: Shared,
        reason: Shared,
        disconnecting_event: Shared,
        interaction_end: Numbers<Instant>,
        uii: Own,
        integration_source: Shared,
        ani: Own,
        dnis: Own,
        opened_by: Words<Opener>,
        email_subject: Own,
        session_tags: Lists,
        user_tags: Lists,
    }
}

impl Field {
    /// The name of the field at a place.
    pub fn name(place: usize) -> &'static str {
        Self::ALL.get(place).map_or("", |(name, _)| name)
    }

    /// The field of this name, and its place among all of them.
    pub fn named(name: &str) -> Option<(Self, usize)> {
        static BY_NAME: LazyLock<HashMap<&str, (Field, usize), RandomState>> = LazyLock::new(|| {
            Field::ALL.iter().enumerate().map(|(place, (name, field))| (*name, (*field, place))).collect()
        });
        BY_NAME.get(name).copied()
    }
}

impl SegmentColumns {
    /// How many there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Ends the row that was begun; false where it is no valid record: then it is to be dropped.
    pub fn end_row(&mut self) -> bool {
        let row = self.rows;
        let started = self.start.get(row).is_some();
        let valid = !self.id.get(row).is_empty()
            && !self.interaction_id.get(row).is_empty()
            && (started || (self.queue_entry.get(row).is_some() && self.had_by(row) == Participant::Queue));
        self.rows += usize::from(valid);
        valid
    }

    /// Drops the row that was begun.
    pub fn drop_row(&mut self) {
        self.truncate(self.rows);
    }

    /// Who had a segment, by the rule of [`SegmentRecord::participant`].
    pub fn had_by(&self, row: usize) -> Participant {
        let naming = [&self.agent_id, &self.agent_email, &self.agent_name];
        let named = || naming.into_iter().any(|texts| texts.code(row) != 0);
        self.participant
            .get(row)
            .unwrap_or_else(|| if named() { Participant::Agent } else { Participant::Queue })
    }
}

/// Records in the order of their lines.
#[derive(Debug, Default)]
pub struct Gathered {
    /// Segments, where columns can hold them.
    pub segments: SegmentColumns,
    /// The others, each with how many of those stand before it.
    pub others: Vec<(usize, Record)>,
}

impl Gathered {
    /// Adds a valid record.
    pub fn push(&mut self, record: Record) {
        let by_column = matches!(&record, Record::Segment(segment) if self.segments.push(segment));
        if !by_column {
            self.others.push((self.segments.rows(), record));
        }
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.segments.rows() + self.others.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them as records.
    pub fn into_records(self) -> impl Iterator<Item = Record> {
        let (segments, mut others, mut row) = (self.segments, self.others.into_iter().peekable(), 0);
        std::iter::from_fn(move || {
            if let Some((_, other)) = others.next_if(|(before, _)| *before <= row) {
                return Some(other);
            }
            row += 1;
            (row <= segments.rows()).then(|| Record::Segment(Box::new(segments.record(row - 1))))
        })
    }

    /// Takes everything out and keeps the memory.
    pub fn clear(&mut self) {
        self.segments.truncate(0);
        self.others.clear();
    }
}

impl FromIterator<Record> for Gathered {
    fn from_iter<I: IntoIterator<Item = Record>>(records: I) -> Self {
        let mut gathered = Self::default();
        records.into_iter().for_each(|record| gathered.push(record));
        gathered
    }
}
