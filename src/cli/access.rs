//! `legwork user` and `legwork token`: who may do what over HTTP.

use std::io::{BufRead, IsTerminal};

use clap::Subcommand;

use super::context::Context;
use super::exit::{Exit, told};
use super::out::{json, say, table};
use crate::domain::access::{Role, check_password, check_user_name};
use crate::store::access::{self, ApiToken, Audited};
use crate::web;

/// The name of whoever works at the shell, in the audit.
const SHELL: &str = "shell";

/// What `user` does.
#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Make a user, or give one a new password and role. The password is the first line of standard input.
    #[command(
        after_help = "Examples:\n  legwork user add jane --role run < password.txt\n  legwork user add jane --role edit --by-proxy"
    )]
    Add {
        /// The name.
        name: String,
        /// view, run, edit or admin; each may what the ones before it may.
        #[arg(long)]
        role: Role,
        /// The proxy of the config logs them in; they have no password of their own.
        #[arg(long)]
        by_proxy: bool,
    },
    /// List the users.
    List,
    /// Remove a user and end their sessions.
    Remove {
        /// The name.
        name: String,
    },
}

/// What `token` does.
#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token for a program and print it, this once.
    #[command(
        after_help = "Examples:\n  legwork token add dashboard --role view\n  legwork token add partner --role run --account 99990001"
    )]
    Add {
        /// The name.
        name: String,
        /// view, run, edit or admin; each may what the ones before it may.
        #[arg(long)]
        role: Role,
        /// An account of the segment store that it may read over the vendors' endpoints; such a token opens nothing else.
        /// More than once for several.
        #[arg(long, value_name = "ACCOUNT")]
        account: Vec<String>,
    },
    /// List the tokens.
    List,
    /// Remove a token: it opens nothing from now on.
    Remove {
        /// The name.
        name: String,
    },
}

pub(super) fn user(context: &Context, command: &UserCommand) -> anyhow::Result<Exit> {
    let (_, store) = context.store()?;
    let now = context.now();
    match command {
        UserCommand::Add { name, role, by_proxy } => {
            check_user_name(name).map_err(|error| told(Exit::Wrong, error))?;
            let hash = if *by_proxy {
                access::NO_PASSWORD.to_owned()
            } else {
                web::password_hash(&password()?).map_err(|error| told(Exit::Failed, error))?
            };
            let (name, role) = (name.clone(), *role);
            let added = name.clone();
            store.write_blocking("make a user", move |tx| {
                access::put_user(tx, &name, &hash, role, now)?;
                access::note(tx, &line(now, "make user", &name, Some(format!("role {role}"))))
            })?;
            say!("{added} may {role} from now on")?;
        }
        UserCommand::List => {
            let users = store.read_blocking("read the users", access::users)?;
            if context.json {
                let each = users.iter().map(
                    |user| serde_json::json!({ "name": user.name, "role": user.role, "created_at": user.created_at }),
                );
                json(&each.collect::<Vec<_>>())?;
            } else {
                let row = |user: &access::User| {
                    vec![user.name.clone(), user.role.to_string(), user.created_at.to_string()]
                };
                table(&["NAME", "ROLE", "SINCE"], &users.iter().map(row).collect::<Vec<_>>())?;
            }
        }
        UserCommand::Remove { name } => {
            let gone = name.clone();
            let removed = store.write_blocking("remove a user", move |tx| {
                let removed = access::remove_user(tx, &gone)?;
                note_if(tx, removed, &line(now, "remove user", &gone, None))
            })?;
            if !removed {
                return Err(told(Exit::NotFound, format!("there is no user `{name}`")));
            }
            say!("{name} is removed")?;
        }
    }
    Ok(Exit::Done)
}

/// Notes what was done; what was not stands nowhere.
fn note_if(tx: &rusqlite::Transaction<'_>, done: bool, line: &Audited) -> rusqlite::Result<bool> {
    if done {
        access::note(tx, line)?;
    }
    Ok(done)
}

pub(super) fn token(context: &Context, command: &TokenCommand) -> anyhow::Result<Exit> {
    let (_, store) = context.store()?;
    let now = context.now();
    match command {
        TokenCommand::Add { name, role, account } => {
            check_user_name(name).map_err(|error| told(Exit::Wrong, error))?;
            let (value, digest) = web::new_token()?;
            let token = ApiToken {
                name: name.clone(),
                role: *role,
                accounts: Some(account.clone()).filter(|accounts| !accounts.is_empty()),
                created_by: SHELL.to_owned(),
                created_at: now,
                seen_at: None,
            };
            let added = store.write_blocking("keep a token", move |tx| {
                let added = access::add_token(tx, &token, &digest)?;
                let detail = Some(format!("role {}", token.role));
                note_if(tx, added, &line(now, "make token", &token.name, detail))
            })?;
            if !added {
                let taken =
                    format!("there is a token `{name}` already; remove it first, or take another name");
                return Err(told(Exit::Wrong, taken));
            }
            // It goes where the caller sends it and nowhere else.
            say!("{value}")?;
        }
        TokenCommand::List => {
            let tokens = store.read_blocking("read the tokens", access::tokens)?;
            if context.json {
                json(&tokens)?;
            } else {
                table(
                    &["NAME", "ROLE", "ACCOUNTS", "LAST USED"],
                    &tokens.iter().map(cells).collect::<Vec<_>>(),
                )?;
            }
        }
        TokenCommand::Remove { name } => {
            let gone = name.clone();
            let removed = store.write_blocking("remove a token", move |tx| {
                let removed = access::remove_token(tx, &gone)?;
                note_if(tx, removed, &line(now, "remove token", &gone, None))
            })?;
            if !removed {
                return Err(told(Exit::NotFound, format!("there is no token `{name}`")));
            }
            say!("{name} opens nothing any more")?;
        }
    }
    Ok(Exit::Done)
}

fn cells(token: &ApiToken) -> Vec<String> {
    vec![
        token.name.clone(),
        token.role.to_string(),
        token.accounts.as_ref().map_or_else(|| "all".to_owned(), |accounts| accounts.join(", ")),
        token.seen_at.map_or_else(|| "never".to_owned(), |at| at.to_string()),
    ]
}

fn line(now: jiff::Timestamp, action: &str, subject: &str, detail: Option<String>) -> Audited {
    Audited { at: now, who: SHELL.to_owned(), action: action.to_owned(), subject: subject.to_owned(), detail }
}

/// The first line of standard input: a password as an argument would stand in the process list.
fn password() -> anyhow::Result<String> {
    let input = std::io::stdin();
    if input.is_terminal() {
        say!("The password, then Enter (it is shown while you type; `< FILE` hides it):")?;
    }
    let mut line = String::new();
    input.lock().read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']);
    check_password(password).map_err(|error| told(Exit::Wrong, error))?;
    Ok(password.to_owned())
}
