//! Rows → XML: `<report type period…><row><cell name="…">…</cell>…</row>…</report>`; the schema is `report.xsd`.

use std::io::{self, BufWriter, Write};

use quick_xml::Writer;
use quick_xml::escape::escape;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, Event};

use super::cells::CellText;
use super::encode::{Encoder, FileSpec, Rows};
use crate::domain::table::{Binding, Picked};

/// Text is handed to the file in pieces of this size.
const BUFFER: usize = 256 << 10;

/// The schema of the XML form.
pub const SCHEMA: &str = include_str!("report.xsd");

/// Writes rows as XML.
pub(super) struct Xml<'a, W: Write> {
    writer: Writer<BufWriter<W>>,
    tags: Vec<Tags>,
    text: CellText<'a>,
    cell: Vec<u8>,
}

/// What stands around a column's cells.
struct Tags {
    begin: Vec<u8>,
    /// Of a cell that is blank.
    whole: Vec<u8>,
}

impl Tags {
    fn of(picked: &Picked) -> io::Result<Self> {
        let mut cell = BytesStart::new("cell");
        cell.push_attribute(("name", &*picked.header));
        let written = |event: Event<'_>| {
            let mut writer = Writer::new(Vec::new());
            writer.write_event(event).map(|()| writer.into_inner())
        };
        Ok(Self {
            begin: written(Event::Start(cell.borrow()))?,
            whole: written(Event::Empty(cell.borrow()))?,
        })
    }
}

impl<'a, W: Write> Xml<'a, W> {
    pub(super) fn begin(out: W, file: &FileSpec<'a>) -> io::Result<Self> {
        let mut writer = Writer::new(BufWriter::with_capacity(BUFFER, out));
        writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        let zone = &file.report.zone;
        let stamp = |at| zone.zoned(at).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
        let mut report = BytesStart::new("report");
        report.push_attribute(("type", file.report.kind.name));
        report.push_attribute(("time_zone", zone.name()));
        report.push_attribute(("from", stamp(file.period.start).as_str()));
        report.push_attribute(("to", stamp(file.period.end).as_str()));
        writer.get_mut().write_all(b"\n")?;
        writer.write_event(Event::Start(report))?;
        writer.get_mut().write_all(b"\n")?;
        let tags = file.columns.iter().map(Tags::of).collect::<io::Result<_>>()?;
        Ok(Self { writer, tags, text: file.text(), cell: Vec::with_capacity(256) })
    }
}

impl<W: Write> Encoder<W> for Xml<'_, W> {
    fn rows(&mut self, rows: Rows<'_>, columns: &[Binding<'_>]) -> io::Result<()> {
        let out = self.writer.get_mut();
        for row in rows {
            out.write_all(b"<row>")?;
            for (binding, tags) in columns.iter().zip(&self.tags) {
                self.cell.clear();
                self.text.push(&mut self.cell, binding.cell(row));
                let text = std::str::from_utf8(&self.cell).map_err(io::Error::other)?;
                if text.is_empty() {
                    out.write_all(&tags.whole)?;
                    continue;
                }
                out.write_all(&tags.begin)?;
                out.write_all(escape(without_controls(text)).as_bytes())?;
                out.write_all(b"</cell>")?;
            }
            out.write_all(b"</row>\n")?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, _: u64) -> io::Result<W> {
        self.writer.write_event(Event::End(BytesEnd::new("report")))?;
        self.writer.get_mut().write_all(b"\n")?;
        self.writer.into_inner().into_inner().map_err(io::IntoInnerError::into_error)
    }
}

/// XML 1.0 cannot hold most control characters, escaped or not; a reader would refuse the whole file. Each becomes the
/// replacement character.
fn without_controls(text: &str) -> std::borrow::Cow<'_, str> {
    // All of them have a byte below the blank, or begin with this one.
    if !text.bytes().any(|byte| byte < b' ' || byte == 0xef) {
        return text.into();
    }
    let forbidden =
        |c: char| (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}');
    if text.contains(forbidden) { text.replace(forbidden, "\u{fffd}").into() } else { text.into() }
}
