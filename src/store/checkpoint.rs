//! The write-ahead log's way back into the database.

use std::path::PathBuf;
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::{Store, StoreError, open_beside};

/// Copies the log back as far as readers allow; returns how many pages are in it. Holds no lock that another writer waits
/// for; so it is a step of its own and not the tail of a transaction.
pub(in crate::store) fn checkpoint(connection: &Connection) -> Result<i64, StoreError> {
    let done = connection.query_row("pragma wal_checkpoint(passive)", [], |row| row.get(1));
    done.map_err(|source| StoreError::sql("checkpoint", source))
}

impl Store {
    /// Copies the write-ahead log back into the database as far as readers allow. Blocks.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        checkpoint(&open_beside(self.path())?).map(drop)
    }
}

/// Copies the log back beside a writer that goes on meanwhile: most of it is waiting for the disk. The log begins anew only
/// when somebody has copied all of it, so a writer that never pauses does so itself when the log has become long.
#[derive(Debug)]
pub struct Checkpointer {
    path: PathBuf,
    idle: Option<Connection>,
    busy: Option<JoinHandle<(Connection, Result<i64, StoreError>)>>,
}

impl Checkpointer {
    /// Of a store; nothing is opened before it is needed.
    pub fn of(store: &Store) -> Self {
        Self { path: store.path().to_owned(), idle: None, busy: None }
    }

    /// Begins to copy back what is in the log now, when the copy before has ended.
    pub fn begin(&mut self) -> Result<(), StoreError> {
        self.end()?;
        let connection = self.idle.take().map_or_else(|| open_beside(&self.path), Ok)?;
        self.busy = Some(std::thread::spawn(move || {
            let done = checkpoint(&connection);
            (connection, done)
        }));
        Ok(())
    }

    /// Waits for the end of a copy; returns how many pages the log had then, none where no copy was under way.
    pub fn end(&mut self) -> Result<i64, StoreError> {
        let Some(thread) = self.busy.take() else { return Ok(0) };
        // A panic there is one here.
        let (connection, done) = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        self.idle = Some(connection);
        done
    }
}

impl Drop for Checkpointer {
    /// Its connection is closed before the writer's, so that the last one takes the log away.
    fn drop(&mut self) {
        if let Some(thread) = self.busy.take() {
            drop(thread.join());
        }
    }
}
