//! A file that is written by a thread of its own, so that whoever makes the text does not wait for digest and disk.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use super::disk::Block;

/// Blocks between the threads: while one is on its way to the disk, whoever makes the text goes on.
const QUEUED: usize = 2;

/// Takes text for a file that another thread writes.
#[derive(Debug)]
pub struct Behind {
    blocks: SyncSender<Block>,
    /// Blocks that are written, to be filled again.
    spent: Receiver<Block>,
    block: Block,
}

/// The thread; its end gives the file back.
pub type Writing<'scope, W> = ScopedJoinHandle<'scope, io::Result<W>>;

impl Behind {
    /// Has a thread write into `out`. What goes wrong there is told by the thread's end; here it is a broken pipe.
    pub fn begin<'scope, W: Write + Send + 'scope>(
        scope: &'scope Scope<'scope, '_>,
        mut out: W,
    ) -> (Self, Writing<'scope, W>) {
        let (blocks, queue) = sync_channel::<Block>(QUEUED);
        let (back, spent) = sync_channel(QUEUED + 2);
        let writing = scope.spawn(move || {
            for block in queue {
                out.write_all(block.bytes())?;
                // Full or gone, the other end does not matter: then the block is let go.
                drop(back.try_send(block));
            }
            Ok(out)
        });
        (Self { blocks, spent, block: Block::new() }, writing)
    }

    fn hand_over(&mut self) -> io::Result<()> {
        let mut next = self.spent.try_recv().unwrap_or_else(|_| Block::new());
        next.clear();
        let block = std::mem::replace(&mut self.block, next);
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the file is not written any more");
        self.blocks.send(block).map_err(gone)
    }
}

impl Write for Behind {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.block.take(bytes);
        if self.block.is_full() {
            self.hand_over()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.block.bytes().is_empty() { Ok(()) } else { self.hand_over() }
    }
}
