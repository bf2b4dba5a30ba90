//! Bytes on their way to the disk, past the page cache if they are many.
//!
//! Nobody reads a report's file more than once or twice, so memory is better left to the store; and to have pages made,
//! filled and taken back can cost the kernel more time than the text in them costs this program.

use std::fs::File;
use std::io::{self, Write};
use std::mem;
use std::num::NonZero;

use rustix::fs::{Advice, OFlags, fadvise, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

/// Written past the cache at once; what is less goes through it.
pub const BLOCK: usize = 1 << 20;
/// Blocks begin at multiples of this in memory, and so they do in the file unless the disk took less than was given. Every
/// disk's own sector divides it.
const ALIGNED: usize = 4_096;
/// Bytes in the cache that are sent on their way to the disk together while a file is still being written.
const SENT: u64 = 1 << 20;

/// A file that is written from its beginning on.
#[derive(Debug)]
pub(super) struct OnDisk {
    file: File,
    /// Whether whole blocks may go past the cache.
    past_cache: bool,
    /// Whether the file is set to that now.
    direct: bool,
    /// What came and is not a whole block yet.
    block: Block,
    /// Whether some of it could not be written.
    torn: bool,
    written: u64,
    /// How much of what is in the cache has been asked to be on its way.
    sent: u64,
}

impl OnDisk {
    /// Of an empty file. One `past_cache` takes the memory of a block.
    pub(super) fn new(file: File, past_cache: bool) -> Self {
        let block = if past_cache { Block::new(BLOCK) } else { Block::default() };
        Self { file, past_cache, direct: false, block, torn: false, written: 0, sent: 0 }
    }

    /// Writes what is left; returns the file's length. Nothing mends a file of which something could not be written.
    pub(super) fn finish(&mut self) -> io::Result<u64> {
        if self.torn {
            return Err(io::Error::other("some of it could not be written"));
        }
        self.write_block()?;
        Ok(self.written)
    }

    /// Has the disk keep what is written.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn write_block(&mut self) -> io::Result<()> {
        self.torn = true;
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
        self.torn = false;
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
                // Some file systems take what is direct into their cache and say nothing.
                if SENT <= self.written - self.sent {
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

/// So many bytes that can be written past the cache. The default has no room for any.
#[derive(Default)]
pub(super) struct Block {
    room: Vec<u8>,
    /// Where in the room they begin.
    begin: usize,
    length: usize,
    most: usize,
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Block")
            .field("length", &self.length)
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}

impl Block {
    /// An empty one for so many bytes.
    pub(super) fn new(most: usize) -> Self {
        let room = vec![0; most + ALIGNED];
        let begin = room.as_ptr().align_offset(ALIGNED);
        Self { room, begin, length: 0, most }
    }

    /// An empty one of the same size.
    pub(super) fn another(&self) -> Self {
        Self::new(self.most)
    }

    /// Takes bytes as far as there is room; returns how many.
    pub(super) fn take(&mut self, bytes: &[u8]) -> usize {
        let free = self.room.get_mut(self.begin + self.length..self.begin + self.most).unwrap_or_default();
        let taken = free.len().min(bytes.len());
        if let (Some(to), Some(from)) = (free.get_mut(..taken), bytes.get(..taken)) {
            to.copy_from_slice(from);
        }
        self.length += taken;
        taken
    }

    /// Whether it takes no more.
    pub(super) fn is_full(&self) -> bool {
        self.length == self.most
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
    let mut flags = fcntl_getfl(file)?;
    flags.set(OFlags::DIRECT, direct);
    fcntl_setfl(file, flags)
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

    /// Whether a block can be written past the cache here, from an address that is so much beside.
    fn takes(path: &Path, beside: usize) -> bool {
        let mut block = Block::new(BLOCK);
        block.begin += beside;
        block.take(&text(BLOCK));
        let mut file = File::create(path).unwrap();
        set_direct(&file, true).is_ok() && file.write(block.bytes()).is_ok()
    }

    fn in_folder(folder: &Path) {
        let path = folder.join("file");
        for past_cache in [true, false] {
            for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + ALIGNED + 17] {
                for piece in [1_000, BLOCK - 7, 5 * BLOCK] {
                    let (file, text) = (File::create(&path).unwrap(), text(length));
                    let finished = write(&file, past_cache, &text, piece).finish().unwrap();
                    assert_eq!(usize::try_from(finished).unwrap(), length);
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
        let mut whole = Block::new(BLOCK);
        assert_eq!((whole.take(&text), whole.is_full()), (BLOCK, true));
        assert_eq!(whole.bytes().as_ptr().align_offset(ALIGNED), 0);
        let mut on_disk = OnDisk::new(File::create(&path).unwrap(), true);
        let pieces = [whole.bytes(), whole.bytes(), b"between", whole.bytes(), b"behind"];
        for piece in pieces {
            on_disk.write_all(piece).unwrap();
        }
        assert_eq!(on_disk.direct, takes(&folder.path().join("other"), 0));
        on_disk.finish().unwrap();
        assert!(fs::read(&path).unwrap() == pieces.concat());
    }

    #[test]
    fn every_length_arrives_where_there_is_no_disk() {
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

    /// As on a file system that takes the flag and then refuses: most disks refuse memory at an odd address.
    #[test]
    fn what_is_refused_past_the_cache_goes_through_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut on_disk = OnDisk::new(File::create(&path).unwrap(), true);
        on_disk.block.begin += 1;
        let text = text(3 * BLOCK + 5);
        on_disk.write_all(&text).unwrap();
        assert_eq!(on_disk.past_cache, takes(&folder.path().join("other"), 1));
        on_disk.finish().unwrap();
        assert!(fs::read(&path).unwrap() == text);
    }

    #[test]
    fn a_disk_that_is_full_is_an_error_and_stays_one() {
        for length in [10, 2 * BLOCK] {
            let mut on_disk = OnDisk::new(File::options().write(true).open("/dev/full").unwrap(), true);
            let written = on_disk.write_all(&text(length)).and_then(|()| on_disk.finish().map(drop));
            assert_eq!(written.unwrap_err().kind(), io::ErrorKind::StorageFull);
            assert!(on_disk.finish().is_err());
        }
    }
}
