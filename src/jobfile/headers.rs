//! The columns of a job's file, as keys name them.

use crate::domain::nearest::nearest;
use crate::domain::output::Format;
use crate::domain::report::{Reads, Report};

/// The headers of a file.
#[derive(Debug)]
pub(super) enum Headers {
    /// These.
    Known(Vec<String>),
    /// It has none: a documented JSON of metrics is no table.
    None,
    /// The report could not be read, or its vendor names them.
    Unknown,
}

impl Headers {
    pub(super) fn of(report: &Report, format: Format) -> Self {
        if matches!(report.kind.reads, Reads::Metrics(_)) && format == Format::Json {
            return Self::None;
        }
        if report.kind.columns.is_empty() {
            return Self::Unknown;
        }
        let columns = (report.kind.pick)(report, format);
        Self::Known(columns.into_iter().map(|picked| picked.header.into_owned()).collect())
    }

    /// Whether the file has columns at all.
    pub(super) fn any(&self) -> Result<(), String> {
        match self {
            Self::None => self.find(""),
            Self::Known(_) | Self::Unknown => Ok(()),
        }
    }

    /// Whether the file has a column, or what is wrong and what would be right.
    pub(super) fn find(&self, header: &str) -> Result<(), String> {
        match self {
            Self::Unknown => Ok(()),
            Self::None => Err("this report's documented JSON has no columns; use another format".to_owned()),
            Self::Known(headers) if headers.iter().any(|known| known == header) => Ok(()),
            Self::Known(headers) => {
                let help = match nearest(header, headers.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("it has {}", headers.join(", ")),
                };
                Err(format!("the file has no column `{header}`; {help}"))
            }
        }
    }
}
