//! Cells of a line → values, in the order of the kind's columns.

use std::collections::HashSet;
use std::ops::Range;

use csv::ByteRecord;
use foldhash::fast::RandomState;

use crate::domain::instant::parse_instant;
use crate::domain::record::{Millis, Span, Text, Word};
use crate::import::clip;

pub(super) type Cell<T> = Result<Option<T>, String>;

/// Takes the columns of a kind in their order, one call each.
pub(super) struct Walk<'a> {
    pub(super) record: &'a ByteRecord,
    /// All cells one behind the other, where the whole is UTF-8: then it was looked at once.
    pub(super) whole: Option<&'a str>,
    /// For each column its place in the record.
    pub(super) places: &'a [Option<usize>],
    pub(super) columns: &'a [&'static str],
    pub(super) texts: &'a mut Texts,
    pub(super) next: usize,
}

/// Texts that were seen before, so that a repeated one costs a look-up and no allocation.
#[derive(Default)]
pub(super) struct Texts(HashSet<Text, RandomState>);

/// Records that share texts. Whoever takes the records counts their uses elsewhere: two threads that count the uses of one
/// text wait for each other.
pub(super) const RECORDS_SHARING: u64 = 4_096;

impl Texts {
    /// Begins anew.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    fn shared(&mut self, text: &str) -> Text {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        let text = Text::from(text);
        self.0.insert(text.clone());
        text
    }
}

impl<'a> Walk<'a> {
    fn raw(&mut self) -> Result<(&'static str, Option<&'a str>), String> {
        let name = self.columns.get(self.next).copied().unwrap_or("");
        let place = self.places.get(self.next).copied().flatten();
        self.next += 1;
        let Some(span) = place.and_then(|place| self.record.range(place)).filter(|span| !span.is_empty())
        else {
            return Ok((name, None));
        };
        match self.whole.and_then(|whole| whole.get(span.clone())) {
            Some(text) => Ok((name, Some(text))),
            None => self.alone(name, span),
        }
    }

    /// A cell of a line that is not UTF-8 throughout.
    #[cold]
    fn alone(
        &self,
        name: &'static str,
        span: Range<usize>,
    ) -> Result<(&'static str, Option<&'a str>), String> {
        let bytes = self.record.as_slice().get(span).unwrap_or_default();
        let text = std::str::from_utf8(bytes).map_err(|_| format!("`{name}` is not UTF-8"))?;
        Ok((name, Some(text)))
    }

    /// A text that other lines are likely to repeat.
    pub(super) fn text(&mut self) -> Cell<Text> {
        let text = self.raw()?.1;
        Ok(text.map(|text| self.texts.shared(text)))
    }

    /// A text of this line's own.
    pub(super) fn own(&mut self) -> Cell<Text> {
        Ok(self.raw()?.1.map(Text::from))
    }

    pub(super) fn needed(&mut self) -> Result<Text, String> {
        let (name, text) = self.raw()?;
        text.map(Text::from).ok_or_else(|| format!("`{name}` is empty"))
    }

    pub(super) fn instant(&mut self) -> Cell<Millis> {
        let (name, text) = self.raw()?;
        text.map(|text| parse_instant(text).map_err(|error| format!("`{name}`: {error}"))).transpose()
    }

    pub(super) fn needed_instant(&mut self) -> Result<Millis, String> {
        let name = self.columns.get(self.next).copied().unwrap_or("");
        self.instant()?.ok_or_else(|| format!("`{name}` is empty"))
    }

    pub(super) fn millis(&mut self) -> Cell<Millis> {
        let (name, text) = self.raw()?;
        let wrong = |text: &str| format!("`{name}`: `{text}` is not a whole number of milliseconds");
        text.map(|text| text.parse().map_err(|_| wrong(text))).transpose()
    }

    pub(super) fn number(&mut self) -> Cell<i64> {
        let (name, text) = self.raw()?;
        let wrong = |text: &str| format!("`{name}`: `{text}` is not a whole number");
        text.map(|text| text.parse().map_err(|_| wrong(text))).transpose()
    }

    pub(super) fn list(&mut self) -> Result<Vec<Text>, String> {
        let text = self.raw()?.1;
        Ok(text.map(|text| text.split('|').map(|text| self.texts.shared(text)).collect()).unwrap_or_default())
    }

    pub(super) fn spans(&mut self) -> Result<Vec<Span>, String> {
        let (name, text) = self.raw()?;
        let span = |text: &str| {
            let (start, end) =
                text.split_once('/').ok_or_else(|| format!("`{name}`: `{text}` is not start/end"))?;
            Ok(Span { start: parse_instant(start)?, end: parse_instant(end)? })
        };
        text.map_or(Ok(Vec::new()), |text| text.split('|').map(span).collect())
    }

    /// One of a few words, in any case.
    pub(super) fn word<T: Word>(&mut self) -> Cell<T> {
        let (name, text) = self.raw()?;
        let Some(text) = text else { return Ok(None) };
        T::of(text).map(Some).ok_or_else(|| {
            let words: Vec<&str> = T::WORDS.iter().map(|(word, _)| *word).collect();
            format!("`{name}`: `{}` is none of {}", clip(text), words.join(", "))
        })
    }
}
