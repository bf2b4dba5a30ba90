//! The segment store: recent segments as rows, those of closed hours in [`sealed`] blocks, behind one reader.
//!
//! Writing resolves what a row needs from its interaction and neighbours; reading hands out column batches.

mod batches;
mod by_column;
mod codes;
mod conditions;
pub mod coverage;
mod fields;
mod filters;
mod fold;
mod interaction;
mod names;
mod own;
mod plain;
pub mod read;
mod resolved;
mod row;
mod row_keys;
pub mod sealed;
pub mod sessions;
mod settle;
mod touched;
mod wait;
mod words;
pub mod write;
