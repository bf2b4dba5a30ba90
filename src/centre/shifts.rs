//! Login sessions of the agents, and the states in them.

use super::people::{TEAMS, agent_phone};
use super::{BEGIN_MS, DAY_MS, SOURCE};
use crate::domain::record::{AgentSessionRecord, AgentStateRecord, Millis, Record};

/// The hours of a day at which a shift begins; each ends where the next begins.
const SHIFTS: [i64; 4] = [0, 7, 13, 19];
const HOUR_MS: Millis = 3_600_000;
const MINUTE_MS: Millis = 60_000;

/// What an hour of a shift is made of: state, first and last minute.
const HOUR: [(&str, Millis, Millis); 4] =
    [("available", 0, 30), ("engaged", 30, 52), ("pending-disposition", 52, 56), ("ring-no-answer", 56, 57)];

/// The session of an agent at an instant.
pub(super) fn session_at(agent: usize, at: Millis) -> String {
    let since = at - BEGIN_MS;
    let (day, hour) = (since.div_euclid(DAY_MS), since.rem_euclid(DAY_MS) / HOUR_MS);
    let shift = SHIFTS.iter().filter(|begin| **begin <= hour).count();
    format!("9{agent:02}{day:03}{shift}")
}

/// The sessions of an agent over some days, with their states.
pub(super) fn sessions(agent: usize, days: i64) -> Vec<Record> {
    let mut records = Vec::new();
    for day in 0..days {
        for (at, begin) in SHIFTS.iter().enumerate() {
            let end = SHIFTS.get(at + 1).copied().unwrap_or(24);
            let start_of_day = BEGIN_MS + day * DAY_MS;
            let login = start_of_day + begin * HOUR_MS;
            let logout = start_of_day + end * HOUR_MS - MINUTE_MS;
            let id = session_at(agent, login);
            records.push(Record::AgentSession(AgentSessionRecord {
                source: Some(SOURCE.into()),
                id: id.as_str().into(),
                agent_id: format!("a{agent:02}").into(),
                login,
                logout: Some(logout),
                dial_group: agent.is_multiple_of(4).then(|| "Renewals".into()),
                phone: Some(agent_phone(agent).into()),
                team: TEAMS.get(agent % 4).map(|team| (*team).into()),
                updated_at: Some(logout),
                ..AgentSessionRecord::default()
            }));
            let mut state = |name: &str, number: i64, start: Millis, end: Millis| {
                records.push(Record::AgentState(AgentStateRecord {
                    source: Some(SOURCE.into()),
                    id: format!("{id}-{name}-{number}").into(),
                    agent_session_id: id.as_str().into(),
                    state: name.into(),
                    start,
                    end: Some(end.min(logout)),
                    updated_at: Some(logout),
                    ..AgentStateRecord::default()
                }));
            };
            for hour in (*begin..end).step_by(2) {
                for (name, from, to) in HOUR {
                    let from_ms = start_of_day + hour * HOUR_MS + from * MINUTE_MS;
                    state(name, hour, from_ms, from_ms + (to - from) * MINUTE_MS);
                }
            }
            state("off-hook", 0, login + 20_000, logout - 5_000);
            state("break", 0, login + 90 * MINUTE_MS, login + 105 * MINUTE_MS);
            state("lunch", 0, login + 180 * MINUTE_MS, login + 210 * MINUTE_MS);
            if agent == 0 {
                state("monitoring", 0, login + 40 * MINUTE_MS, login + 44 * MINUTE_MS);
            }
        }
    }
    records
}
