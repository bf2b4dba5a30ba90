//! What a job wants to know of its rows besides the file: checks, first rows, files for some recipients. All of it is seen
//! in the pass that writes the file.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::rc::Rc;

use super::generate::{GenerateError, Order, Out, begin_file, end};
use super::progress::Progress;
use crate::artifacts::encode::{FileSpec, Witness};
use crate::artifacts::examine::Examine;
use crate::artifacts::first_rows::FirstRows;
use crate::artifacts::split::Split;
use crate::artifacts::{Finished, PartFile};
use crate::domain::checks::Seen;
use crate::domain::definition::Destination;
use crate::domain::output::Output;

/// What was seen of the rows on their way.
#[derive(Debug, Default)]
pub struct Sights {
    /// For the job's checks.
    pub checked: Seen,
    /// The first rows' cells, as many as a mail of the job shows.
    pub first_rows: Vec<Vec<String>>,
    /// Files for some recipients.
    pub parts: Vec<PartMade>,
}

/// A file with the rows of one value of a column.
#[derive(Debug)]
pub struct PartMade {
    /// The column's header.
    pub column: String,
    /// The value.
    pub value: String,
    /// The file's name, in the folder of the whole one.
    pub name: String,
    /// The file.
    pub file: Finished,
    /// Its rows.
    pub rows: u64,
}

/// What a job wants to know of its rows besides the file.
pub(super) struct Watching<'a> {
    first_rows: Option<FirstRows<'a>>,
    examine: Option<Examine<'a>>,
    splits: Vec<(&'a str, Split<'a, Out<'a>>)>,
    /// Names of the parts by column and value.
    names: Rc<RefCell<BTreeMap<(&'a str, String), String>>>,
}

impl<'a> Watching<'a> {
    pub(super) fn new(order: &Order<'a>, file: FileSpec<'a>, progress: &'a Progress) -> Self {
        let definition = order.definition;
        let emails = definition.destinations.iter().filter_map(|destination| match destination {
            Destination::Email(email) => Some(email),
            Destination::File(_) | Destination::Webhook(_) => None,
        });
        let wanted = emails.clone().map(|email| email.first_rows).max().unwrap_or(0);
        let names = Rc::new(RefCell::new(BTreeMap::new()));
        let mut columns: Vec<&str> =
            emails.filter_map(|email| Some(email.split_by.as_ref()?.column.as_str())).collect();
        columns.sort_unstable();
        columns.dedup();
        let splits = columns.into_iter().filter_map(|column| {
            let at = file.columns.iter().position(|picked| picked.header == column)?;
            let (target, names, nominal) = (order.target, names.clone(), order.nominal);
            let begin = move |value: &str| {
                let mut names = names.borrow_mut();
                let name = part_name(target, file.output, value, &names.values().collect::<Vec<_>>());
                let target = target.with_file_name(&name);
                let part = PartFile::one_of_many(&target).map_err(io::Error::other)?;
                let out = begin_file(part, file.output.compress, nominal, progress);
                let out = out.map_err(io::Error::other)?;
                names.insert((column, value.to_owned()), name);
                Ok(out)
            };
            Some((column, Split::new(file, at, begin)))
        });
        Self {
            first_rows: (0 < wanted).then(|| FirstRows::new(&file, wanted)),
            examine: (!definition.checks.is_empty()).then(|| Examine::new(&file, &definition.checks)),
            splits: splits.collect(),
            names,
        }
    }

    pub(super) fn witnesses(&mut self) -> Vec<&mut dyn Witness> {
        let mut witnesses: Vec<&mut dyn Witness> = Vec::new();
        witnesses.extend(self.first_rows.iter_mut().map(|witness| -> &mut dyn Witness { witness }));
        witnesses.extend(self.examine.iter_mut().map(|witness| -> &mut dyn Witness { witness }));
        witnesses.extend(self.splits.iter_mut().map(|(_, witness)| -> &mut dyn Witness { witness }));
        witnesses
    }

    pub(super) fn finish(self) -> Result<Sights, GenerateError> {
        let mut parts = Vec::new();
        for (column, split) in self.splits {
            for (value, out, rows) in split.finish().map_err(GenerateError::Write)? {
                let file = end(out)?;
                let name = self.names.borrow_mut().remove(&(column, value.clone())).unwrap_or_default();
                parts.push(PartMade { column: column.to_owned(), value, name, file, rows });
            }
        }
        let checked = self.examine.map(Examine::finish).transpose().map_err(GenerateError::Write)?;
        Ok(Sights {
            checked: checked.unwrap_or_default(),
            first_rows: self.first_rows.map(FirstRows::into_rows).unwrap_or_default(),
            parts,
        })
    }
}

/// The name of a value's file: the whole one's with the value before its ending, and a number where two look alike.
fn part_name(whole: &Path, output: &Output, value: &str, taken: &[&String]) -> String {
    let whole = whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let ending = format!(".{}{}", output.format.extension(), output.compress.suffix());
    let stem = whole.strip_suffix(&ending).unwrap_or(&whole);
    let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let word: String = value.chars().take(40).map(plain).collect();
    let word = if word.is_empty() { "blank".to_owned() } else { word };
    let mut name = format!("{stem}_{word}{ending}");
    let mut number = 2;
    while taken.iter().any(|taken| taken.eq_ignore_ascii_case(&name)) {
        name = format!("{stem}_{word}_{number}{ending}");
        number += 1;
    }
    name
}
