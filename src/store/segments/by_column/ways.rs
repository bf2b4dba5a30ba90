//! The way of each interaction of a chunk.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;
use rusqlite::params;

use super::super::sealed::block::key_hash;
use super::super::sealed::find::Finder;
use super::super::sealed::{HOUR_MS, hour_of};
use super::super::write::Chunk;
use super::facts::{CODES, TEXTS, ends};
use super::grouped::{ByHash, Grouped, Way};
use super::own::row_start;
use crate::domain::record::column::Column;
use crate::domain::record::gathered::{Field, Gathered, SegmentColumns};
use crate::domain::record::{Millis, Record};

/// Sealed rows of an hour that are packed again for each new one, at the most (for what stands as rows, `sealed/merge.rs`
/// has a bound of its own): more of them cost as much as the new one does as a record, and files that are not in the order
/// of time would have the whole store packed again for each chunk.
const AGAIN_MAX: i64 = 16;

// What blocks have of an interaction (codes, texts, its end), and what they have not: see `can_be_folded`.
const _: () = assert!(Field::FACTS == CODES + TEXTS + 1 + 9, "say here whether blocks have the new field");

/// Chooses the ways. Everything is a record until its way is known.
pub(super) fn choose(
    chunk: &mut Chunk<'_>,
    gathered: &Gathered,
    (accounts, grouped): (&[i64], &mut Grouped),
    until: Millis,
) -> rusqlite::Result<()> {
    chunk.finder.load_keys(chunk.tx)?;
    let segments = &gathered.segments;
    let each = accounts.iter().enumerate();
    let hashes: Vec<u32> = each.map(|(row, account)| key_hash(*account, segments.id.get(row))).collect();
    let ambiguous = ambiguous(&hashes, grouped);
    let sealed = MaybeSealed::of(chunk.finder, hashes, grouped);
    let spoken_of = SpokenOf::by(&gathered.others);
    for group in grouped.groups() {
        if !ambiguous.contains(&group) && !spoken_of.has(segments, grouped.rows(group)) {
            let way = way(chunk, segments, (accounts, &sealed), (grouped, group))?;
            grouped.send(group, way);
        }
    }
    let hours = closed_hours(chunk, segments, grouped, until)?;
    let open = |grouped: &Grouped, group| {
        grouped.rows(group).iter().any(|row| !hours.contains(&hour_of(row_start(segments, *row))))
    };
    let waiting: Vec<usize> = grouped.all(Way::Straight).filter(|group| open(grouped, *group)).collect();
    for group in waiting {
        grouped.send(group, Way::Records);
    }
    Ok(())
}

/// What blocks may have of a chunk's keys.
struct MaybeSealed {
    /// The hash of each row's key.
    hashes: Vec<u32>,
    /// Whether blocks may have each row's segment.
    segments: Vec<bool>,
    /// Whether they may have segments of each group's interaction.
    interactions: Vec<bool>,
}

impl MaybeSealed {
    fn of(finder: &Finder, hashes: Vec<u32>, grouped: &Grouped) -> Self {
        let first = |group| grouped.rows(group).first().copied().unwrap_or(0);
        let interactions: Vec<u32> = grouped.groups().map(|group| grouped.hash(first(group))).collect();
        let segments = finder.may_have_segments(&hashes);
        Self { hashes, segments, interactions: finder.may_have_interactions(&interactions) }
    }
}

/// Groups in which, or between which, a key comes twice: the order of their lines matters.
fn ambiguous(hashes: &[u32], grouped: &Grouped) -> HashSet<usize, RandomState> {
    let mut ambiguous = HashSet::default();
    for rows in ByHash::of(hashes).shared() {
        ambiguous.extend(rows.map(|row| grouped.group(row)));
    }
    ambiguous
}

/// Keys of which other records of the chunk speak, whatever their account.
struct SpokenOf<'r> {
    interactions: HashSet<&'r str, RandomState>,
    segments: HashSet<&'r str, RandomState>,
}

impl<'r> SpokenOf<'r> {
    fn by(others: &'r [(usize, Record)]) -> Self {
        let mut spoken_of = Self { interactions: HashSet::default(), segments: HashSet::default() };
        for (_, record) in others {
            match record {
                Record::Interaction(interaction) => drop(spoken_of.interactions.insert(&interaction.id)),
                Record::Message(message) => drop(spoken_of.interactions.insert(&message.interaction_id)),
                Record::Segment(segment) => {
                    spoken_of.interactions.insert(&segment.interaction_id);
                    spoken_of.segments.insert(&segment.id);
                }
                Record::Account(_)
                | Record::Agent(_)
                | Record::AgentSession(_)
                | Record::AgentState(_)
                | Record::Offer(_)
                | Record::ManualDial(_)
                | Record::Coverage(_)
                | Record::Format(_) => {}
            }
        }
        spoken_of
    }

    fn has(&self, segments: &SegmentColumns, rows: &[usize]) -> bool {
        let known = |keys: &HashSet<&str, RandomState>, key| !keys.is_empty() && keys.contains(key);
        rows.iter().any(|row| {
            known(&self.interactions, segments.interaction_id.get(*row))
                || known(&self.segments, segments.id.get(*row))
        })
    }
}

/// The way of an interaction, by what its lines and the keys of the store say.
fn way(
    chunk: &mut Chunk<'_>,
    segments: &SegmentColumns,
    (accounts, sealed): (&[i64], &MaybeSealed),
    (grouped, group): (&Grouped, usize),
) -> rusqlite::Result<Way> {
    let rows = grouped.rows(group);
    let Some(first) = rows.first() else { return Ok(Way::Records) };
    let account = accounts.get(*first).copied().unwrap_or(0);
    let (interaction, key) = (grouped.hash(*first), segments.interaction_id.get(*first));
    if !rows.iter().all(|row| can_be_folded(segments, *row))
        || chunk.statements.has_interaction(interaction, (account, key))?
    {
        return Ok(Way::Records);
    }
    let mut may_be_sealed = Vec::new();
    for row in rows {
        let (hash, id) = (sealed.hashes.get(*row).copied().unwrap_or(0), segments.id.get(*row));
        if chunk.statements.has_segment(hash, (account, id))? {
            return Ok(Way::Records);
        }
        if sealed.segments.get(*row) == Some(&true) {
            may_be_sealed.push(id);
        }
    }
    // Among millions of keys some thousand have the hash of another one: only where all are known, that is no chance.
    if sealed.interactions.get(group) == Some(&true) {
        if may_be_sealed.len() == rows.len() {
            return Ok(Way::Known);
        }
        if !chunk.finder.of_interaction(chunk.tx, account, key)?.is_empty() {
            return Ok(Way::Records);
        }
    }
    for id in may_be_sealed {
        if chunk.finder.by_key(chunk.tx, id, account)?.is_some() {
            return Ok(Way::Records);
        }
    }
    Ok(if is_said(segments, rows, chunk.arrived) { Way::Straight } else { Way::Records })
}

/// Whether blocks have room for all that a segment and its interaction say; see `fold::is_said`.
fn can_be_folded(segments: &SegmentColumns, row: usize) -> bool {
    let SegmentColumns {
        agent_session_id,
        customer_name,
        customer_email,
        customer_phone,
        support_number,
        support_email,
        bot_name,
        opened_by,
        session_tags,
        user_tags,
        ..
    } = segments;
    let own = [customer_name, customer_email, customer_phone];
    let shared = [agent_session_id, support_number, support_email, bot_name, &session_tags.0, &user_tags.0];
    !own.into_iter().any(|column| column.has(row))
        && !shared.into_iter().any(|column| column.has(row))
        && !opened_by.has(row)
}

/// Whether segments say everything of their interaction, its version included; see `fold::is_said`.
fn is_said(segments: &SegmentColumns, rows: &[usize], arrived: Millis) -> bool {
    let (said_end, end_of_segments) = ends(segments, rows);
    // An end that was said and is the one that follows would come back as not said.
    if said_end.is_some() && said_end == end_of_segments {
        return false;
    }
    let version = |row: &usize| segments.updated_at.get(*row).unwrap_or(arrived);
    let newest = rows.iter().map(version).max();
    rows.is_sorted_by_key(version)
        && rows.iter().rev().any(|row| Some(version(row)) == newest && segments.says_anything(*row))
}

/// The hours that end by `until` and are worth to be packed for what is new in them.
fn closed_hours(
    chunk: &Chunk<'_>,
    segments: &SegmentColumns,
    grouped: &Grouped,
    until: Millis,
) -> rusqlite::Result<HashSet<Millis>> {
    let mut counts: HashMap<Millis, i64, RandomState> = HashMap::default();
    for row in grouped.all(Way::Straight).flat_map(|group| grouped.rows(group)) {
        *counts.entry(hour_of(row_start(segments, *row))).or_default() += 1;
    }
    let mut sealed = chunk.tx.prepare_cached(
        "select coalesce(sum(rows), 0) from segment_block where first_start >= ?1 and first_start < ?2",
    )?;
    let mut hours = HashSet::new();
    for (hour, new) in counts.into_iter().filter(|(hour, _)| hour + HOUR_MS <= until) {
        let known: i64 = sealed.query_row(params![hour, hour + HOUR_MS], |row| row.get(0))?;
        if known <= new * AGAIN_MAX {
            hours.insert(hour);
        }
    }
    Ok(hours)
}
