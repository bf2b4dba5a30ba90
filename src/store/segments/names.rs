//! Codes for names: accounts, terms, agents. Looked up once each while an import runs.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use rusqlite::types::ToSql;
use rusqlite::{OptionalExtension, Transaction, params, params_from_iter};

use crate::domain::record::{AgentRecord, DEFAULT_SCOPE, Millis, SegmentRecord, Text};

/// Terms kept in memory; a vocabulary beyond it is looked up in the database again.
const TERMS_KEPT: usize = 200_000;

/// The version of an agent of whom only the id is known: whatever is said next is newer.
const NOTHING_SAID: Millis = Millis::MIN;

/// Where a term was seen: bits of `term.roles`. Filters look a value up in its role only, so that a queue's name that
/// was only ever a status is found out as unknown.
pub(super) mod role {
    pub(in super::super) const NONE: u32 = 0;
    pub(in super::super) const QUEUE: u32 = 1;
    pub(in super::super) const CHANNEL: u32 = 2;
    pub(in super::super) const SKILLS: u32 = 4;
    pub(in super::super) const STATUS: u32 = 8;
    pub(in super::super) const DISPOSITION: u32 = 16;
    pub(in super::super) const QUEUE_GROUP: u32 = 32;
    pub(in super::super) const CAMPAIGN: u32 = 64;
    pub(in super::super) const DIAL_GROUP: u32 = 128;
    pub(in super::super) const AGENT_GROUP: u32 = 256;
    pub(in super::super) const SKILL_ID: u32 = 512;
    pub(in super::super) const INTEGRATION_SOURCE: u32 = 1_024;
    pub(in super::super) const TEAM: u32 = 2_048;
}

/// Places for texts that are known by where they lie in memory: more of them than a few thousand records share.
const SHARED: usize = 4_096;

/// Codes that were looked up.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// The state of the database that agents were read in, which changes when somebody else writes.
    version: Option<i64>,
    /// Texts that records share, each in the place that its address gives it: the same text lies at the same address in
    /// hundreds of records, and need not be looked at again. As it is kept here, nothing else comes to lie there.
    shared: Vec<Option<(Text, Term)>>,
    accounts: HashMap<String, HashMap<String, i64, RandomState>, RandomState>,
    terms: HashMap<Text, Term, RandomState>,
    texts: HashMap<i64, Text, RandomState>,
    agents: HashMap<i64, HashMap<Box<str>, KnownAgent, RandomState>, RandomState>,
}

/// A term's code and the roles it was seen in.
#[derive(Debug, Clone, Copy)]
struct Term {
    code: i64,
    roles: u32,
}

/// Text columns of an agent, in this order.
const AGENT_TEXTS: [&str; 9] = [
    "name",
    "custom_name",
    "email",
    "first_name",
    "last_name",
    "username",
    "external_id",
    "employee_id",
    "phone",
];
/// Columns of an agent that are terms, and their roles.
const AGENT_TERMS: [(&str, u32); 3] =
    [("team", role::TEAM), ("agent_group", role::AGENT_GROUP), ("agent_group_id", role::AGENT_GROUP)];

/// An agent as stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct KnownAgent {
    agent_id: i64,
    version: Millis,
    texts: [Option<String>; AGENT_TEXTS.len()],
    terms: [Option<i64>; AGENT_TERMS.len()],
}

/// A number that changes when another connection has written.
pub(super) fn data_version(tx: &Transaction<'_>) -> rusqlite::Result<i64> {
    tx.prepare_cached("pragma data_version")?.query_row([], |row| row.get(0))
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Took {
    New,
    Changed,
    Known,
}

/// What a record says of an agent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SaidAgent<'a> {
    id: Option<&'a str>,
    texts: [Option<&'a str>; AGENT_TEXTS.len()],
    terms: [Option<&'a str>; AGENT_TERMS.len()],
    version: Millis,
}

impl<'a> SaidAgent<'a> {
    pub(super) fn of(record: &'a AgentRecord, version: Millis) -> Self {
        let texts = [
            &record.name,
            &record.custom_name,
            &record.email,
            &record.first_name,
            &record.last_name,
            &record.username,
            &record.external_id,
            &record.employee_id,
            &record.phone,
        ];
        Self {
            id: Some(&record.id),
            texts: texts.map(|text| text.as_deref()),
            terms: [&record.team, &record.group, &record.group_id].map(|text| text.as_deref()),
            version,
        }
    }

    /// Of whom a record only names the id.
    pub(super) fn by_id(id: &'a str, version: Millis) -> Self {
        Self { id: Some(id), version, ..Self::default() }
    }

    /// What a segment says in passing.
    pub(super) fn in_segment(record: &'a SegmentRecord, version: Millis) -> Self {
        let texts =
            [&record.agent_name, &record.agent_custom_name, &record.agent_email].map(|text| text.as_deref());
        Self::in_passing(record.agent_id.as_deref(), texts, version)
    }

    /// The same by its parts: id; name, the name that customers see, mail address.
    pub(super) fn in_passing(id: Option<&'a str>, texts: [Option<&'a str>; 3], version: Millis) -> Self {
        let [name, custom_name, email] = texts;
        let texts = [name, custom_name, email, None, None, None, None, None, None];
        Self { id, texts, version, ..Self::default() }
    }

    /// The id, else the email, else the name stands for it.
    fn key(&self) -> Option<&'a str> {
        let [name, _, email, ..] = self.texts;
        self.id.or(email).or(name)
    }
}

impl Names {
    /// To be called inside a transaction that may write. Where somebody else has written, what is known of agents may be
    /// old; codes stay what they are.
    pub(super) fn begin(&mut self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let version = data_version(tx)?;
        if self.version.replace(version) != Some(version) {
            self.agents.clear();
        }
        Ok(())
    }

    /// Forgets everything: what was looked up inside a transaction that failed may not be there.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    pub(super) fn account(
        &mut self,
        tx: &Transaction<'_>,
        source: Option<&str>,
        account: Option<&str>,
    ) -> rusqlite::Result<i64> {
        let (source, account) = (source.unwrap_or(DEFAULT_SCOPE), account.unwrap_or(DEFAULT_SCOPE));
        if let Some(id) = self.accounts.get(source).and_then(|accounts| accounts.get(account)) {
            return Ok(*id);
        }
        tx.execute(
            "insert into account (source, account) values (?1, ?2) on conflict do nothing",
            [source, account],
        )?;
        let sql = "select account_id from account where source = ?1 and account = ?2";
        let id = tx.query_row(sql, [source, account], |row| row.get(0))?;
        self.accounts.entry(source.to_owned()).or_default().insert(account.to_owned(), id);
        Ok(id)
    }

    /// The same as [`Self::term`], for a text that other records are likely to share.
    pub(super) fn shared(
        &mut self,
        tx: &Transaction<'_>,
        text: Option<&Text>,
        role: u32,
    ) -> rusqlite::Result<Option<i64>> {
        let Some(text) = text else { return Ok(None) };
        // Only a record and its interaction have it.
        if Arc::strong_count(text) <= 2 {
            return self.term(tx, Some(text), role);
        }
        // Allocations lie apart by sixteen bytes at the least.
        let place = (Arc::as_ptr(text).addr() >> 4) % SHARED;
        let known = self.shared.get(place).and_then(Option::as_ref);
        if let Some((_, term)) =
            known.filter(|(known, term)| Arc::ptr_eq(known, text) && term.roles & role == role)
        {
            return Ok(Some(term.code));
        }
        let code = self.term(tx, Some(text), role)?;
        self.shared.resize(SHARED, None);
        let term = code.and_then(|_| self.terms.get(&**text));
        if let (Some(slot), Some(term)) = (self.shared.get_mut(place), term) {
            *slot = Some((text.clone(), *term));
        }
        Ok(code)
    }

    /// The code of a text seen in a role; nothing for nothing and for the empty text.
    pub(super) fn term(
        &mut self,
        tx: &Transaction<'_>,
        text: Option<&str>,
        role: u32,
    ) -> rusqlite::Result<Option<i64>> {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
        if let Some(term) = self.terms.get_mut(text) {
            if term.roles & role != role {
                term.roles |= role;
                add_role(tx, *term)?;
            }
            return Ok(Some(term.code));
        }
        let known = tx
            .prepare_cached("select term_id, roles from term where text = ?1")?
            .query_row([text], |row| Ok(Term { code: row.get(0)?, roles: row.get(1)? }))
            .optional()?;
        let term = if let Some(known) = known {
            let term = Term { roles: known.roles | role, ..known };
            if term.roles != known.roles {
                add_role(tx, term)?;
            }
            term
        } else {
            tx.prepare_cached("insert into term (text, roles) values (?1, ?2)")?
                .execute(params![text, role])?;
            Term { code: tx.last_insert_rowid(), roles: role }
        };
        if TERMS_KEPT <= self.terms.len() {
            self.terms.clear();
        }
        self.terms.insert(text.into(), term);
        Ok(Some(term.code))
    }

    /// The text of a code.
    pub(super) fn text(&mut self, tx: &Transaction<'_>, code: i64) -> rusqlite::Result<Option<Text>> {
        if let Some(text) = self.texts.get(&code) {
            return Ok(Some(text.clone()));
        }
        let found: Option<Text> = tx
            .prepare_cached("select text from term where term_id = ?1")?
            .query_row([code], |row| row.get(0))
            .optional()?;
        if TERMS_KEPT <= self.texts.len() {
            self.texts.clear();
        }
        self.texts.extend(found.clone().map(|text| (code, text)));
        Ok(found)
    }

    /// The code of a list, each value once, `|` between.
    pub(super) fn list(
        &mut self,
        tx: &Transaction<'_>,
        values: &[impl AsRef<str>],
        role: u32,
    ) -> rusqlite::Result<Option<i64>> {
        match values {
            [] => Ok(None),
            [one] => self.term(tx, Some(one.as_ref()), role),
            several => {
                let mut once: Vec<&str> = Vec::with_capacity(several.len());
                for value in several.iter().map(AsRef::as_ref) {
                    if !value.is_empty() && !once.contains(&value) {
                        once.push(value);
                    }
                }
                self.term(tx, Some(&once.join("|")), role)
            }
        }
    }

    /// The agent's code. What is said and newer than what is stored is taken up; what is not said stays.
    pub(super) fn agent(
        &mut self,
        tx: &Transaction<'_>,
        account_id: i64,
        said: &SaidAgent<'_>,
    ) -> rusqlite::Result<Option<i64>> {
        let Some(key) = said.key() else { return Ok(None) };
        self.take_up(tx, account_id, (key, said)).map(|(agent_id, _)| Some(agent_id))
    }

    /// The same for a record of the agent's own: what became of it.
    pub(super) fn agent_record(
        &mut self,
        tx: &Transaction<'_>,
        account_id: i64,
        said: &SaidAgent<'_>,
    ) -> rusqlite::Result<Took> {
        let Some(key) = said.key() else { return Ok(Took::Known) };
        self.take_up(tx, account_id, (key, said)).map(|(_, took)| took)
    }

    fn take_up(
        &mut self,
        tx: &Transaction<'_>,
        account_id: i64,
        (key, said): (&str, &SaidAgent<'_>),
    ) -> rusqlite::Result<(i64, Took)> {
        let mut terms = [None; AGENT_TERMS.len()];
        for ((slot, text), (_, role)) in terms.iter_mut().zip(said.terms).zip(AGENT_TERMS) {
            *slot = self.term(tx, text, role)?;
        }
        let agents = self.agents.entry(account_id).or_default();
        let mut took = Took::Known;
        if !agents.contains_key(key) {
            let (agent, is_new) = load_or_add(tx, account_id, key)?;
            if is_new {
                took = Took::New;
            }
            agents.insert(key.into(), agent);
        }
        let Some(known) = agents.get_mut(key) else { return Err(rusqlite::Error::QueryReturnedNoRows) };
        let newer = known.version <= said.version;
        let mut changed = false;
        for (slot, text) in known.texts.iter_mut().zip(said.texts) {
            if let Some(text) = text
                && (newer || slot.is_none())
                && slot.as_deref() != Some(text)
            {
                *slot = Some(text.to_owned());
                changed = true;
            }
        }
        for (slot, term) in known.terms.iter_mut().zip(terms) {
            if term.is_some() && (newer || slot.is_none()) && *slot != term {
                *slot = term;
                changed = true;
            }
        }
        if changed {
            known.version = known.version.max(said.version);
            write_agent(tx, known)?;
            if took == Took::Known {
                took = Took::Changed;
            }
        }
        Ok((known.agent_id, took))
    }
}

fn write_agent(tx: &Transaction<'_>, agent: &KnownAgent) -> rusqlite::Result<()> {
    let columns = AGENT_TEXTS.into_iter().chain(AGENT_TERMS.map(|(column, _)| column));
    let sets: Vec<String> = columns.enumerate().map(|(at, c)| format!("{c} = ?{}", at + 3)).collect();
    let sql = format!("update agent set version = ?2, {} where agent_id = ?1", sets.join(", "));
    let own: [&dyn ToSql; 2] = [&agent.agent_id, &agent.version];
    let texts = agent.texts.iter().map(|text| -> &dyn ToSql { text });
    let terms = agent.terms.iter().map(|term| -> &dyn ToSql { term });
    tx.prepare_cached(&sql)?.execute(params_from_iter(own.into_iter().chain(texts).chain(terms))).map(drop)
}

fn add_role(tx: &Transaction<'_>, term: Term) -> rusqlite::Result<()> {
    tx.prepare_cached("update term set roles = roles | ?2 where term_id = ?1")?
        .execute(params![term.code, term.roles])?;
    Ok(())
}

/// An agent, and whether nobody had heard of it.
fn load_or_add(tx: &Transaction<'_>, account_id: i64, key: &str) -> rusqlite::Result<(KnownAgent, bool)> {
    let columns: Vec<&str> = AGENT_TEXTS.into_iter().chain(AGENT_TERMS.map(|(column, _)| column)).collect();
    let known = tx
        .prepare_cached(&format!(
            "select agent_id, version, {} from agent where record_id = ?1 and account_id = ?2",
            columns.join(", ")
        ))?
        .query_row(params![key, account_id], |row| {
            let mut agent =
                KnownAgent { agent_id: row.get(0)?, version: row.get(1)?, ..KnownAgent::default() };
            for (at, slot) in agent.texts.iter_mut().enumerate() {
                *slot = row.get(at + 2)?;
            }
            for (at, slot) in agent.terms.iter_mut().enumerate() {
                *slot = row.get(at + 2 + AGENT_TEXTS.len())?;
            }
            Ok(agent)
        })
        .optional()?;
    if let Some(known) = known {
        return Ok((known, false));
    }
    tx.prepare_cached("insert into agent (account_id, record_id, version) values (?1, ?2, ?3)")?
        .execute(params![account_id, key, NOTHING_SAID])?;
    let agent =
        KnownAgent { agent_id: tx.last_insert_rowid(), version: NOTHING_SAID, ..KnownAgent::default() };
    Ok((agent, true))
}
