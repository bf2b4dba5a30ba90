//! Codes of the database → dense codes of one report, given out in the order of first sight.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use rusqlite::Connection;

use crate::domain::batch::{AgentTexts, BLANK, BOT, Batch, Code};

/// An agent's whole name: as said, else first and last name.
macro_rules! agent_name {
    () => {
        "coalesce(name, nullif(concat_ws(' ', first_name, last_name), ''))"
    };
}
pub(super) use agent_name;

/// An agent as met in a report.
#[derive(Debug, Clone, Copy)]
pub(super) struct MetAgent {
    pub(super) code: Code,
    /// Terms of the database.
    pub(super) group: Option<i64>,
    pub(super) group_id: Option<i64>,
}

/// Numbers of the database count from 1 on, mostly without a gap: so many of the first ones are found without a hash.
const DENSE_TERMS: usize = 1 << 20;
/// The same of agents and accounts, of which there are fewer and more is known.
const DENSE: usize = 1 << 14;

/// What is known by a number of the database.
struct ById<T> {
    most: usize,
    dense: Vec<Option<T>>,
    sparse: HashMap<i64, T, RandomState>,
}

impl<T: Copy> ById<T> {
    fn new(most: usize) -> Self {
        Self { most, dense: Vec::new(), sparse: HashMap::default() }
    }

    #[inline]
    fn get(&self, id: i64) -> Option<T> {
        match usize::try_from(id) {
            Ok(place) if place < self.most => self.dense.get(place).copied().flatten(),
            _ => self.sparse.get(&id).copied(),
        }
    }

    fn insert(&mut self, id: i64, known: T) {
        let Some(place) = usize::try_from(id).ok().filter(|place| *place < self.most) else {
            self.sparse.insert(id, known);
            return;
        };
        if self.dense.len() <= place {
            self.dense.resize(place + 1, None);
        }
        if let Some(slot) = self.dense.get_mut(place) {
            *slot = Some(known);
        }
    }
}

/// Codes given out so far.
pub(super) struct Codes<'c> {
    connection: &'c Connection,
    terms: ById<Code>,
    /// Agents on rows of people, and on those of bots, where their name is `BOT`.
    agents: [ById<MetAgent>; 2],
    /// Agents as terms: how one is named in `Transferred In By`.
    agent_terms: ById<Code>,
    /// Account and source of each account, as terms.
    accounts: ById<[Code; 2]>,
    no_team: Option<Code>,
    next_term: Code,
    next_agent: Code,
}

impl<'c> Codes<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self {
            connection,
            terms: ById::new(DENSE_TERMS),
            agents: [ById::new(DENSE), ById::new(DENSE)],
            agent_terms: ById::new(DENSE),
            accounts: ById::new(DENSE),
            no_team: None,
            next_term: 1,
            next_agent: BOT + 1,
        }
    }

    /// A text that is a term of this report from now on.
    pub(super) fn fresh(&mut self, batch: &mut Batch, text: &str) -> Code {
        batch.fresh_terms.push(text.into());
        self.next_term += 1;
        self.next_term - 1
    }

    #[inline]
    pub(super) fn term(&mut self, batch: &mut Batch, term_id: Option<i64>) -> rusqlite::Result<Code> {
        let Some(term_id) = term_id else { return Ok(BLANK) };
        match self.terms.get(term_id) {
            Some(code) => Ok(code),
            None => self.fresh_term(batch, term_id),
        }
    }

    #[cold]
    fn fresh_term(&mut self, batch: &mut Batch, term_id: i64) -> rusqlite::Result<Code> {
        let text = term_text(self.connection, term_id)?;
        let code = self.fresh(batch, &text);
        self.terms.insert(term_id, code);
        Ok(code)
    }

    /// The text that stands for no team.
    pub(super) fn no_team(&mut self, batch: &mut Batch, text: &str) -> Code {
        if let Some(code) = self.no_team {
            return code;
        }
        let code = self.fresh(batch, text);
        self.no_team = Some(code);
        code
    }

    /// Account and source.
    pub(super) fn account(&mut self, batch: &mut Batch, account_id: i64) -> rusqlite::Result<[Code; 2]> {
        if let Some(codes) = self.accounts.get(account_id) {
            return Ok(codes);
        }
        let texts: [String; 2] = self
            .connection
            .prepare_cached("select account, source from account where account_id = ?1")?
            .query_row([account_id], |row| Ok([row.get(0)?, row.get(1)?]))?;
        let [account, source] = texts;
        let codes = [self.fresh(batch, &account), self.fresh(batch, &source)];
        self.accounts.insert(account_id, codes);
        Ok(codes)
    }

    /// How an agent who transferred is named: the mail address, else the name, else the id.
    pub(super) fn agent_term(&mut self, batch: &mut Batch, agent_id: i64) -> rusqlite::Result<Code> {
        if let Some(code) = self.agent_terms.get(agent_id) {
            return Ok(code);
        }
        let text: String = self
            .connection
            .prepare_cached(concat!(
                "select coalesce(email, ",
                agent_name!(),
                ", record_id) from agent where agent_id = ?1"
            ))?
            .query_row([agent_id], |row| row.get(0))?;
        let code = self.fresh(batch, &text);
        self.agent_terms.insert(agent_id, code);
        Ok(code)
    }

    /// An agent; on a bot's row it is named `BOT`.
    pub(super) fn agent(
        &mut self,
        batch: &mut Batch,
        agent_id: Option<i64>,
        bot: bool,
    ) -> rusqlite::Result<MetAgent> {
        let Some(agent_id) = agent_id else {
            return Ok(MetAgent { code: if bot { BOT } else { BLANK }, group: None, group_id: None });
        };
        let [of_people, of_bots] = &mut self.agents;
        let agents = if bot { of_bots } else { of_people };
        if let Some(agent) = agents.get(agent_id) {
            return Ok(agent);
        }
        let (texts, group, group_id) = load(self.connection, agent_id, bot)?;
        batch.fresh_agents.push(texts);
        let agent = MetAgent { code: self.next_agent, group, group_id };
        self.next_agent += 1;
        agents.insert(agent_id, agent);
        Ok(agent)
    }
}

fn term_text(connection: &Connection, term_id: i64) -> rusqlite::Result<String> {
    connection
        .prepare_cached("select text from term where term_id = ?1")?
        .query_row([term_id], |row| row.get(0))
}

/// The facts of an agent in the order of [`crate::domain::batch::AgentFact`].
fn load(
    connection: &Connection,
    agent_id: i64,
    bot: bool,
) -> rusqlite::Result<(AgentTexts, Option<i64>, Option<i64>)> {
    // Of one table: a join by a value that is bound is planned anew for each value.
    let mut statement = connection.prepare_cached(
        "select name, custom_name, email, record_id, first_name, last_name, username, external_id, employee_id,
                agent_group, agent_group_id, team
         from agent where agent_id = ?1",
    )?;
    statement.query_row([agent_id], |row| {
        let mut said: [Option<String>; 9] = Default::default();
        for (at, slot) in said.iter_mut().enumerate() {
            *slot = row.get(at)?;
        }
        let [name, custom_name, email, id, first, last, username, external_id, employee_id] = said;
        let team: Option<i64> = row.get(11)?;
        let team: Option<String> = team.map(|team| term_text(connection, team)).transpose()?;
        let (first, last) = match (&name, first, last) {
            (Some(name), None, None) => match name.rsplit_once(' ') {
                Some((first, last)) => (Some(first.to_owned()), Some(last.to_owned())),
                None => (Some(name.clone()), None),
            },
            (_, first, last) => (first, last),
        };
        let parts: Vec<&str> = [&first, &last].into_iter().flatten().map(String::as_str).collect();
        // An agent whose name was never said is shown by address or id: a blank would read as nobody.
        let shown = if bot {
            Some("BOT".to_owned())
        } else {
            let joined = (!parts.is_empty()).then(|| parts.join(" "));
            name.clone().or(joined).or_else(|| email.clone()).or_else(|| id.clone())
        };
        let (custom_name, email) = if bot { (None, None) } else { (custom_name, email) };
        let texts = [shown, custom_name, email, id, first, last, username, external_id, employee_id, team];
        Ok((texts.map(|text| text.unwrap_or_default().into()), row.get(9)?, row.get(10)?))
    })
}
