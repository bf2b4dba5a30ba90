//! Rows → XML: `<report type period…><row><cell name="…">…</cell>…</row>…</report>`; the schema is `report.xsd`.

use std::io::{self, BufWriter, Write};

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

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
    columns: &'a [Picked],
    text: CellText<'a>,
    cell: Vec<u8>,
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
        Ok(Self { writer, columns: file.columns, text: file.text(), cell: Vec::with_capacity(256) })
    }
}

impl<W: Write> Encoder<W> for Xml<'_, W> {
    fn rows(&mut self, rows: Rows<'_>, columns: &[Binding<'_>]) -> io::Result<()> {
        for row in rows {
            self.writer.write_event(Event::Start(BytesStart::new("row")))?;
            for (binding, picked) in columns.iter().zip(self.columns) {
                self.cell.clear();
                self.text.push(&mut self.cell, binding.cell(row));
                let text = std::str::from_utf8(&self.cell).map_err(io::Error::other)?;
                let mut cell = BytesStart::new("cell");
                cell.push_attribute(("name", &*picked.header));
                if text.is_empty() {
                    self.writer.write_event(Event::Empty(cell))?;
                    continue;
                }
                self.writer.write_event(Event::Start(cell))?;
                let text = without_controls(text);
                self.writer.write_event(Event::Text(BytesText::new(&text)))?;
                self.writer.write_event(Event::End(BytesEnd::new("cell")))?;
            }
            self.writer.write_event(Event::End(BytesEnd::new("row")))?;
            self.writer.get_mut().write_all(b"\n")?;
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
    let forbidden =
        |c: char| (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}');
    if text.contains(forbidden) { text.replace(forbidden, "\u{fffd}").into() } else { text.into() }
}
