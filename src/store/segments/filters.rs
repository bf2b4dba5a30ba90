//! Filters → conditions over codes. A value that the store has never seen in its role is an error: an empty report would
//! read as a quiet day.

use std::fmt::Write;

use rusqlite::Connection;

use super::codes::agent_name;
use super::names::role;
use crate::domain::nearest::nearest;
use crate::domain::report::{Direction, FilterKey, Filters, Unseen, UserTypeFilter};

/// Why segments or sessions could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A statement failed.
    #[error("read the segment store")]
    Sql(#[from] rusqlite::Error),
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

/// The codes of a list's values, as SQL text: they are our own integers, no user's text is in it.
fn codes(
    connection: &Connection,
    key: FilterKey,
    values: &[String],
    unseen: Unseen,
) -> Result<String, ReadError> {
    let Lookup { codes, all } = lookup(key);
    let mut statement = connection.prepare_cached(&codes)?;
    let mut found: Vec<String> = Vec::new();
    for value in values {
        let before = found.len();
        for code in statement.query_map([value], |row| row.get::<_, i64>(0))? {
            found.push(code?.to_string());
        }
        if found.len() == before && unseen == Unseen::Wrong {
            let known: Vec<String> =
                connection.prepare(&all)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            let help = match nearest(value, known.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
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
    Ok(found.join(","))
}

/// The condition that a segment is of a source: its accounts' numbers, no user's text.
pub(super) fn of_source(connection: &Connection, source: &str) -> rusqlite::Result<String> {
    let mut statement = connection.prepare_cached("select account_id from account where source = ?1")?;
    let accounts: Vec<String> = statement
        .query_map([source], |row| row.get::<_, i64>(0).map(|id| id.to_string()))?
        .collect::<Result<_, _>>()?;
    Ok(format!(" and s.account_id in ({})", accounts.join(",")))
}

/// Conditions on `segment s`.
pub(super) fn of_segments(connection: &Connection, filters: &Filters) -> Result<String, ReadError> {
    let mut sql = String::new();
    for (key, values) in &filters.lists {
        let codes = codes(connection, *key, values, filters.unseen)?;
        let condition = match key {
            FilterKey::Queues => format!("(s.queue in ({codes}) or s.queue_id in ({codes}))"),
            FilterKey::QueueGroups => format!("s.queue_group in ({codes})"),
            FilterKey::Campaigns => format!("(s.campaign in ({codes}) or s.campaign_id in ({codes}))"),
            FilterKey::DialGroups => format!("s.dial_group in ({codes})"),
            FilterKey::Agents | FilterKey::Employees => format!("s.agent_id in ({codes})"),
            // A group that the segment does not say is its agent's.
            FilterKey::Groups => format!(
                "(s.agent_group in ({codes}) or s.agent_group_id in ({codes})
                  or (s.agent_group is null
                      and s.agent_id in (select agent_id from agent where agent_group in ({codes})))
                  or (s.agent_group_id is null
                      and s.agent_id in (select agent_id from agent where agent_group_id in ({codes}))))"
            ),
            FilterKey::Teams => format!("s.agent_id in (select agent_id from agent where team in ({codes}))"),
            FilterKey::Channels => format!("s.channel in ({codes})"),
            FilterKey::Skills => format!("s.skills in ({codes})"),
            FilterKey::SkillIds => format!("s.skill_id in ({codes})"),
            FilterKey::Statuses => format!("s.status in ({codes})"),
            FilterKey::Dispositions => format!("s.disposition in ({codes})"),
            FilterKey::Accounts => format!("s.account_id in ({codes})"),
            FilterKey::Conversations => format!("s.interaction_id in ({codes})"),
            FilterKey::IntegrationSources => format!("s.integration_source in ({codes})"),
        };
        write!(sql, " and {condition}").unwrap_or_default();
    }
    if let Some(direction) = filters.direction {
        write!(sql, " and s.direction = {}", direction_code(direction)).unwrap_or_default();
    }
    if let Some(user_type) = filters.user_type {
        let code = match user_type {
            UserTypeFilter::Human => 1,
            UserTypeFilter::Bot => 2,
        };
        write!(sql, " and {USER_TYPE} = {code}").unwrap_or_default();
    }
    Ok(sql)
}

/// Conditions on `agent_session s` beside `agent a`.
pub(super) fn of_sessions(connection: &Connection, filters: &Filters) -> Result<String, ReadError> {
    let mut sql = String::new();
    for (key, values) in &filters.lists {
        let codes = codes(connection, *key, values, filters.unseen)?;
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

/// Whose a segment is: as said, else by who had it; nobody's where a queue had it.
pub(super) const USER_TYPE: &str =
    "coalesce(s.user_type, case s.participant when 1 then 1 when 3 then 2 end)";

pub(super) fn direction_code(direction: Direction) -> i64 {
    match direction {
        Direction::Inbound => 1,
        Direction::Outbound => 2,
    }
}
