//! Login sessions out: one row a session, or one an agent, with what happened in it summed up.

use std::collections::HashMap;

use rusqlite::{Connection, Row, params};

use super::codes::Codes;
use super::filters::{self, ReadError};
use super::read::ReadCounts;
use crate::domain::batch::{BATCH_ROWS, BLANK, Batch, Code, Data, Field, NONE};
use crate::domain::record::{Millis, Span};
use crate::domain::report::Filters;
use crate::domain::resolve::union_ms;

/// Which sessions a report wants.
#[derive(Debug, Clone, Copy)]
pub struct SessionQuery<'a> {
    /// First instant inside, UTC milliseconds; a session belongs to the period of its login.
    pub start_ms: Millis,
    /// First instant outside.
    pub end_ms: Millis,
    /// Up to where a session that goes on is counted; `None` leaves those out.
    pub in_progress_until: Option<Millis>,
    /// One row an agent instead of one a session.
    pub rollup: bool,
    /// Which rows are there.
    pub filters: &'a Filters,
    /// What the batches hold.
    pub fields: &'a [Field],
}

/// What the vendor prints for an agent without a team.
const NO_TEAM: &str = "[No Team Name]";

/// The figures of a session, in this order; what a rollup adds up.
const FIGURES: [Field; 21] = [
    Field::LoginMs,
    Field::Presented,
    Field::Accepted,
    Field::RingNoAnswer,
    Field::ManualNoConnect,
    Field::DispositionTransfers,
    Field::SessionTalkMs,
    Field::CallsOnHold,
    Field::SessionHoldMs,
    Field::SessionRingMs,
    Field::OffHookMs,
    Field::BreakMs,
    Field::AwayMs,
    Field::LunchMs,
    Field::TrainingMs,
    Field::PendingDispositionMs,
    Field::EngagedMs,
    Field::RingNoAnswerMs,
    Field::AvailableMs,
    Field::Monitorings,
    Field::WorkMs,
];

/// States whose time is a figure: their names, and where they stand among the figures.
const STATES: [(&str, usize); 9] = [
    ("off-hook", 10),
    ("break", 11),
    ("away", 12),
    ("lunch", 13),
    ("training", 14),
    ("pending-disposition", 15),
    ("engaged", 16),
    ("ring-no-answer", 17),
    ("available", 18),
];
/// The figures of states in which nobody works: break, away, lunch and training.
const NOT_AT_WORK: [usize; 4] = [11, 12, 13, 14];
/// The state that is counted and not timed.
const MONITORING: &str = "monitoring";

/// A row of the report.
#[derive(Debug, Clone)]
struct Session {
    agent_id: i64,
    account_id: i64,
    key: String,
    login: Millis,
    logout: Option<Millis>,
    dial_group: Option<String>,
    phone: Option<String>,
    team: Option<i64>,
    figures: [i64; FIGURES.len()],
}

/// Reads the wanted sessions by login and hands them out in batches until `sink` says no.
pub fn read(
    connection: &Connection,
    query: &SessionQuery<'_>,
    sink: &mut dyn FnMut(Batch) -> bool,
) -> Result<ReadCounts, ReadError> {
    let snapshot = connection.unchecked_transaction()?;
    let conditions = filters::of_sessions(&snapshot, query.filters)?;
    let sql = format!(
        "select s.agent_id, s.account_id, s.record_id, s.login_at, s.logout_at, s.dial_group,
                coalesce(s.phone, a.phone), coalesce(s.team, a.team)
         from agent_session s indexed by agent_session_login join agent a on a.agent_id = s.agent_id
         where s.login_at >= ?1 and s.login_at < ?2{conditions}
         order by s.login_at, s.record_id, s.account_id"
    );
    let mut statement = snapshot.prepare(&sql)?;
    let mut rows = statement.query(params![query.start_ms, query.end_ms])?;
    let mut writing =
        Writing { codes: Codes::new(&snapshot), fields: query.fields, batch: Batch::of(query.fields) };
    let mut counts = ReadCounts::default();
    // Few and small: one an agent, and only for a rollup.
    let mut agents: Vec<Session> = Vec::new();
    let mut places: HashMap<i64, usize> = HashMap::new();
    while let Some(row) = rows.next()? {
        let mut session = session(row)?;
        let Some(end) = session.logout.or(query.in_progress_until) else {
            counts.left_out += 1;
            continue;
        };
        session.figures = figures(&snapshot, &session, end)?;
        if !query.rollup {
            writing.push(&session, false)?;
            if BATCH_ROWS <= writing.batch.rows && !sink(writing.take()) {
                return Ok(counts);
            }
            continue;
        }
        if let Some(known) = places.get(&session.agent_id).and_then(|place| agents.get_mut(*place)) {
            known.add(session);
        } else {
            places.insert(session.agent_id, agents.len());
            agents.push(session);
        }
    }
    for agent in &agents {
        writing.push(agent, true)?;
        if BATCH_ROWS <= writing.batch.rows && !sink(writing.take()) {
            return Ok(counts);
        }
    }
    if 0 < writing.batch.rows {
        sink(writing.take());
    }
    Ok(counts)
}

fn session(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        agent_id: row.get(0)?,
        account_id: row.get(1)?,
        key: row.get(2)?,
        login: row.get(3)?,
        logout: row.get(4)?,
        dial_group: row.get(5)?,
        phone: row.get(6)?,
        team: row.get(7)?,
        figures: [0; FIGURES.len()],
    })
}

impl Session {
    /// Adds a later session of the same agent: what is there once is the last one's.
    fn add(&mut self, later: Self) {
        for (mine, theirs) in self.figures.iter_mut().zip(later.figures) {
            *mine += theirs;
        }
        self.logout = match (self.logout, later.logout) {
            (Some(a), Some(b)) => Some(a.max(b)),
            _ => None,
        };
        self.dial_group = later.dial_group;
        self.phone = later.phone;
        self.team = later.team;
    }
}

/// What happened in a session up to `end`.
fn figures(
    connection: &Connection,
    session: &Session,
    end: Millis,
) -> rusqlite::Result<[i64; FIGURES.len()]> {
    let whose = params![session.key, session.account_id];
    let [presented, accepted, unanswered, ring] = connection
        .prepare_cached(
            "select count(*), count(*) filter (where outcome = 1), count(*) filter (where outcome = 2),
                    coalesce(sum(max(end_at - at, 0)), 0)
             from offer where agent_session_key = ?1 and account_id = ?2",
        )?
        .query_row(whose, |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]))?;
    let no_connect: i64 = connection
        .prepare_cached(
            "select count(*) from manual_dial where agent_session_key = ?1 and account_id = ?2 and connected = 0",
        )?
        .query_row(whose, |row| row.get(0))?;
    let [transfers, talk, on_hold, hold] = connection
        .prepare_cached(
            "select coalesce(sum(transferred_by_disposition), 0),
                    coalesce(sum(max(coalesce(talk_ms, end_at - start_at, 0), 0)), 0),
                    count(*) filter (where hold_ms > 0), coalesce(sum(hold_ms), 0)
             from segment where agent_session_key = ?1 and account_id = ?2 and participant = 1",
        )?
        .query_row(whose, |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]))?;
    let mut spans: [Vec<Span>; STATES.len()] = Default::default();
    let mut monitorings = 0;
    let mut statement = connection.prepare_cached(
        "select t.text, s.start_at, s.end_at from agent_state s join term t on t.term_id = s.state
         where s.agent_session_id = ?1 and s.account_id = ?2",
    )?;
    let mut rows = statement.query(whose)?;
    while let Some(row) = rows.next()? {
        let state: String = row.get(0)?;
        let state = state.to_ascii_lowercase().replace(['_', ' '], "-");
        if state == MONITORING {
            monitorings += 1;
        }
        let known = STATES.iter().zip(&mut spans).find(|((name, _), _)| *name == state);
        if let Some((_, spans)) = known {
            spans.push(Span { start: row.get(1)?, end: row.get::<_, Option<Millis>>(2)?.unwrap_or(end) });
        }
    }
    let mut figures = [0; FIGURES.len()];
    let length = (end - session.login).max(0);
    let counted = [length, presented, accepted, unanswered, no_connect, transfers, talk, on_hold, hold, ring];
    for (slot, value) in figures.iter_mut().zip(counted) {
        *slot = value;
    }
    for ((_, place), spans) in STATES.iter().zip(&spans) {
        if let Some(slot) = figures.get_mut(*place) {
            *slot = union_ms(spans, session.login, Some(end));
        }
    }
    let idle: Millis = NOT_AT_WORK.iter().filter_map(|place| figures.get(*place)).sum();
    let [.., counted, work] = &mut figures;
    (*counted, *work) = (monitorings, (length - idle).max(0));
    Ok(figures)
}

/// A batch while it fills.
struct Writing<'c> {
    codes: Codes<'c>,
    fields: &'c [Field],
    batch: Batch,
}

impl Writing<'_> {
    fn take(&mut self) -> Batch {
        std::mem::replace(&mut self.batch, Batch::of(self.fields))
    }

    fn push(&mut self, session: &Session, rollup: bool) -> rusqlite::Result<()> {
        for (place, field) in self.fields.iter().enumerate() {
            let code = self.code(session, *field)?;
            match self.batch.column_mut(place) {
                Some(Data::Code(column)) => column.push(code),
                Some(Data::Text(column)) => column.push(text(session, *field, rollup)),
                Some(Data::Number(column)) => column.push(number(session, *field)),
                None => {}
            }
        }
        self.batch.rows += 1;
        Ok(())
    }

    fn code(&mut self, session: &Session, field: Field) -> rusqlite::Result<Code> {
        let (batch, codes) = (&mut self.batch, &mut self.codes);
        if field == Field::Agent {
            return Ok(codes.agent(batch, Some(session.agent_id), false)?.code);
        }
        if field != Field::Team {
            return Ok(BLANK);
        }
        match session.team {
            Some(team) => codes.term(batch, Some(team)),
            None => Ok(codes.no_team(batch, NO_TEAM)),
        }
    }
}

fn text(session: &Session, field: Field, rollup: bool) -> &str {
    if field == Field::SessionId {
        if rollup { "" } else { &session.key }
    } else if field == Field::Phone {
        session.phone.as_deref().unwrap_or("")
    } else {
        session.dial_group.as_deref().unwrap_or("")
    }
}

fn number(session: &Session, field: Field) -> i64 {
    if field == Field::Login {
        return session.login;
    }
    if field == Field::Logout {
        return session.logout.unwrap_or(NONE);
    }
    let figure = FIGURES.iter().zip(session.figures).find(|(known, _)| **known == field);
    figure.map_or(NONE, |(_, figure)| figure)
}
