//! Records that stand for themselves: accounts, agents' sessions and what happened in them, coverage.

use rusqlite::params;

use super::names::{SaidAgent, role};
use super::words::{OFFER_OUTCOMES, code_of};
use super::write::Chunk;
use crate::domain::record::{
    AccountRecord, AgentSessionRecord, AgentStateRecord, CoverageRecord, ManualDialRecord, Millis,
    OfferRecord,
};

impl Chunk<'_> {
    pub(super) fn account_record(&mut self, record: &AccountRecord) -> rusqlite::Result<()> {
        let account = self.account(record.source.as_deref(), Some(&record.id))?;
        self.tx.execute(
            "update account set name = coalesce(?2, name) where account_id = ?1",
            params![account, record.name],
        )?;
        self.tally.changed += 1;
        Ok(())
    }

    pub(super) fn agent_session(&mut self, record: &AgentSessionRecord) -> rusqlite::Result<()> {
        let account = self.account(record.source.as_deref(), record.account.as_deref())?;
        let version = record.updated_at.unwrap_or(self.arrived);
        let agent_id = self.names.agent(self.tx, account, &SaidAgent::by_id(&record.agent_id, version))?;
        let team = self.names.term(self.tx, record.team.as_deref(), role::TEAM)?;
        let written = self
            .tx
            .prepare_cached(
                "insert into agent_session
                     (account_id, record_id, version, agent_id, login_at, logout_at, dial_group, phone, team)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                 on conflict (record_id, account_id) do update
                 set version = excluded.version, agent_id = excluded.agent_id, login_at = excluded.login_at,
                     logout_at = excluded.logout_at, dial_group = excluded.dial_group, phone = excluded.phone,
                     team = excluded.team
                 where version <= excluded.version
                   and (agent_id, login_at, logout_at, dial_group, phone, team)
                       is not (excluded.agent_id, excluded.login_at, excluded.logout_at, excluded.dial_group,
                               excluded.phone, excluded.team)",
            )?
            .execute(params![
                account,
                record.id,
                version,
                agent_id,
                record.login,
                record.logout,
                record.dial_group,
                record.phone,
                team
            ])?;
        self.count(written);
        Ok(())
    }

    pub(super) fn agent_state(&mut self, record: &AgentStateRecord) -> rusqlite::Result<()> {
        let account = self.account(record.source.as_deref(), record.account.as_deref())?;
        let version = record.updated_at.unwrap_or(self.arrived);
        let state = self.names.term(self.tx, Some(&record.state), role::NONE)?.unwrap_or(0);
        let written = self
            .tx
            .prepare_cached(
                "insert into agent_state (account_id, record_id, version, agent_session_id, state, start_at, end_at)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 on conflict (record_id, account_id) do update
                 set version = excluded.version, agent_session_id = excluded.agent_session_id, state = excluded.state,
                     start_at = excluded.start_at, end_at = excluded.end_at
                 where version <= excluded.version
                   and (agent_session_id, state, start_at, end_at)
                       is not (excluded.agent_session_id, excluded.state, excluded.start_at, excluded.end_at)",
            )?
            .execute(params![account, record.id, version, record.agent_session_id, state, record.start, record.end])?;
        self.count(written);
        Ok(())
    }

    pub(super) fn offer(&mut self, record: &OfferRecord) -> rusqlite::Result<()> {
        let account = self.account(record.source.as_deref(), record.account.as_deref())?;
        let version = record.updated_at.unwrap_or(self.arrived);
        let agent_id = self.names.agent(self.tx, account, &SaidAgent::by_id(&record.agent_id, version))?;
        let outcome = code_of(&OFFER_OUTCOMES, Some(record.outcome));
        let session = &record.agent_session_id;
        let written = self
            .tx
            .prepare_cached(
                "insert into offer
                     (agent_session_key, record_id, account_id, version, agent_id, at, end_at, outcome)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                 on conflict (record_id, account_id) do update
                 set version = excluded.version, agent_session_key = excluded.agent_session_key,
                     agent_id = excluded.agent_id, at = excluded.at, end_at = excluded.end_at,
                     outcome = excluded.outcome
                 where version <= excluded.version
                   and (agent_session_key, agent_id, at, end_at, outcome)
                       is not (excluded.agent_session_key, excluded.agent_id, excluded.at, excluded.end_at,
                               excluded.outcome)",
            )?
            .execute(params![
                session, record.id, account, version, agent_id, record.at, record.end, outcome
            ])?;
        self.count(written);
        Ok(())
    }

    pub(super) fn manual_dial(&mut self, record: &ManualDialRecord) -> rusqlite::Result<()> {
        let account = self.account(record.source.as_deref(), record.account.as_deref())?;
        let version = record.updated_at.unwrap_or(self.arrived);
        let agent_id = self.names.agent(self.tx, account, &SaidAgent::by_id(&record.agent_id, version))?;
        let session = &record.agent_session_id;
        let written = self
            .tx
            .prepare_cached(
                "insert into manual_dial (agent_session_key, record_id, account_id, version, agent_id, at, connected)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 on conflict (record_id, account_id) do update
                 set version = excluded.version, agent_session_key = excluded.agent_session_key,
                     agent_id = excluded.agent_id, at = excluded.at, connected = excluded.connected
                 where version <= excluded.version
                   and (agent_session_key, agent_id, at, connected)
                       is not (excluded.agent_session_key, excluded.agent_id, excluded.at, excluded.connected)",
            )?
            .execute(params![session, record.id, account, version, agent_id, record.at, record.connected])?;
        self.count(written);
        Ok(())
    }

    fn count(&mut self, written: usize) {
        if written == 0 {
            self.tally.unchanged += 1;
        } else {
            self.tally.changed += 1;
        }
    }

    /// Adds a span; spans that touch become one.
    pub(super) fn coverage(&mut self, record: &CoverageRecord) -> rusqlite::Result<()> {
        let account = self.account(record.source.as_deref(), record.account.as_deref())?;
        let (from, to): (Millis, Millis) = self.tx.query_row(
            "select min(?2, coalesce(min(from_at), ?2)), max(?3, coalesce(max(to_at), ?3)) from coverage
             where account_id = ?1 and from_at <= ?3 and ?2 <= to_at",
            params![account, record.from, record.to],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        self.tx.execute(
            "delete from coverage where account_id = ?1 and ?2 <= from_at and to_at <= ?3",
            params![account, from, to],
        )?;
        self.tx.execute("insert into coverage values (?1, ?2, ?3)", params![account, from, to])?;
        self.tally.changed += 1;
        Ok(())
    }
}
