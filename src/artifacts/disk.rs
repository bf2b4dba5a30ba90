//! Bytes on their way to the disk, past the page cache if they are many.
//!
//! Nobody reads a report's file more than once or twice, so memory is better left to the store; and to have pages made,
//! filled and taken back costs the kernel more time than the text in them costs this program.

use std::fs::File;
use std::io::{self, Write};
use std::num::NonZero;

use rustix::fs::{Advice, OFlags, fadvise, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

/// Written past the cache at once. What is less goes through it: it is sent from there in a moment.
const BLOCK: usize = 1 << 20;
/// Direct writes begin and end at multiples of this, in memory and in the file: every disk's own sector divides it.
const ALIGNED: usize = 4_096;
/// Bytes in the cache that are sent on their way to the disk together while a file is still being written.
const SENT: u64 = 1 << 20;

/// A file that is written from its beginning on.
#[derive(Debug)]
pub(super) struct OnDisk {
    file: File,
    /// What comes next past the cache; none where the file is written through it.
    block: Option<Block>,
    written: u64,
    /// How much of what is in the cache has been asked to be on its way.
    sent: u64,
}

/// Aligned bytes.
#[derive(Debug)]
struct Block {
    room: Vec<u8>,
    /// Where in the room it begins.
    begin: usize,
    /// Up to where it is filled, and up to where it is written.
    end: usize,
    done: usize,
}

impl OnDisk {
    /// Of an empty file. One `past_cache` takes the memory of a block.
    pub(super) fn new(file: File, past_cache: bool) -> Self {
        Self { file, block: past_cache.then(Block::new), written: 0, sent: 0 }
    }

    /// Writes what is left and syncs it.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.go_through_cache()?;
        self.file.sync_all()
    }

    /// From here on everything goes through the cache: the last bytes are no multiple of anything, and some file systems
    /// know no other way.
    fn go_through_cache(&mut self) -> io::Result<()> {
        let Some(block) = self.block.take() else { return Ok(()) };
        set_direct(&self.file, false)?;
        self.sent = self.written;
        self.write_all(block.left())
    }

    fn write_past_cache(&mut self) -> io::Result<()> {
        while let Some(block) = &mut self.block
            && !block.left().is_empty()
        {
            match self.file.write(block.left()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    block.done += written;
                    self.written += u64::try_from(written).unwrap_or(0);
                    if !written.is_multiple_of(ALIGNED) {
                        self.go_through_cache()?;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Promised, and not done after all.
                Err(error) if is_invalid(&error) => self.go_through_cache()?,
                Err(error) => return Err(error),
            }
        }
        if let Some(block) = &mut self.block {
            block.clear();
        }
        Ok(())
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
        let Some(block) = &mut self.block else {
            let written = self.file.write(bytes)?;
            self.written += u64::try_from(written).unwrap_or(0);
            if SENT <= self.written - self.sent {
                self.send();
            }
            return Ok(written);
        };
        let taken = block.take(bytes);
        if block.is_full() {
            if self.written == 0 && set_direct(&self.file, true).is_err() {
                self.go_through_cache()?;
            } else {
                self.write_past_cache()?;
            }
        }
        Ok(taken)
    }

    /// Nothing: only whole blocks are written before the end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Block {
    fn new() -> Self {
        let room = vec![0; BLOCK + ALIGNED];
        let begin = room.as_ptr().align_offset(ALIGNED);
        Self { room, begin, end: begin, done: begin }
    }

    /// Takes bytes as far as there is room; returns how many.
    fn take(&mut self, bytes: &[u8]) -> usize {
        let free = self.room.get_mut(self.end..self.begin + BLOCK).unwrap_or_default();
        let taken = free.len().min(bytes.len());
        if let (Some(to), Some(from)) = (free.get_mut(..taken), bytes.get(..taken)) {
            to.copy_from_slice(from);
        }
        self.end += taken;
        taken
    }

    fn is_full(&self) -> bool {
        self.end == self.begin + BLOCK
    }

    /// What is not written yet.
    fn left(&self) -> &[u8] {
        self.room.get(self.done..self.end).unwrap_or_default()
    }

    fn clear(&mut self) {
        self.end = self.begin;
        self.done = self.begin;
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
        let block = on_disk.block.as_mut().unwrap();
        (block.begin, block.end, block.done) = (block.begin + 1, block.end + 1, block.done + 1);
        let text = text(3 * BLOCK + 5);
        on_disk.write_all(&text).unwrap();
        assert!(on_disk.block.is_none());
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
