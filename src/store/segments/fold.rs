//! Interactions of which their sealed segments say everything: they have no row, and are put together when they are
//! asked for.
//!
//! Each segment has what its interaction says ([`super::settle`]). What no segment has, such as a customer's mail
//! address, or the end as said, keeps an interaction's row in its place.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::interaction::{Interaction, load_by_id};
use super::names::Names;
use super::row::{Segment, segment};
use super::sealed::at;
use super::sealed::block::{head, key_hash};
use super::sealed::find::{Finder, Found};
use super::words::{CHANNEL_TYPES, DIRECTIONS, word_of};
use crate::domain::record::{InteractionFields, Millis, Text};

/// Interactions that are looked at in one step.
const STEP: usize = 500;

/// Whether an interaction's segments say everything of it, once all of them are sealed and if nobody wrote messages.
pub(super) fn is_said(interaction: &Interaction) -> bool {
    let Interaction { fields, segments, version, .. } = interaction;
    // Each of them stands with every segment as it is; the empty text would come back as none.
    let kept = [
        &fields.customer,
        &fields.support,
        &fields.channel,
        &fields.status,
        &fields.reason,
        &fields.disconnecting_event,
        &fields.integration_source,
    ];
    let rest = InteractionFields {
        direction: fields.direction,
        channel: fields.channel.clone(),
        channel_type: fields.channel_type,
        customer: fields.customer.clone(),
        support: fields.support.clone(),
        status: fields.status.clone(),
        reason: fields.reason.clone(),
        disconnecting_event: fields.disconnecting_event.clone(),
        integration_source: fields.integration_source.clone(),
        uii: fields.uii.clone(),
        ani: fields.ani.clone(),
        dnis: fields.dnis.clone(),
        email_subject: fields.email_subject.clone(),
        ..InteractionFields::default()
    };
    *fields == rest
        && kept.iter().all(|text| text.as_deref() != Some(""))
        && segments.iter().map(|segment| segment.version).max() == Some(*version)
}

/// A folded interaction; `None` when no block has segments of this key.
pub(super) fn unfold(
    tx: &Transaction<'_>,
    (finder, names): (&mut Finder, &mut Names),
    account_id: i64,
    key: &Text,
) -> rusqlite::Result<Option<Interaction>> {
    let mut found = finder.of_interaction(tx, account_id, key)?;
    // Of one that retention removed, blocks may have segments under an older number.
    let mut interaction_id = None;
    for one in &found {
        interaction_id = interaction_id.max(one.interaction_id()?);
    }
    let Some(interaction_id) = interaction_id else { return Ok(None) };
    found.retain(|one| one.interaction_id().is_ok_and(|id| id == Some(interaction_id)));
    let mut segments =
        found.iter().map(|one| segment(one, Some(one.at))).collect::<Result<Vec<Segment>, _>>()?;
    segments.sort_by(|a, b| (a.own.row_start, &a.key).cmp(&(b.own.row_start, &b.key)));
    let Some(first) = found.first() else { return Ok(None) };
    let fields = fields(tx, names, first)?;
    let version = segments.iter().map(|segment| segment.version).max().unwrap_or(Millis::MIN);
    let mut interaction = Interaction {
        interaction_id,
        account_id,
        key: key.clone(),
        version,
        fields,
        folded: true,
        stored: None,
        places: String::new(),
        held: segments.len(),
        segments,
    };
    interaction.stored = Some(Box::new((interaction.fields.clone(), interaction.ended_at(), version)));
    Ok(Some(interaction))
}

fn fields(tx: &Transaction<'_>, names: &mut Names, one: &Found) -> rusqlite::Result<InteractionFields> {
    let text = |column| Ok::<_, rusqlite::Error>(one.text(column)?.map(Text::from));
    let mut term = |column| match one.number(column)? {
        Some(code) => names.text(tx, code),
        None => Ok(None),
    };
    Ok(InteractionFields {
        direction: word_of(&DIRECTIONS, one.number(at::DIRECTION)?),
        channel: term(at::CHANNEL)?,
        channel_type: word_of(&CHANNEL_TYPES, one.number(at::CHANNEL_TYPE)?),
        customer: text(at::CUSTOMER)?,
        support: term(at::SUPPORT)?,
        status: term(at::STATUS)?,
        reason: term(at::REASON)?,
        disconnecting_event: term(at::DISCONNECTING_EVENT)?,
        integration_source: term(at::INTEGRATION_SOURCE)?,
        uii: text(at::UII)?,
        ani: text(at::ANI)?,
        dnis: text(at::DNIS)?,
        email_subject: text(at::EMAIL_SUBJECT)?,
        ..InteractionFields::default()
    })
}

/// Where a pass over the interactions is: end and number of the last one that was looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reached(Millis, i64);

impl Reached {
    /// Where the last pass ended.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let sql = "select folded_from from segment_changes";
        Ok(Self(connection.query_row(sql, [], |row| row.get(0))?, 0))
    }
}

/// The next interactions that ended before `until` and might be folded; those that never can be are not looked at.
pub(super) fn candidates(
    connection: &Connection,
    Reached(ended_at, id): Reached,
    until: Millis,
) -> rusqlite::Result<Vec<(Millis, i64)>> {
    let mut statement = connection.prepare_cached(
        "select ended_at, interaction_id from interaction
         where ended_at >= ?1 and ended_at < ?3 and (ended_at > ?1 or interaction_id > ?2)
           and said_end is null and customer_name is null and customer_email is null and customer_phone is null
           and support_number is null and support_email is null and bot_name is null and opened_by is null
           and session_tags is null and user_tags is null
           and not exists (select 1 from message where message.interaction_id = interaction.interaction_id)
         order by ended_at, interaction_id limit ?4",
    )?;
    let most = i64::try_from(STEP).unwrap_or(i64::MAX);
    let found =
        statement.query_map(params![ended_at, id, until, most], |row| Ok((row.get(0)?, row.get(1)?)))?;
    found.collect()
}

/// Takes away the rows of interactions whose segments say everything; returns how many, and what was reached.
pub(super) fn fold(
    tx: &Transaction<'_>,
    (finder, names): (&mut Finder, &mut Names),
    candidates: &[(Millis, i64)],
) -> rusqlite::Result<u64> {
    finder.begin(tx)?;
    let mut folded = 0;
    let mut remove = tx.prepare_cached("delete from interaction where interaction_id = ?1")?;
    let mut talks = tx.prepare_cached("select 1 from message where interaction_id = ?1")?;
    for (_, interaction_id) in candidates {
        let Some(mut row) = load_by_id(tx, finder, *interaction_id).optional()? else { continue };
        let sealed = row.segments.iter().all(|segment| segment.sealed.is_some());
        if !sealed || !is_said(&row) || talks.exists([interaction_id])? {
            continue;
        }
        row.segments.sort_by(|a, b| (a.own.row_start, &a.key).cmp(&(b.own.row_start, &b.key)));
        // What would be put together is what is there: looked at, and not reasoned.
        let place = |segment: &Segment| segment.sealed;
        let Some(again) = unfold(tx, (finder, names), row.account_id, &row.key)? else { continue };
        let same = again.interaction_id == row.interaction_id
            && again.segments.iter().map(place).eq(row.segments.iter().map(place))
            && again.stored == row.stored
            && again.version == row.version;
        if same {
            remove.execute([interaction_id])?;
            folded += 1;
        }
    }
    if let Some((ended_at, _)) = candidates.last() {
        tx.prepare_cached("update segment_changes set folded_from = max(folded_from, ?1)")?
            .execute([ended_at])?;
    }
    Ok(folded)
}

/// How far the candidates of a step reach.
pub(super) fn reached(candidates: &[(Millis, i64)]) -> Option<Reached> {
    candidates.last().map(|(ended_at, id)| Reached(*ended_at, *id))
}

/// The interactions of a block by account and key, once each.
pub(super) fn keys_of(connection: &Connection, block_id: i64) -> rusqlite::Result<BTreeSet<(i64, Text)>> {
    let Some(head) = head(connection, block_id)? else { return Ok(BTreeSet::new()) };
    let block = head.open(connection)?;
    let mut keys = BTreeSet::new();
    for row in 0..block.rows() {
        let (account, key) = (block.number(at::ACCOUNT, row)?, block.text(at::INTERACTION_KEY, row)?);
        keys.extend(account.zip(key.map(Text::from)));
    }
    Ok(keys)
}

/// The numbers that interactions of a key have in blocks, whatever their account.
pub(super) fn numbers_of(connection: &Connection, key: &str) -> rusqlite::Result<Vec<i64>> {
    let accounts: Vec<i64> = connection
        .prepare_cached("select account_id from account")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let hashes: Vec<(i64, u32)> =
        accounts.into_iter().map(|account_id| (account_id, key_hash(account_id, key))).collect();
    let mut statement =
        connection.prepare_cached("select block_id, hashes from segment_block_interactions")?;
    let mut blocks = statement.query([])?;
    let mut numbers = Vec::new();
    while let Some(row) = blocks.next()? {
        let known = row.get_ref(1)?.as_blob().unwrap_or_default().as_chunks::<4>().0;
        let has = |hash: u32| known.binary_search_by_key(&hash, |four| u32::from_le_bytes(*four)).is_ok();
        let there: Vec<i64> =
            hashes.iter().filter(|(_, hash)| has(*hash)).map(|(account_id, _)| *account_id).collect();
        let Some(head) = (if there.is_empty() { None } else { head(connection, row.get(0)?)? }) else {
            continue;
        };
        let block = head.open(connection)?;
        for account_id in there {
            for row in block.of_interaction(account_id, key)? {
                numbers
                    .extend(block.number(at::INTERACTION, row)?.filter(|number| !numbers.contains(number)));
            }
        }
    }
    Ok(numbers)
}
