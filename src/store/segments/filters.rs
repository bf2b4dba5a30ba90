//! Filters → conditions over codes. A value that the store has never seen in its role is an error: an empty report would
//! read as a quiet day.

use std::fmt::Write;

use rusqlite::Connection;

use super::codes::agent_name;
use super::conditions::{Condition, Test};
use std::collections::HashMap;

use super::fold;
use super::names::role;
use super::sealed::SealedError;
use crate::domain::nearest::nearest;
use crate::domain::report::{Direction, FilterKey, Filters, Unseen, UserTypeFilter};

/// Why segments or sessions could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A statement failed.
    #[error("read the segment store")]
    Sql(#[from] rusqlite::Error),
    /// Sealed segments are damaged.
    #[error(transparent)]
    Sealed(#[from] SealedError),
    /// A filter names what the store does not know.
    #[error("the filter `{key}` names `{value}`, which the store has never seen; {help}")]
    UnknownFilter {
        /// The filter.
        key: FilterKey,
        /// Its value.
        value: String,
        /// What it could have meant.
        help: String,
    },
}

/// Values offered when none is near.
const OFFERED: usize = 5;

/// How a value of a list is looked up: a query for codes with the value as ?1, and one for all values.
struct Lookup {
    codes: String,
    all: String,
}

fn term(role: u32) -> Lookup {
    Lookup {
        codes: format!("select term_id from term where text = ?1 and roles & {role} <> 0"),
        all: format!("select text from term where roles & {role} <> 0 order by text"),
    }
}

fn lookup(key: FilterKey) -> Lookup {
    let plain = |codes: &str, all: &str| Lookup { codes: codes.to_owned(), all: all.to_owned() };
    match key {
        FilterKey::Queues => term(role::QUEUE),
        FilterKey::QueueGroups => term(role::QUEUE_GROUP),
        FilterKey::Campaigns => term(role::CAMPAIGN),
        FilterKey::DialGroups => term(role::DIAL_GROUP),
        FilterKey::Groups => term(role::AGENT_GROUP),
        FilterKey::Teams => term(role::TEAM),
        FilterKey::Channels => term(role::CHANNEL),
        FilterKey::SkillIds => term(role::SKILL_ID),
        FilterKey::Statuses => term(role::STATUS),
        FilterKey::Dispositions => term(role::DISPOSITION),
        FilterKey::Skills => Lookup {
            codes: format!(
                "select term_id from term
                 where roles & {} <> 0 and instr('|' || text || '|', '|' || ?1 || '|') > 0",
                role::SKILLS
            ),
            ..term(role::SKILLS)
        },
        FilterKey::IntegrationSources => Lookup {
            codes: format!(
                "select term_id from term where roles & {} <> 0 and lower(text) = lower(?1)",
                role::INTEGRATION_SOURCE
            ),
            ..term(role::INTEGRATION_SOURCE)
        },
        FilterKey::Agents => plain(
            concat!(
                "select agent_id from agent where lower(email) = lower(?1) or record_id = ?1 or ?1 = ",
                agent_name!()
            ),
            concat!("select coalesce(email, ", agent_name!(), ", record_id) from agent order by 1"),
        ),
        FilterKey::Employees => plain(
            "select agent_id from agent where employee_id = ?1",
            "select distinct employee_id from agent where employee_id is not null order by 1",
        ),
        FilterKey::Accounts => plain(
            "select account_id from account where account = ?1",
            "select distinct account from account order by 1",
        ),
        FilterKey::Conversations => plain(
            "select interaction_id from interaction where record_id = ?1",
            "select record_id from interaction order by interaction_id desc limit 1000",
        ),
    }
}

/// The codes of a list's values.
fn codes(
    connection: &Connection,
    key: FilterKey,
    values: &[String],
    unseen: Unseen,
) -> Result<Vec<i64>, ReadError> {
    let Lookup { codes, all } = lookup(key);
    let mut statement = connection.prepare_cached(&codes)?;
    let mut found: Vec<i64> = Vec::new();
    let mut folded =
        if key == FilterKey::Conversations { fold::numbers_of(connection, values)? } else { HashMap::new() };
    for value in values {
        let before = found.len();
        for code in statement.query_map([value], |row| row.get::<_, i64>(0))? {
            found.push(code?);
        }
        found.extend(folded.remove(value).unwrap_or_default());
        if found.len() == before && unseen == Unseen::Wrong {
            let known: Vec<String> =
                connection.prepare(&all)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            let help = match nearest(value, known.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None if key == FilterKey::Conversations => {
                    "look its id up in a report without filter".to_owned()
                }
                None if known.is_empty() => "it knows none at all yet".to_owned(),
                None => {
                    let some: Vec<&str> = known.iter().take(OFFERED).map(String::as_str).collect();
                    let more = if OFFERED < known.len() { ", …" } else { "" };
                    format!("it knows {}{more}", some.join(", "))
                }
            };
            return Err(ReadError::UnknownFilter { key, value: value.clone(), help });
        }
    }
    Ok(found)
}

/// Codes as SQL text: they are our own integers, no user's text is in it.
fn joined(codes: &[i64]) -> String {
    codes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// The condition that a segment is of a source.
pub(super) fn of_source(connection: &Connection, source: &str) -> rusqlite::Result<Condition> {
    let mut statement = connection.prepare_cached("select account_id from account where source = ?1")?;
    let accounts: Vec<i64> = statement.query_map([source], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(Condition::any_of(&["account_id"], &accounts))
}

/// The agents of whom a column has one of these codes.
fn agents_of(connection: &Connection, column: &str, codes: &[i64]) -> rusqlite::Result<Vec<i64>> {
    let sql = format!("select agent_id from agent where {column} in ({})", joined(codes));
    connection.prepare(&sql)?.query_map([], |row| row.get(0))?.collect()
}

/// Conditions on `segment s`.
pub(super) fn of_segments(connection: &Connection, filters: &Filters) -> Result<Vec<Condition>, ReadError> {
    let mut conditions = Vec::new();
    for (key, values) in &filters.lists {
        let codes = codes(connection, *key, values, filters.unseen)?;
        conditions.push(match key {
            FilterKey::Queues => Condition::any_of(&["queue", "queue_id"], &codes),
            FilterKey::QueueGroups => Condition::any_of(&["queue_group"], &codes),
            FilterKey::Campaigns => Condition::any_of(&["campaign", "campaign_id"], &codes),
            FilterKey::DialGroups => Condition::any_of(&["dial_group"], &codes),
            FilterKey::Agents | FilterKey::Employees => Condition::any_of(&["agent_id"], &codes),
            // A group that the segment does not say is its agent's.
            FilterKey::Groups => {
                let mut said = Condition::any_of(&["agent_group", "agent_group_id"], &codes);
                for column in ["agent_group", "agent_group_id"] {
                    let agents = agents_of(connection, column, &codes)?;
                    said.0.push(vec![Test::null(column), Test::one_of("agent_id", agents)]);
                }
                said
            }
            FilterKey::Teams => Condition::any_of(&["agent_id"], &agents_of(connection, "team", &codes)?),
            FilterKey::Channels => Condition::any_of(&["channel"], &codes),
            FilterKey::Skills => Condition::any_of(&["skills"], &codes),
            FilterKey::SkillIds => Condition::any_of(&["skill_id"], &codes),
            FilterKey::Statuses => Condition::any_of(&["status"], &codes),
            FilterKey::Dispositions => Condition::any_of(&["disposition"], &codes),
            FilterKey::Accounts => Condition::any_of(&["account_id"], &codes),
            FilterKey::Conversations => Condition::any_of(&["interaction_id"], &codes),
            FilterKey::IntegrationSources => Condition::any_of(&["integration_source"], &codes),
        });
    }
    if let Some(direction) = filters.direction {
        conditions.push(Condition::any_of(&["direction"], &[direction_code(direction)]));
    }
    if let Some(user_type) = filters.user_type {
        conditions.push(of_user_types(&[match user_type {
            UserTypeFilter::Human => 1,
            UserTypeFilter::Bot => 2,
        }]));
    }
    Ok(conditions)
}

/// That a segment is of one of these user types: 1 human, 2 bot. As said, else by who had it; nobody's where a queue had
/// it.
pub(super) fn of_user_types(types: &[i64]) -> Condition {
    // Participant 1 is an agent, 3 a bot.
    let participants = types.iter().filter_map(|kind| [1, 3].get(usize::try_from(kind - 1).ok()?).copied());
    Condition(vec![
        vec![Test::one_of("user_type", types.to_vec())],
        vec![Test::null("user_type"), Test::one_of("participant", participants.collect())],
    ])
}

/// Conditions on `agent_session s` beside `agent a`.
pub(super) fn of_sessions(connection: &Connection, filters: &Filters) -> Result<String, ReadError> {
    let mut sql = String::new();
    for (key, values) in &filters.lists {
        let codes = joined(&codes(connection, *key, values, filters.unseen)?);
        // A job with another filter for this report was refused.
        let condition = if *key == FilterKey::Groups {
            format!("(a.agent_group in ({codes}) or a.agent_group_id in ({codes}))")
        } else if *key == FilterKey::Teams {
            format!("coalesce(s.team, a.team) in ({codes})")
        } else if *key == FilterKey::Accounts {
            format!("s.account_id in ({codes})")
        } else {
            format!("s.agent_id in ({codes})")
        };
        write!(sql, " and {condition}").unwrap_or_default();
    }
    Ok(sql)
}

pub(super) fn direction_code(direction: Direction) -> i64 {
    match direction {
        Direction::Inbound => 1,
        Direction::Outbound => 2,
    }
}
