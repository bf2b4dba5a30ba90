//! A file that is written by a thread of its own, so that whoever makes the text does not wait for digest and disk.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use super::disk::Block;

/// Text is handed over in pieces of this size, unless they go to the disk as they are.
pub const PIECE: usize = 64 << 10;
/// Bytes between the threads: while some are on their way to the disk, whoever makes the text goes on.
const QUEUED: usize = 512 << 10;

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
    /// Has a thread write into `out`, in pieces of a size. What goes wrong there is told by the thread's end; here it is a
    /// broken pipe.
    pub fn begin<'scope, W: Write + Send + 'scope>(
        scope: &'scope Scope<'scope, '_>,
        mut out: W,
        size: usize,
    ) -> (Self, Writing<'scope, W>) {
        let queued = (QUEUED / size).max(2);
        let (blocks, queue) = sync_channel::<Block>(queued);
        let (back, spent) = sync_channel(queued + 2);
        let writing = scope.spawn(move || {
            for block in queue {
                out.write_all(block.bytes())?;
                // Full or gone, the other end does not matter: then the block is let go.
                drop(back.try_send(block));
            }
            Ok(out)
        });
        (Self { blocks, spent, block: Block::new(size) }, writing)
    }

    fn hand_over(&mut self) -> io::Result<()> {
        let mut next = self.spent.try_recv().unwrap_or_else(|_| self.block.another());
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    /// Keeps what arrives, piece by piece.
    #[derive(Default)]
    struct Pieces(Vec<Vec<u8>>);

    impl Write for Pieces {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A preview stops after the first piece, and an answer's first bytes wait for it.
    #[test]
    fn text_arrives_in_pieces_of_the_size_that_was_asked_for() {
        let text: Vec<u8> = (0_u32..).flat_map(u32::to_le_bytes).take(3 * PIECE + 5).collect();
        let pieces = std::thread::scope(|scope| {
            let (mut behind, writing) = Behind::begin(scope, Pieces::default(), PIECE);
            for some in text.chunks(1_000) {
                behind.write_all(some).unwrap();
            }
            behind.flush().unwrap();
            drop(behind);
            writing.join().unwrap().unwrap()
        });
        assert_eq!(pieces.0.iter().map(Vec::len).collect::<Vec<_>>(), [PIECE, PIECE, PIECE, 5]);
        assert!(pieces.0.concat() == text);
    }
}
