//! A file as it is, gzipped, or in a zip archive; always a stream.

use std::io::{self, Write};

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use jiff::Timestamp;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::domain::output::Compress;

/// A file while it is packed.
pub enum Packed<W: Write> {
    /// As it is.
    Plain(W),
    /// Through gzip.
    Gzip(GzEncoder<W>),
    /// Into a zip archive.
    Zip(Box<ZipWriter<StreamWriter<W>>>),
}

impl<W: Write> std::fmt::Debug for Packed<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain",
            Self::Gzip(_) => "Gzip",
            Self::Zip(_) => "Zip",
        })
    }
}

impl<W: Write> Packed<W> {
    /// Begins. `name` is the file's name inside; the time inside is the nominal instant, so that the same occurrence
    /// gives the same bytes.
    pub fn begin(out: W, compress: Compress, name: &str, nominal: Timestamp) -> io::Result<Self> {
        Ok(match compress {
            Compress::None => Self::Plain(out),
            Compress::Gzip => {
                let seconds = u32::try_from(nominal.as_second()).unwrap_or(0);
                Self::Gzip(GzBuilder::new().mtime(seconds).filename(name).write(out, Compression::default()))
            }
            Compress::Zip => {
                let mut zip = ZipWriter::new_stream(out);
                let options = SimpleFileOptions::default()
                    .compression_method(CompressionMethod::Deflated)
                    .last_modified_time(zip_time(nominal))
                    .unix_permissions(0o640)
                    .large_file(true);
                zip.start_file(name, options).map_err(io::Error::other)?;
                Self::Zip(Box::new(zip))
            }
        })
    }

    /// Ends what was packed.
    pub fn finish(self) -> io::Result<W> {
        match self {
            Self::Plain(out) => Ok(out),
            Self::Gzip(gzip) => gzip.finish(),
            Self::Zip(zip) => zip.finish().map(StreamWriter::into_inner).map_err(io::Error::other),
        }
    }
}

/// An instant as a zip archive has it: UTC, from 1980 to 2107.
fn zip_time(at: Timestamp) -> DateTime {
    let civil = at.to_zoned(jiff::tz::TimeZone::UTC).datetime();
    let small = |number: i8| u8::try_from(number).unwrap_or(0);
    DateTime::from_date_and_time(
        u16::try_from(civil.year()).unwrap_or(0),
        small(civil.month()),
        small(civil.day()),
        small(civil.hour()),
        small(civil.minute()),
        small(civil.second()),
    )
    .unwrap_or_default()
}

impl<W: Write> Write for Packed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(out) => out.write(bytes),
            Self::Gzip(gzip) => gzip.write(bytes),
            Self::Zip(zip) => zip.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.flush(),
            Self::Gzip(gzip) => gzip.flush(),
            Self::Zip(zip) => zip.flush(),
        }
    }
}
