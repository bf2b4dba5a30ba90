//! Bytes on their way to the disk, past the page cache if they are many.
//!
//! Nobody reads a report's file more than once or twice, so memory is better left to the store; and to have pages made,
//! filled and taken back costs the kernel more time than the text in them costs this program.

use std::fs::File;
use std::io::{self, Write};
use std::mem;
use std::num::NonZero;

use rustix::fs::{Advice, OFlags, fadvise, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

/// Written past the cache at once. What is less goes through it: it is sent from there in a moment.
const BLOCK: usize = 1 << 20;
/// Where blocks begin, in memory and in the file: at multiples of this. Every disk's own sector divides it.
const ALIGNED: usize = 4_096;
/// Bytes in the cache that are sent on their way to the disk together while a file is still being written.
const SENT: u64 = 1 << 20;

/// A file that is written from its beginning on.
#[derive(Debug)]
pub(super) struct OnDisk {
    file: File,
    /// Whether whole blocks may go past the cache.
    past_cache: bool,
    /// Whether what is written now would.
    direct: bool,
    /// What came and is not a whole block yet.
    block: Block,
    written: u64,
    /// How much of what is in the cache has been asked to be on its way.
    sent: u64,
}

impl OnDisk {
    /// Of an empty file. One `past_cache` takes the memory of a block.
    pub(super) fn new(file: File, past_cache: bool) -> Self {
        let block = if past_cache { Block::new() } else { Block::default() };
        Self { file, past_cache, direct: false, block, written: 0, sent: 0 }
    }

    /// Writes what is left and syncs it.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.write_block()?;
        self.file.sync_all()
    }

    fn write_block(&mut self) -> io::Result<()> {
        let mut block = mem::take(&mut self.block);
        let mut left = block.bytes();
        while !left.is_empty() {
            match self.put(left) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => left = left.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        block.clear();
        self.block = block;
        Ok(())
    }

    /// Writes bytes, a whole block past the cache: the last ones are no multiple of anything, and some file systems know one
    /// way only, or say that they know both.
    fn put(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let direct = self.past_cache && bytes.len() == BLOCK;
        if direct != self.direct {
            match set_direct(&self.file, direct) {
                Ok(()) => self.direct = direct,
                Err(_) if direct => self.past_cache = false,
                Err(error) => return Err(error.into()),
            }
        }
        match self.file.write(bytes) {
            Err(error) if self.direct && is_invalid(&error) => {
                self.past_cache = false;
                self.put(bytes)
            }
            Err(error) => Err(error),
            Ok(written) => {
                self.written += u64::try_from(written).unwrap_or(0);
                if self.direct {
                    self.sent = self.written;
                } else if SENT <= self.written - self.sent {
                    self.send();
                }
                Ok(written)
            }
        }
    }

    /// Sends what is in the cache on its way to the disk: the sync at the end then waits for the rest only.
    fn send(&mut self) {
        let length = NonZero::new(self.written - self.sent);
        // That the cache is not needed is advice on which Linux begins to write what is in it; that alone is wanted. Where
        // it is not taken, the sync does all of it.
        fadvise(&self.file, self.sent, length, Advice::DontNeed).unwrap_or_default();
        self.sent = self.written;
    }
}

impl Write for OnDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.block.bytes().is_empty() {
            match bytes.get(..BLOCK) {
                _ if !self.past_cache => return self.put(bytes),
                // It need not be put together here.
                Some(block) if block.as_ptr().align_offset(ALIGNED) == 0 => return self.put(block),
                _ => {}
            }
        }
        let taken = self.block.take(bytes);
        if self.block.is_full() {
            self.write_block()?;
        }
        Ok(taken)
    }

    /// Nothing: only whole blocks are written before the end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes that can be written past the cache once there are enough of them. The default has no room for any.
#[derive(Debug, Default)]
pub(super) struct Block {
    room: Vec<u8>,
    /// Where in the room they begin.
    begin: usize,
    length: usize,
}

impl Block {
    /// An empty one.
    pub(super) fn new() -> Self {
        let room = vec![0; BLOCK + ALIGNED];
        let begin = room.as_ptr().align_offset(ALIGNED);
        Self { room, begin, length: 0 }
    }

    /// Takes bytes as far as there is room; returns how many.
    pub(super) fn take(&mut self, bytes: &[u8]) -> usize {
        let free = self.room.get_mut(self.begin + self.length..self.begin + BLOCK).unwrap_or_default();
        let taken = free.len().min(bytes.len());
        if let (Some(to), Some(from)) = (free.get_mut(..taken), bytes.get(..taken)) {
            to.copy_from_slice(from);
        }
        self.length += taken;
        taken
    }

    /// Whether it takes no more.
    pub(super) fn is_full(&self) -> bool {
        self.length == BLOCK
    }

    /// What it has taken.
    pub(super) fn bytes(&self) -> &[u8] {
        self.room.get(self.begin..self.begin + self.length).unwrap_or_default()
    }

    /// Forgets it.
    pub(super) fn clear(&mut self) {
        self.length = 0;
    }
}

fn set_direct(file: &File, direct: bool) -> rustix::io::Result<()> {
    let now = fcntl_getfl(file)?;
    let mut wanted = now;
    wanted.set(OFlags::DIRECT, direct);
    if wanted == now { Ok(()) } else { fcntl_setfl(file, wanted) }
}

fn is_invalid(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::INVAL.raw_os_error())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use std::fs;
    use std::path::Path;

    use super::*;

    fn text(length: usize) -> Vec<u8> {
        (0_u32..).flat_map(u32::to_le_bytes).take(length).collect()
    }

    /// Writes a text in pieces behind what is there.
    fn write(file: &File, past_cache: bool, text: &[u8], piece: usize) -> OnDisk {
        let mut on_disk = OnDisk::new(file.try_clone().unwrap(), past_cache);
        for piece in text.chunks(piece) {
            on_disk.write_all(piece).unwrap();
        }
        on_disk
    }

    fn in_folder(folder: &Path) {
        let path = folder.join("file");
        for past_cache in [true, false] {
            for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + ALIGNED + 17] {
                for piece in [1_000, BLOCK - 7, 5 * BLOCK] {
                    let (file, text) = (File::create(&path).unwrap(), text(length));
                    write(&file, past_cache, &text, piece).finish().unwrap();
                    assert!(fs::read(&path).unwrap() == text, "{length} bytes by {piece}, {past_cache}");
                }
            }
        }
    }

    #[test]
    fn every_length_arrives_as_it_is() {
        in_folder(tempfile::tempdir().unwrap().path());
    }

    #[test]
    fn blocks_that_are_put_together_elsewhere_arrive_between_other_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let text = text(4 * BLOCK);
        let mut whole = Block::new();
        assert_eq!((whole.take(&text), whole.is_full()), (BLOCK, true));
        let mut on_disk = OnDisk::new(File::create(&path).unwrap(), true);
        let pieces = [whole.bytes(), whole.bytes(), b"between", whole.bytes(), b"behind"];
        for piece in pieces {
            on_disk.write_all(piece).unwrap();
        }
        on_disk.finish().unwrap();
        assert!(fs::read(&path).unwrap() == pieces.concat());
    }

    #[test]
    fn so_it_does_in_memory() {
        in_folder(tempfile::tempdir_in("/dev/shm").unwrap().path());
    }

    #[test]
    fn whole_blocks_are_there_before_the_end_and_the_rest_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let (file, text) = (File::create(&path).unwrap(), text(2 * BLOCK + 5));
        let mut on_disk = write(&file, true, &text, 64 << 10);
        assert!(fs::read(&path).unwrap() == text[..2 * BLOCK]);
        on_disk.finish().unwrap();
        assert!(fs::read(&path).unwrap() == text);
    }

    /// As on a file system that takes the flag and then refuses: memory at an odd address is refused by every disk.
    #[test]
    fn what_is_refused_past_the_cache_goes_through_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut on_disk = OnDisk::new(File::create(&path).unwrap(), true);
        on_disk.block.begin += 1;
        let text = text(3 * BLOCK + 5);
        on_disk.write_all(&text).unwrap();
        assert!(!on_disk.past_cache);
        on_disk.finish().unwrap();
        assert!(fs::read(&path).unwrap() == text);
    }

    #[test]
    fn a_disk_that_is_full_is_an_error() {
        let mut on_disk = OnDisk::new(File::options().write(true).open("/dev/full").unwrap(), true);
        let error = on_disk.write_all(&text(2 * BLOCK)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
