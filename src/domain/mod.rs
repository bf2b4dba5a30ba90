//! The rules: no I/O, no async, no SQL, no clock.
//!
//! ```text
//! Definition ─► Occurrence ─► Run ─► batches ─► Artifact ─► Delivery ─► Attempt
//!  definition    schedule    period    batch      table      delivery    backoff
//! ```

pub mod access;
pub mod address;
pub mod backoff;
pub mod batch;
pub mod blackout;
pub mod budget;
pub mod checks;
pub mod coming;
pub mod criteria;
pub mod cron;
pub mod definition;
pub mod delivery;
pub mod instant;
pub mod messaging;
pub mod name;
pub mod nearest;
pub mod output;
pub mod pace;
pub mod period;
pub mod record;
pub mod repeat;
pub mod report;
pub mod resolve;
pub mod schedule;
pub mod source;
pub mod table;
pub mod template;
pub mod text;
pub mod units;
pub mod zone;
