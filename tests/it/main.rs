//! Tests of the whole program, by capability. One binary, so that it links once.
//!
//! `tests/run` builds it, starts what needs root, and runs it as a user without rights. A server that is missing fails
//! the test that needs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::as_conversions,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    unreachable_pub,
    reason = "a test that cannot go on has failed; nothing here has users outside"
)]

mod access;
mod alerts;
mod api;
mod bad_days;
mod bad_jobs;
mod browser;
mod commands;
mod contract;
mod crash;
mod daemon;
mod doctor;
mod endpoints;
mod far_crash;
mod formats;
mod golden;
mod held;
mod http;
mod imports;
mod letters;
mod logins;
mod mail;
mod oracle;
mod promises;
mod schedules;
mod sealed;
mod secrets;
mod sources;
mod store;
mod support;
mod tidy;
mod vendors_own;
mod year;
