//! `SQLite`: the only module that knows SQL.
//!
//! One writer thread owns the writing connection; what waits for it is committed together, so that a burst costs one
//! sync. Readers are read-only connections. No transaction is open while anything outside is waited for, and SQL never
//! asks for the time.

pub mod access;
pub mod alerts;
pub mod answers;
pub mod backfill;
pub mod checkpoint;
pub mod definitions;
pub mod deliveries;
pub mod files;
pub mod gauges;
pub mod housekeeping;
pub mod mailing_lists;
pub(crate) mod migrate;
pub mod occurrences;
pub mod offered;
pub mod overview;
pub mod runs;
pub mod segments;
pub mod shelf;
pub mod sources;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior, ffi};

pub use migrate::VERSION;
use migrate::backup_to;

/// Work that waits for the writer at the most; a caller beyond it waits.
const WAITING_MAX: usize = 1_024;
/// Pieces of work in one commit at the most, so that the first of them is not kept waiting.
const COMMIT_MAX: usize = 256;
/// How long the writer waits for the next piece before it commits, while commits have many: less than a sync takes.
const GATHER: Duration = Duration::from_millis(1);
/// How long another process may hold the database before a write gives up.
const BUSY_LIMIT: Duration = Duration::from_secs(10);
/// Read-only connections kept open.
const READERS_KEPT: usize = 8;

/// Why the store did not do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened.
    #[error("open the database `{path}`")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// A folder or file around the database.
    #[error("{what} `{path}`")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file was written by a later version of the program.
    #[error(
        "the database `{path}` has version {found}, this program knows {known}; install the newer program again, or \
         restore the copy that it made before the upgrade"
    )]
    Future {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The program's.
        known: i64,
    },
    /// Another process holds it.
    #[error("{what}: another process has held the database for {} s; it is not lost, try again", BUSY_LIMIT.as_secs())]
    Busy {
        /// What was tried.
        what: &'static str,
    },
    /// There is no room for it.
    #[error("{what}: the disk is full; make room there and try again: nothing is written by half")]
    Full {
        /// What was tried.
        what: &'static str,
    },
    /// A statement failed.
    #[error("{what}")]
    Sql {
        /// What was tried.
        what: &'static str,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The store is being closed.
    #[error("{what}: the store is closed")]
    Closed {
        /// What was tried.
        what: &'static str,
    },
}

impl StoreError {
    /// Whether sealed segments are not what was written.
    pub fn is_damage(&self) -> bool {
        let Self::Sql { source: rusqlite::Error::FromSqlConversionFailure(.., source), .. } = self else {
            return false;
        };
        source.downcast_ref::<segments::sealed::SealedError>().is_some()
    }

    /// Whether the database itself is not one that `SQLite` can read.
    pub fn is_unreadable(&self) -> bool {
        let (Self::Open { source, .. } | Self::Sql { source, .. }) = self else { return false };
        matches!(source.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
    }

    /// Whether it could not be opened for want of room.
    pub fn is_without_room(&self) -> bool {
        match self {
            Self::Open { source, .. } => is_full(source),
            Self::Io { source, .. } => source.kind() == std::io::ErrorKind::StorageFull,
            Self::Full { .. } => true,
            Self::Future { .. } | Self::Busy { .. } | Self::Sql { .. } | Self::Closed { .. } => false,
        }
    }

    /// Whether trying again later may help.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Busy { .. })
    }

    fn sql(what: &'static str, source: rusqlite::Error) -> Self {
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { what },
            _ if is_full(&source) => Self::Full { what },
            _ => Self::Sql { what, source },
        }
    }
}

/// Whether a statement failed for want of room, be it for the index of the write-ahead log.
fn is_full(source: &rusqlite::Error) -> bool {
    source.sqlite_error_code() == Some(ErrorCode::DiskFull)
        || source.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_SHMSIZE)
}

/// A piece of work for the writer. It runs inside the transaction, if one could be begun, and hands back what to do
/// when it is known whether that was committed.
type Work = Box<dyn FnOnce(Option<&Transaction<'_>>) -> Answer + Send>;
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// The database of one Legwork.
#[derive(Debug, Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    work: Mutex<Option<SyncSender<Work>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Idle ones; none are kept once it is closed.
    readers: Mutex<Option<Vec<Connection>>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn close(&self) {
        // The last connection that is closed copies the write-ahead log back and removes it, so that one file is left; a
        // read-only one cannot. So the writer's goes last.
        drop(self.readers.lock().unwrap_or_else(PoisonError::into_inner).take());
        drop(self.work.lock().unwrap_or_else(PoisonError::into_inner).take());
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            // A panic of the writer was reported when it happened.
            drop(writer.join());
        }
    }
}

impl Store {
    /// Opens the database below a state folder, makes it if it is not there, and brings it up to date.
    pub fn open(path: &Path, now: Timestamp) -> Result<Self, StoreError> {
        let mut connection = migrate::open(path, now)?;
        let (sender, receiver) = sync_channel::<Work>(WAITING_MAX);
        let writer = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || write_loop(&mut connection, &receiver))
            .map_err(|source| StoreError::Io {
                what: "start the writer of",
                path: path.to_owned(),
                source,
            })?;
        Ok(Self {
            shared: Arc::new(Shared {
                path: path.to_owned(),
                work: Mutex::new(Some(sender)),
                writer: Mutex::new(Some(writer)),
                readers: Mutex::new(Some(Vec::new())),
            }),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Ends the writer after what already waits for it.
    pub fn close(&self) {
        self.shared.close();
    }

    /// Does a piece of work in a transaction and waits until it is durable. Blocks; async code uses [`Store::write`].
    pub fn write_blocking<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = sync_channel(1);
        let work = piece(what, work, move |result| sender.send(result).unwrap_or_default());
        self.queue()?.send(work).map_err(|_| StoreError::Closed { what })?;
        receiver.recv().map_err(|_| StoreError::Closed { what })?
    }

    /// Does a piece of work in a transaction; done when it is durable.
    pub async fn write<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let work = piece(what, work, move |result| drop(sender.send(result)));
        let queue = self.queue()?;
        match queue.try_send(work) {
            Ok(()) => {}
            Err(std::sync::mpsc::TrySendError::Full(work)) => {
                let sent = tokio::task::spawn_blocking(move || queue.send(work).is_ok()).await;
                if !sent.unwrap_or(false) {
                    return Err(StoreError::Closed { what });
                }
            }
            Err(std::sync::mpsc::TrySendError::Disconnected(_)) => return Err(StoreError::Closed { what }),
        }
        receiver.await.map_err(|_| StoreError::Closed { what })?
    }

    fn queue(&self) -> Result<SyncSender<Work>, StoreError> {
        let work = self.shared.work.lock().unwrap_or_else(PoisonError::into_inner);
        work.clone().ok_or(StoreError::Closed { what: "write" })
    }

    /// Reads over a snapshot. Blocks; async code uses [`Store::read`].
    pub fn read_blocking<T>(
        &self,
        what: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let idle = || self.shared.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().as_mut().and_then(Vec::pop);
        let connection = match kept {
            Some(connection) => connection,
            None => open_reader(&self.shared.path)?,
        };
        let result = connection.unchecked_transaction().and_then(|snapshot| read(&snapshot));
        if let Some(readers) = idle().as_mut().filter(|readers| readers.len() < READERS_KEPT) {
            readers.push(connection);
        }
        result.map_err(|source| StoreError::sql(what, source))
    }

    /// Reads over a snapshot, on a thread that may block.
    pub async fn read<T: Send + 'static>(
        &self,
        what: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.clone();
        let joined = tokio::task::spawn_blocking(move || store.read_blocking(what, read)).await;
        joined.unwrap_or(Err(StoreError::Closed { what }))
    }
}

fn piece<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    answer: impl FnOnce(Result<T, StoreError>) + Send + 'static,
) -> Work {
    Box::new(move |transaction| {
        let result = match transaction {
            Some(transaction) => {
                in_savepoint(transaction, work).map_err(|source| StoreError::sql(what, source))
            }
            None => Err(StoreError::Closed { what }),
        };
        Box::new(move |committed| answer(committed.and(result)))
    })
}

/// A failed piece of work undoes itself and nothing else of its commit.
fn in_savepoint<T>(
    transaction: &Transaction<'_>,
    work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    transaction.execute_batch("savepoint piece")?;
    let result = work(transaction);
    let end = if result.is_ok() { "release piece" } else { "rollback to piece; release piece" };
    transaction.execute_batch(end)?;
    result
}

fn write_loop(connection: &mut Connection, waiting: &Receiver<Work>) {
    // Under load those of the last commit are about to come back. They all wait for their answers, so the gathering ends
    // when each of them has come, and one sync serves them all.
    let mut last = 1;
    while let Ok(first) = waiting.recv() {
        let mut answers: Vec<Answer> = Vec::with_capacity(last);
        let mut work = Some(first);
        let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let committed = match begun {
            Ok(transaction) => {
                while let Some(piece) = work.take() {
                    answers.push(piece(Some(&transaction)));
                    // A full or failing disk undoes the whole transaction at once: nothing may be added to what is none.
                    if transaction.is_autocommit() {
                        break;
                    }
                    if answers.len() < COMMIT_MAX {
                        work = waiting.try_recv().ok();
                        if work.is_none() && 1 < last {
                            work = waiting.recv_timeout(GATHER).ok();
                        }
                    }
                }
                last = answers.len();
                transaction.commit().map_err(|source| StoreError::sql("commit", source))
            }
            Err(source) => {
                answers.extend(work.take().map(|piece| piece(None)));
                Err(StoreError::sql("begin a transaction", source))
            }
        };
        for answer in answers {
            answer(copy_result(&committed));
        }
    }
}

fn copy_result(result: &Result<(), StoreError>) -> Result<(), StoreError> {
    match result {
        Ok(()) => Ok(()),
        Err(StoreError::Busy { what }) => Err(StoreError::Busy { what }),
        Err(StoreError::Full { what }) => Err(StoreError::Full { what }),
        Err(error) => Err(StoreError::Sql {
            what: "commit",
            source: rusqlite::Error::ToSqlConversionFailure(crate::chain::chain(error).into()),
        }),
    }
}

/// A further connection to a store that is open.
fn open_beside(path: &Path) -> Result<Connection, StoreError> {
    let open = |source| StoreError::Open { path: path.to_owned(), source };
    let mut connection = Connection::open(path).map_err(open)?;
    migrate::settle(&mut connection).map_err(open)?;
    Ok(connection)
}

fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let open = |source| StoreError::Open { path: path.to_owned(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(open)?;
    migrate::settle(&mut connection).map_err(open)?;
    connection.execute_batch("pragma query_only = on; pragma mmap_size = 1073741824").map_err(open)?;
    Ok(connection)
}

impl Store {
    /// Writes a whole copy of the database, readable by its owner only. Blocks; writers go on meanwhile.
    pub fn backup(&self, target: &Path) -> Result<(), StoreError> {
        backup_to(&open_beside(&self.shared.path)?, target)
    }

    /// A read-only connection of its own, for a long read such as a report.
    pub fn reader(&self) -> Result<Connection, StoreError> {
        open_reader(&self.shared.path)
    }
}

fn optional_instant(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    let text: Option<String> = row.get(column)?;
    let parse = |text: String| {
        text.parse::<Timestamp>().map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
        })
    };
    text.map(parse).transpose()
}

fn instant(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    optional_instant(row, column)?.ok_or(rusqlite::Error::InvalidColumnType(
        column,
        "instant".to_owned(),
        rusqlite::types::Type::Null,
    ))
}
