//! Interactions of which their sealed segments say everything: they have no row, and are put together when they are
//! asked for.
//!
//! Each segment has what its interaction says ([`super::settle`]). What no segment has, such as a customer's mail
//! address, keeps an interaction's row in its place.

use std::collections::{BTreeSet, HashMap};

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::interaction::{Interaction, load_by_id};
use super::names::Names;
use super::row::{Segment, segment};
use super::sealed::block::{head, key_hash};
use super::sealed::find::{Finder, Found};
use super::sealed::{SealedError, at};
use super::words::{CHANNEL_TYPES, DIRECTIONS, word_of};
use crate::domain::record::{InteractionFields, Millis, Text};

/// Interactions that are looked at in one step.
const STEP: i64 = 500;

/// Whether an interaction's segments say everything of it, once all of them are sealed and if nobody wrote messages.
pub(super) fn is_said(interaction: &Interaction) -> bool {
    // In full: whoever adds a field says here whether segments have it, and in `by_column/ways.rs`.
    let InteractionFields {
        direction: _,
        channel,
        channel_type: _,
        customer,
        customer_name: None,
        customer_email: None,
        customer_phone: None,
        support,
        support_number: None,
        support_email: None,
        bot_name: None,
        status,
        reason,
        disconnecting_event,
        interaction_end,
        uii: _,
        integration_source,
        ani: _,
        dnis: _,
        opened_by: None,
        email_subject: _,
        session_tags,
        user_tags,
    } = &interaction.fields
    else {
        return false;
    };
    // The empty text would come back as none.
    let kept = [channel, customer, support, status, reason, disconnecting_event, integration_source];
    let versions = interaction.segments.iter().map(|segment| segment.version);
    session_tags.is_empty()
        && user_tags.is_empty()
        && kept.iter().all(|text| text.as_deref() != Some(""))
        // An end that was said and is the one that follows from the segments would come back as not said.
        && (interaction_end.is_none() || *interaction_end != interaction.end_of_segments())
        && versions.max() == Some(interaction.version)
}

/// The segments that blocks have of an interaction. Of one that retention removed, blocks may have more under an older
/// number.
fn sealed_segments(
    tx: &Transaction<'_>,
    finder: &mut Finder,
    account_id: i64,
    key: &str,
) -> Result<Vec<Found>, SealedError> {
    let mut found = finder.of_interaction(tx, account_id, key)?;
    let mut newest = None;
    for one in &found {
        newest = newest.max(one.interaction_id()?);
    }
    found.retain(|one| one.interaction_id().is_ok_and(|id| id == newest));
    Ok(found)
}

/// A folded interaction; `None` when no block has segments of this key.
pub(super) fn unfold(
    tx: &Transaction<'_>,
    (finder, names): (&mut Finder, &mut Names),
    account_id: i64,
    key: &Text,
) -> rusqlite::Result<Option<Interaction>> {
    let found = sealed_segments(tx, finder, account_id, key)?;
    let Some(first) = found.first() else { return Ok(None) };
    let Some(interaction_id) = first.interaction_id()? else { return Ok(None) };
    let mut segments =
        found.iter().map(|one| segment(one, Some(one.at))).collect::<Result<Vec<Segment>, _>>()?;
    sort(&mut segments);
    let fields = fields(tx, names, first)?;
    let ended_at = first.number(at::ENDED)?;
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
    // What does not follow from the segments was said.
    if ended_at != interaction.end_of_segments() {
        interaction.fields.interaction_end = ended_at;
    }
    interaction.stored = Some(Box::new((interaction.fields.clone(), ended_at, version)));
    Ok(Some(interaction))
}

fn sort(segments: &mut [Segment]) {
    segments.sort_by(|a, b| (a.own.row_start, &a.key).cmp(&(b.own.row_start, &b.key)));
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

/// An interaction that might be folded: its end and number, by which a pass goes over them.
pub(super) type Place = (Millis, i64);

/// The next interactions behind a place that ended before `until` and might be folded; those that never can be are not
/// looked at.
pub(super) fn candidates(
    connection: &Connection,
    (ended_at, id): Place,
    until: Millis,
) -> rusqlite::Result<Vec<Place>> {
    let mut statement = connection.prepare_cached(
        "select ended_at, interaction_id from interaction
         where ended_at >= ?1 and ended_at < ?3 and (ended_at > ?1 or interaction_id > ?2)
           and customer_name is null and customer_email is null and customer_phone is null
           and support_number is null and support_email is null and bot_name is null and opened_by is null
           and session_tags is null and user_tags is null
           and not exists (select 1 from message where message.interaction_id = interaction.interaction_id)
         order by ended_at, interaction_id limit ?4",
    )?;
    let found =
        statement.query_map(params![ended_at, id, until, STEP], |row| Ok((row.get(0)?, row.get(1)?)))?;
    found.collect()
}

/// The numbers of those of which the segments say everything. What stands in damaged blocks is passed by: sealing and
/// `legwork compact --check` tell of it.
pub(super) fn said(
    tx: &Transaction<'_>,
    (finder, names): (&mut Finder, &mut Names),
    candidates: &[Place],
) -> rusqlite::Result<Vec<i64>> {
    finder.begin(tx)?;
    let mut said = Vec::new();
    for (_, interaction_id) in candidates {
        match is_said_by_blocks(tx, (finder, names), *interaction_id) {
            Ok(true) => said.push(*interaction_id),
            Ok(false) | Err(rusqlite::Error::FromSqlConversionFailure(..)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(said)
}

fn is_said_by_blocks(
    tx: &Transaction<'_>,
    (finder, names): (&mut Finder, &mut Names),
    interaction_id: i64,
) -> rusqlite::Result<bool> {
    let Some(mut row) = load_by_id(tx, finder, interaction_id).optional()? else { return Ok(false) };
    if !row.segments.iter().all(|segment| segment.sealed.is_some()) || !is_said(&row) {
        return Ok(false);
    }
    sort(&mut row.segments);
    // What would be put together is what is there: looked at, and not reasoned.
    let Some(again) = unfold(tx, (finder, names), row.account_id, &row.key)? else { return Ok(false) };
    let place = |segment: &Segment| segment.sealed;
    Ok(again.interaction_id == row.interaction_id
        && again.segments.iter().map(place).eq(row.segments.iter().map(place))
        && again.stored == row.stored
        && again.version == row.version)
}

/// Takes the rows of interactions away.
pub(super) fn remove(tx: &Transaction<'_>, numbers: &[i64]) -> rusqlite::Result<()> {
    let mut remove = tx.prepare_cached("delete from interaction where interaction_id = ?1")?;
    numbers.iter().try_for_each(|number| remove.execute([number]).map(drop))
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

/// The numbers that interactions of some keys have in blocks, whatever their account.
pub(super) fn numbers_of(
    connection: &Connection,
    keys: &[String],
) -> rusqlite::Result<HashMap<String, BTreeSet<i64>>> {
    let accounts: Vec<i64> = connection
        .prepare_cached("select account_id from account")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let each = accounts.iter().flat_map(|account_id| keys.iter().map(|key| (*account_id, key)));
    let wanted: Vec<(i64, &String, u32)> =
        each.map(|(account_id, key)| (account_id, key, key_hash(account_id, key))).collect();
    let mut statement =
        connection.prepare_cached("select block_id, hashes from segment_block_interactions")?;
    let mut blocks = statement.query([])?;
    let mut numbers: HashMap<String, BTreeSet<i64>> = HashMap::new();
    while let Some(row) = blocks.next()? {
        let known = row.get_ref(1)?.as_blob().unwrap_or_default().as_chunks::<4>().0;
        let has = |hash: u32| known.binary_search_by_key(&hash, |four| u32::from_le_bytes(*four)).is_ok();
        let there: Vec<_> = wanted.iter().filter(|(.., hash)| has(*hash)).collect();
        let head = if there.is_empty() { None } else { head(connection, row.get(0)?)? };
        let Some(head) = head else { continue };
        let block = head.open(connection)?;
        for (account_id, key, _) in there {
            for row in block.of_interaction(*account_id, key)? {
                numbers.entry((*key).clone()).or_default().extend(block.number(at::INTERACTION, row)?);
            }
        }
    }
    Ok(numbers)
}
