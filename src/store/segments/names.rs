//! Codes for names: accounts, terms, agents. Looked up once each while an import runs.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use rusqlite::{OptionalExtension, Transaction, params};

use crate::domain::record::{AgentRecord, DEFAULT_SCOPE, Millis, Text};

/// Terms kept in memory; a vocabulary beyond it is looked up in the database again.
const TERMS_KEPT: usize = 200_000;

/// The version of an agent of whom only the id is known: whatever is said next is newer.
const NOTHING_SAID: Millis = Millis::MIN;

/// Codes that were looked up.
#[derive(Debug, Default)]
pub(super) struct Names {
    accounts: HashMap<String, HashMap<String, i64, RandomState>, RandomState>,
    terms: HashMap<Text, i64, RandomState>,
    agents: HashMap<i64, HashMap<Box<str>, KnownAgent, RandomState>, RandomState>,
}

/// An agent as stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct KnownAgent {
    agent_id: i64,
    version: Millis,
    name: Option<String>,
    custom_name: Option<String>,
    email: Option<String>,
}

/// What a record says of an agent.
#[derive(Debug, Clone, Copy)]
pub(super) struct SaidAgent<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) name: Option<&'a str>,
    pub(super) custom_name: Option<&'a str>,
    pub(super) email: Option<&'a str>,
    pub(super) version: Millis,
}

impl<'a> SaidAgent<'a> {
    pub(super) fn of(record: &'a AgentRecord, version: Millis) -> Self {
        Self {
            id: Some(&record.id),
            name: record.name.as_deref(),
            custom_name: record.custom_name.as_deref(),
            email: record.email.as_deref(),
            version,
        }
    }

    /// The id, else the email, else the name stands for it.
    fn key(&self) -> Option<&'a str> {
        self.id.or(self.email).or(self.name)
    }
}

impl Names {
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

    /// The code of a text; nothing for nothing and for the empty text.
    pub(super) fn term(&mut self, tx: &Transaction<'_>, text: Option<&str>) -> rusqlite::Result<Option<i64>> {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
        if let Some(code) = self.terms.get(text) {
            return Ok(Some(*code));
        }
        let known = tx
            .prepare_cached("select term_id from term where text = ?1")?
            .query_row([text], |row| row.get(0))
            .optional()?;
        let code = if let Some(code) = known {
            code
        } else {
            tx.prepare_cached("insert into term (text) values (?1)")?.execute([text])?;
            tx.last_insert_rowid()
        };
        if TERMS_KEPT <= self.terms.len() {
            self.terms.clear();
        }
        self.terms.insert(text.into(), code);
        Ok(Some(code))
    }

    /// The code of a list, each value once, `|` between.
    pub(super) fn list(&mut self, tx: &Transaction<'_>, values: &[Text]) -> rusqlite::Result<Option<i64>> {
        match values {
            [] => Ok(None),
            [one] => self.term(tx, Some(one)),
            several => {
                let mut once: Vec<&str> = Vec::with_capacity(several.len());
                for value in several {
                    if !value.is_empty() && !once.contains(&&**value) {
                        once.push(value);
                    }
                }
                self.term(tx, Some(&once.join("|")))
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
        let agents = self.agents.entry(account_id).or_default();
        if !agents.contains_key(key) {
            agents.insert(key.into(), load_or_add(tx, account_id, key)?);
        }
        let Some(known) = agents.get_mut(key) else { return Ok(None) };
        let newer = known.version <= said.version;
        let mut changed = false;
        let pairs = [
            (&mut known.name, said.name),
            (&mut known.custom_name, said.custom_name),
            (&mut known.email, said.email),
        ];
        for (slot, text) in pairs {
            if let Some(text) = text
                && (newer || slot.is_none())
                && slot.as_deref() != Some(text)
            {
                *slot = Some(text.to_owned());
                changed = true;
            }
        }
        if changed {
            known.version = known.version.max(said.version);
            tx.prepare_cached(
                "update agent set version = ?2, name = ?3, custom_name = ?4, email = ?5 where agent_id = ?1",
            )?
            .execute(params![
                known.agent_id,
                known.version,
                known.name,
                known.custom_name,
                known.email
            ])?;
        }
        Ok(Some(known.agent_id))
    }
}

fn load_or_add(tx: &Transaction<'_>, account_id: i64, key: &str) -> rusqlite::Result<KnownAgent> {
    let known = tx
        .prepare_cached(
            "select agent_id, version, name, custom_name, email from agent where record_id = ?1 and account_id = ?2",
        )?
        .query_row(params![key, account_id], |row| {
            Ok(KnownAgent {
                agent_id: row.get(0)?,
                version: row.get(1)?,
                name: row.get(2)?,
                custom_name: row.get(3)?,
                email: row.get(4)?,
            })
        })
        .optional()?;
    if let Some(known) = known {
        return Ok(known);
    }
    tx.prepare_cached("insert into agent (account_id, record_id, version) values (?1, ?2, ?3)")?
        .execute(params![account_id, key, NOTHING_SAID])?;
    Ok(KnownAgent { agent_id: tx.last_insert_rowid(), version: NOTHING_SAID, ..KnownAgent::default() })
}
