//! A batch while it fills, from rows and from blocks.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::codes::{Codes, MetAgent};
use super::read::LEADING;
use super::sealed::block::Block;
use super::sealed::{self, SealedError};
use super::{fields, wait};
use crate::domain::batch::{BLANK, Batch, Code, Data, Field, FieldKind, NONE, known};

/// A batch while it fills.
pub(super) struct Reading<'c> {
    connection: &'c Connection,
    fields: &'c [Field],
    codes: Codes<'c>,
    /// Whether a field needs the row's agent.
    agents: bool,
    /// Codes of a column on their way into the batch.
    coded: Vec<Code>,
    pub(super) batch: Batch,
}

impl<'c> Reading<'c> {
    pub(super) fn new(connection: &'c Connection, fields: &'c [Field]) -> Self {
        let of_agents = [Field::Agent, Field::AgentGroup, Field::AgentGroupId];
        Self {
            connection,
            fields,
            codes: Codes::new(connection),
            agents: fields.iter().any(|field| of_agents.contains(field)),
            coded: Vec::new(),
            batch: Batch::of(fields),
        }
    }

    pub(super) fn take(&mut self) -> Batch {
        std::mem::replace(&mut self.batch, Batch::of(self.fields))
    }

    /// Adds a row of `segment`.
    pub(super) fn push(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let bot = row.get::<_, i64>(1)? == 3;
        let agent =
            if self.agents { Some(self.codes.agent(&mut self.batch, row.get(2)?, bot)?) } else { None };
        for (place, field) in self.fields.iter().enumerate() {
            let at = LEADING.len() + place;
            match field.kind() {
                FieldKind::Text => {
                    if let Some(Data::Text(texts)) = self.batch.column_mut(place) {
                        texts.push(text(row, at)?);
                    }
                }
                FieldKind::Number => {
                    let mut number: Option<i64> = row.get(at)?;
                    if number.is_none() && *field == Field::AgentWaitMs {
                        number = wait::computed(self.connection, row, LEADING.len() + self.fields.len())?;
                    }
                    if let Some(Data::Number(numbers)) = self.batch.column_mut(place) {
                        numbers.push(number.unwrap_or(NONE));
                    }
                }
                FieldKind::Term | FieldKind::Agent => {
                    let (batch, codes) = (&mut self.batch, &mut self.codes);
                    let code = match (field, agent) {
                        (Field::Agent, Some(agent)) => agent.code,
                        (Field::AgentGroup, Some(agent)) => {
                            let said: Option<i64> = row.get(at)?;
                            codes.term(batch, said.or(agent.group))?
                        }
                        (Field::AgentGroupId, Some(agent)) => {
                            let said: Option<i64> = row.get(at)?;
                            codes.term(batch, said.or(agent.group_id))?
                        }
                        (Field::Account, _) => codes.account(batch, row.get(at)?)?[0],
                        (Field::Source, _) => codes.account(batch, row.get(at)?)?[1],
                        (Field::TransferredInBy, _) => match row.get(3)? {
                            Some(agent_id) => codes.agent_term(batch, agent_id)?,
                            None => codes.term(batch, row.get(at)?)?,
                        },
                        _ => codes.term(batch, row.get(at)?)?,
                    };
                    if let Some(Data::Code(column)) = self.batch.column_mut(place) {
                        column.push(code);
                    }
                }
            }
        }
        self.batch.rows += 1;
        Ok(())
    }

    /// Adds rows of a block, a column at a time.
    pub(super) fn push_sealed(&mut self, block: &Block, rows: &[usize]) -> Result<(), SealedError> {
        let mut agents = Vec::new();
        if self.agents {
            let (participants, ids) =
                (block.numbers(sealed::at::PARTICIPANT)?, block.numbers(sealed::at::AGENT)?);
            for row in rows {
                let bot = participants.get(*row) == Some(&3);
                agents.push(self.codes.agent(&mut self.batch, known(ids, *row), bot)?);
            }
        }
        for (place, field) in self.fields.iter().enumerate() {
            let at = fields::column_of(*field).and_then(sealed::place).unwrap_or(usize::MAX);
            match field.kind() {
                FieldKind::Text => {
                    let Some(Data::Text(texts)) = self.batch.column_mut(place) else { continue };
                    block.push_texts(at, rows, texts)?;
                }
                FieldKind::Number => {
                    let Some(Data::Number(numbers)) = self.batch.column_mut(place) else { continue };
                    block.push_numbers(at, rows, numbers)?;
                }
                FieldKind::Term | FieldKind::Agent => {
                    self.coded.clear();
                    self.sealed_codes(block, rows, (*field, at), &agents)?;
                    if let Some(Data::Code(column)) = self.batch.column_mut(place) {
                        column.append(&mut self.coded);
                    }
                }
            }
        }
        self.batch.rows += rows.len();
        Ok(())
    }

    fn sealed_codes(
        &mut self,
        block: &Block,
        rows: &[usize],
        (field, at): (Field, usize),
        agents: &[MetAgent],
    ) -> Result<(), SealedError> {
        let (batch, codes, out) = (&mut self.batch, &mut self.codes, &mut self.coded);
        let values = block.numbers(at)?;
        if field == Field::Agent {
            out.extend(agents.iter().map(|agent| agent.code));
            return Ok(());
        }
        if matches!(field, Field::AgentGroup | Field::AgentGroupId) {
            for (row, agent) in rows.iter().zip(agents) {
                let own = if field == Field::AgentGroup { agent.group } else { agent.group_id };
                out.push(codes.term(batch, known(values, *row).or(own))?);
            }
            return Ok(());
        }
        if matches!(field, Field::Account | Field::Source) {
            for row in rows {
                let [account, source] = codes.account(batch, known(values, *row).unwrap_or(0))?;
                out.push(if field == Field::Account { account } else { source });
            }
            return Ok(());
        }
        if field == Field::TransferredInBy {
            let by_agents = block.numbers(sealed::at::IN_BY_AGENT)?;
            for row in rows {
                out.push(match known(by_agents, *row) {
                    Some(agent_id) => codes.agent_term(batch, agent_id)?,
                    None => codes.term(batch, known(values, *row))?,
                });
            }
            return Ok(());
        }
        if values.is_empty() {
            out.resize(rows.len(), BLANK);
        }
        for row in rows.iter().filter(|_| !values.is_empty()) {
            out.push(codes.term(batch, known(values, *row))?);
        }
        Ok(())
    }
}

/// A text; blank where there is none.
fn text<'r>(row: &'r Row<'_>, at: usize) -> rusqlite::Result<&'r str> {
    Ok(match row.get_ref(at)? {
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).unwrap_or(""),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_) => "",
    })
}
