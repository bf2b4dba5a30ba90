//! Interactions that a chunk touched → rows: each is resolved once, and only what changed is written.

use rusqlite::{OptionalExtension, Transaction, params};

use super::fold::unfold;
use super::interaction::{Interaction, InteractionTerms, load_by_id};
use super::names::role;
use super::resolved::{Others, Said, from_others};
use super::row::{self, Own, Resolved, Segment, remove_segment};
use super::sealed::at;
use super::words::{CHANNEL_TYPES, DIRECTIONS, code_of};
use super::write::Chunk;
use crate::domain::messaging::{self, Author, Message};
use crate::domain::record::{InteractionFields, Millis, Span, Text};
use crate::domain::resolve::{self, Portion, Whole};

impl Chunk<'_> {
    /// Resolves everything that was touched.
    pub(super) fn settle(&mut self) -> rusqlite::Result<()> {
        while let Some(interaction) = self.touched.interactions.pop_front() {
            self.settle_one(&interaction)?;
        }
        for interaction_id in std::mem::take(&mut self.again) {
            let interaction = load_by_id(self.tx, self.finder, interaction_id)?;
            self.settle_one(&interaction)?;
        }
        self.note_numbers()
    }

    /// Resolves an interaction and writes what changed of it.
    pub(super) fn settle_one(&mut self, interaction: &Interaction) -> rusqlite::Result<()> {
        let fields = &interaction.fields;
        let mut term = |text: &Option<Text>, role| self.names.shared(self.tx, text.as_ref(), role);
        let terms = InteractionTerms {
            channel: term(&fields.channel, role::CHANNEL)?,
            status: term(&fields.status, role::STATUS)?,
            reason: term(&fields.reason, role::NONE)?,
            disconnecting_event: term(&fields.disconnecting_event, role::NONE)?,
            integration_source: term(&fields.integration_source, role::INTEGRATION_SOURCE)?,
        };
        let ended_at = interaction.ended_at();
        let as_stored = !interaction.folded
            && interaction.stored.as_ref().is_some_and(|known| {
                let (stored, end, version) = &**known;
                stored == fields
                    && *end == ended_at
                    && *version == interaction.version
                    && interaction.places == interaction.places_now()
            });
        let resolved = self.resolve(interaction, terms, ended_at)?;
        let same = |(fields, _, version): &(InteractionFields, Option<Millis>, Millis)| {
            *fields == interaction.fields && *version == interaction.version
        };
        if interaction.folded
            && interaction.held == interaction.segments.len()
            && interaction.stored.as_deref().is_some_and(same)
            && interaction.segments.iter().zip(&resolved).all(is_stored)
        {
            return Ok(());
        }
        let interaction_id = self.number(interaction);
        if !as_stored {
            self.statements.write_interaction((interaction_id, interaction), terms, ended_at)?;
        }
        for (segment, resolved) in interaction.segments.iter().zip(&resolved) {
            let start = segment.own.row_start;
            if is_stored((segment, resolved)) {
                continue;
            }
            if let Some(known) = &segment.stored {
                let (key, before) = ((&*segment.key, interaction.account_id), known.0.row_start);
                remove_segment(self.tx, self.finder, segment.sealed, before, key)?;
            } else if self.finder.by_key(self.tx, &segment.key, interaction.account_id)?.is_some() {
                self.take_over(interaction, interaction_id, segment, resolved)?;
                continue;
            }
            self.rows_from = Some(self.rows_from.map_or(start, |least| least.min(start)));
            if !self.statements.add_segment(interaction, interaction_id, segment, resolved)? {
                self.take_over(interaction, interaction_id, segment, resolved)?;
            }
        }
        Ok(())
    }

    /// The number of an interaction; the next one where it is new.
    fn number(&mut self, interaction: &Interaction) -> i64 {
        if interaction.interaction_id != 0 {
            return interaction.interaction_id;
        }
        self.next_number()
    }

    /// The number of a new interaction.
    pub(super) fn next_number(&mut self) -> i64 {
        self.next_interaction += 1;
        self.next_interaction - 1
    }

    fn resolve(
        &mut self,
        interaction: &Interaction,
        terms: InteractionTerms,
        ended_at: Option<Millis>,
    ) -> rusqlite::Result<Vec<Resolved>> {
        let portions: Vec<Portion<'_, i64, i64>> = interaction.segments.iter().map(portion).collect();
        let messages = if interaction.stored.is_some() && !interaction.folded {
            messages(self.tx, interaction.interaction_id)?
        } else {
            Vec::new()
        };
        let fields = &interaction.fields;
        let whole = Whole {
            ended: ended_at.is_some(),
            opened_by: fields.opened_by,
            disconnecting_event: fields.disconnecting_event.as_deref(),
        };
        let shared = self.shared(fields, terms)?;
        let mut resolved = Vec::with_capacity(portions.len());
        let around = resolve::neighbours(&portions, whole);
        let talks = messaging::talks(&portions, &messages);
        for ((portion, around), (segment, talk)) in
            portions.iter().zip(around).zip(interaction.segments.iter().zip(talks))
        {
            let own = &segment.own;
            let focuses = focuses(own);
            let said = Said {
                in_by: own.carried(row::IN_BY),
                in_status: own.carried(row::IN_STATUS),
                first_response_ms: own.carried(row::FIRST_RESPONSE),
                handle_ms: own.carried(row::HANDLE),
                focuses: &focuses,
            };
            let others = Others { around, talk: &talk, channel_type: fields.channel_type };
            let from_others = from_others((self.tx, self.names), portion, &said, &others)?;
            let mut integers = [None; row::RESOLVED_INTEGERS];
            let from_interaction = shared.into_iter().chain([ended_at]);
            for (slot, integer) in integers.iter_mut().zip(from_interaction.chain(from_others)) {
                *slot = integer;
            }
            resolved.push(Resolved {
                integers: integers.into(),
                texts: [
                    resolve::customer(fields).cloned(),
                    fields.uii.clone(),
                    fields.ani.clone(),
                    fields.dnis.clone(),
                    fields.email_subject.clone(),
                ],
            });
        }
        Ok(resolved)
    }

    /// What all segments of an interaction have from it, in the order of `row::RESOLVED`.
    fn shared(
        &mut self,
        fields: &InteractionFields,
        terms: InteractionTerms,
    ) -> rusqlite::Result<[Option<i64>; row::FROM_INTERACTION - 1]> {
        let mut tags = |tags: &[Text]| self.names.term(self.tx, Some(&tags.join(", ")), role::NONE);
        let (session_tags, user_tags) = (tags(&fields.session_tags)?, tags(&fields.user_tags)?);
        Ok([
            code_of(&DIRECTIONS, fields.direction),
            terms.channel,
            code_of(&CHANNEL_TYPES, fields.channel_type),
            self.names.shared(self.tx, resolve::support(fields), role::NONE)?,
            terms.status,
            terms.reason,
            terms.disconnecting_event,
            terms.integration_source,
            session_tags,
            user_tags,
        ])
    }

    /// A segment whose key stands under another interaction: the newer record moves it, and both are resolved anew.
    fn take_over(
        &mut self,
        interaction: &Interaction,
        interaction_id: i64,
        segment: &Segment,
        resolved: &Resolved,
    ) -> rusqlite::Result<()> {
        let row: Option<(i64, Millis, Millis)> = self
            .tx
            .prepare_cached(
                "select interaction_id, row_start, version from segment where record_id = ?1 and account_id = ?2",
            )?
            .query_row(params![segment.key, interaction.account_id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let sealed = self.finder.by_key(self.tx, &segment.key, interaction.account_id)?;
        let other = match (row, &sealed) {
            (Some(row), _) => Some(row),
            (None, Some(found)) => found
                .interaction_id()?
                .zip(found.row_start()?)
                .zip(found.version()?)
                .map(|((id, start), version)| (id, start, version)),
            (None, None) => None,
        };
        let Some((other_id, row_start, version)) = other else { return Ok(()) };
        let sealed = sealed.filter(|_| row.is_none());
        let key_there = sealed.as_ref().map(|found| found.text(at::INTERACTION_KEY)).transpose()?.flatten();
        let key_there: Option<Text> = key_there.map(Into::into);
        let sealed = sealed.map(|found| found.at);
        self.tally.added = self.tally.added.saturating_sub(1);
        if segment.version < version {
            self.tally.older += 1;
            // It was resolved as if the segment were its own.
            self.again.push(interaction_id);
            return Ok(());
        }
        self.tally.changed += 1;
        let account_id = interaction.account_id;
        // A chunk may have moved it away and back: then its old place is its interaction's own.
        let own = other_id == interaction_id || key_there.as_ref() == Some(&interaction.key);
        // Retention may have removed the other one before its segment; or it is folded.
        let other = match (load_by_id(self.tx, self.finder, other_id).optional()?, &key_there) {
            _ if own => None,
            (None, Some(key)) => unfold(self.tx, (self.finder, self.names), account_id, key)?,
            (other, _) => other,
        };
        remove_segment(self.tx, self.finder, sealed, row_start, (&segment.key, account_id))?;
        let start = segment.own.row_start;
        self.rows_from = Some(self.rows_from.map_or(start, |least| least.min(start)));
        self.statements.add_segment(interaction, interaction_id, segment, resolved)?;
        let mut waiting = self.touched.interactions.iter_mut();
        if let Some(waiting) = waiting.find(|waiting| !own && waiting.interaction_id == other_id) {
            // The other one's turn comes later in this chunk.
            waiting.segments.retain(|own| own.key != segment.key);
            return Ok(());
        }
        match other {
            Some(mut other) => {
                other.segments.retain(|own| own.key != segment.key);
                self.settle_one(&other)
            }
            None => Ok(()),
        }
    }
}

/// Whether a segment stands in the database as it is now.
fn is_stored((segment, resolved): (&Segment, &Resolved)) -> bool {
    segment.stored.as_ref().is_some_and(|known| {
        let (own, stored, version) = &**known;
        own == &segment.own && stored == resolved && *version == segment.version
    })
}

fn portion(segment: &Segment) -> Portion<'_, i64, i64> {
    let own = &segment.own;
    Portion {
        row_start: own.row_start,
        key: &segment.key,
        queued: own.queue_entry.is_some(),
        start: own.start,
        end: own.end,
        participant: own.participant,
        agent: own.agent_id,
        start_reason: own.start_reason(),
        end_reason: own.end_reason,
        transfer_reason: own.carried(row::TRANSFER_REASON),
    }
}

/// The spans in which its agent had it selected.
fn focuses(own: &Own) -> Vec<Span> {
    let text = own.texts.get(row::FOCUSES).and_then(Option::as_deref);
    let spans: Vec<(Millis, Millis)> =
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    spans.into_iter().map(|(start, end)| Span { start, end }).collect()
}

/// The public messages of an interaction's main dialog, in order.
fn messages(tx: &Transaction<'_>, interaction_id: i64) -> rusqlite::Result<Vec<Message<i64>>> {
    let mut statement = tx.prepare_cached(
        "select at, sender, agent_id from message
         where interaction_id = ?1 and sender in (1, 2, 3) and public = 1 and main = 1
         order by at, seq, record_id",
    )?;
    let message = |row: &rusqlite::Row<'_>| {
        let agent = row.get(2)?;
        let by = match row.get(1)? {
            1 => Author::Agent(agent),
            2 => Author::Customer,
            _ => Author::Bot(agent),
        };
        Ok(Message { at: row.get(0)?, by })
    };
    statement.query_map([interaction_id], message)?.collect()
}
