//! A file that is written by a thread of its own, so that whoever makes the text does not wait for digest and disk.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

/// Text is handed over in pieces of at least this size: what makes the text keeps its tables in the processor's cache.
const PIECE: usize = 64 << 10;
/// Pieces between the threads: more than a block that is on its way to the disk (`disk.rs`), for which the other end waits.
const QUEUED: usize = 32;

/// Takes text for a file that another thread writes.
#[derive(Debug)]
pub struct Behind {
    pieces: SyncSender<Vec<u8>>,
    /// Pieces that are written, to be filled again.
    spent: Receiver<Vec<u8>>,
    piece: Vec<u8>,
}

/// The thread; its end gives the file back.
pub type Writing<'scope, W> = ScopedJoinHandle<'scope, io::Result<W>>;

impl Behind {
    /// Has a thread write into `out`. What goes wrong there is told by the thread's end; here it is a broken pipe.
    pub fn begin<'scope, W: Write + Send + 'scope>(
        scope: &'scope Scope<'scope, '_>,
        mut out: W,
    ) -> (Self, Writing<'scope, W>) {
        let (pieces, queue) = sync_channel::<Vec<u8>>(QUEUED);
        let (back, spent) = sync_channel(QUEUED + 2);
        let writing = scope.spawn(move || {
            for piece in queue {
                out.write_all(&piece)?;
                // Full or gone, the other end does not matter: then the piece is let go.
                drop(back.try_send(piece));
            }
            Ok(out)
        });
        (Self { pieces, spent, piece: Vec::with_capacity(PIECE) }, writing)
    }

    fn hand_over(&mut self) -> io::Result<()> {
        let mut next = self.spent.try_recv().unwrap_or_else(|_| Vec::with_capacity(PIECE));
        next.clear();
        let piece = std::mem::replace(&mut self.piece, next);
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the file is not written any more");
        self.pieces.send(piece).map_err(gone)
    }
}

impl Write for Behind {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if PIECE <= self.piece.len() {
            self.hand_over()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() { Ok(()) } else { self.hand_over() }
    }
}
