//! The agents that a chunk's segments name.

use super::super::names::SaidAgent;
use super::super::write::Chunk;
use crate::domain::record::column::Shared;
use crate::domain::record::gathered::SegmentColumns;
use crate::domain::record::{Millis, Participant};

/// What a line says of an agent, in codes: id, name, the name that customers see, mail address.
type Said = [u32; 4];

/// What was said last of an agent.
#[derive(Clone, Copy, Default)]
struct Last {
    /// In which it was said.
    generation: u64,
    said: Said,
    version: Millis,
    agent: Option<i64>,
}

/// Looks agents up. An agent of whom the last line said the same is not looked at again.
pub(super) struct Agents<'c> {
    segments: &'c SegmentColumns,
    /// By which column and in which account agents are known just now.
    by: (usize, i64),
    /// What was said last of each, by the code in that column.
    last: Vec<Last>,
    /// What was said in one before counts no more.
    generation: u64,
}

impl<'c> Agents<'c> {
    pub(super) fn new(segments: &'c SegmentColumns) -> Self {
        Self { segments, by: (0, 0), last: Vec::new(), generation: 1 }
    }

    /// Something else may have been said of an agent.
    pub(super) fn forget(&mut self) {
        self.generation += 1;
    }

    /// The agent or bot of a segment.
    pub(super) fn of(
        &mut self,
        chunk: &mut Chunk<'_>,
        row: usize,
        account: i64,
    ) -> rusqlite::Result<Option<i64>> {
        let segments = self.segments;
        if matches!(segments.had_by(row), Participant::Queue | Participant::External) {
            return Ok(None);
        }
        let columns =
            [&segments.agent_id, &segments.agent_name, &segments.agent_custom_name, &segments.agent_email];
        let said: Said = columns.map(|column| column.code(row));
        let [id, name, _, email] = said;
        let version = segments.updated_at.get(row).unwrap_or(chunk.arrived);
        // The id, else the email, else the name stands for it; one agent may be known by two of them.
        let key = if id != 0 {
            (0, id)
        } else if email != 0 {
            (1, email)
        } else {
            (2, name)
        };
        if self.by != (key.0, account) {
            self.by = (key.0, account);
            self.forget();
        }
        let place = usize::try_from(key.1).unwrap_or(usize::MAX);
        let known = self.last.get(place).copied().unwrap_or_default();
        if (known.generation, known.said, known.version) == (self.generation, said, version) {
            return Ok(known.agent);
        }
        let [id, name, custom_name, email] = columns.map(|column| text(column, row));
        let agent = SaidAgent::in_passing(id, [name, custom_name, email], version);
        let agent = chunk.names.agent(chunk.tx, account, &agent)?;
        if self.last.len() <= place {
            self.last.resize(place + 1, Last::default());
        }
        if let Some(slot) = self.last.get_mut(place) {
            *slot = Last { generation: self.generation, said, version, agent };
        }
        Ok(agent)
    }
}

fn text(column: &Shared, row: usize) -> Option<&str> {
    column.get(row).map(|text| &**text)
}
