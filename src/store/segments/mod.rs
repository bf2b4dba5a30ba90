//! The segment store: recent segments as rows, those of closed hours in [`sealed`] blocks, behind one reader.
//!
//! Writing resolves what a row needs from its interaction and neighbours; reading hands out column batches.

mod batches;
mod codes;
mod conditions;
pub mod coverage;
mod fields;
mod filters;
mod names;
mod plain;
pub mod read;
mod row;
pub mod sealed;
pub mod sessions;
mod settle;
mod wait;
mod words;
pub mod write;

use rusqlite::Connection;

/// Rows of the main tables, for lists and after an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Interactions.
    pub interactions: i64,
    /// Segments and queue stints.
    pub segments: i64,
}

/// Counts the main tables; a scan of an index each.
pub fn counts(connection: &Connection) -> rusqlite::Result<Counts> {
    let count = |sql| connection.query_row(sql, [], |row| row.get(0));
    Ok(Counts {
        interactions: count("select count(*) from interaction")?,
        segments: count(
            "select (select count(*) from segment) + (select coalesce(sum(rows), 0) from segment_block)
                    - (select count(*) from segment_gone)",
        )?,
    })
}
