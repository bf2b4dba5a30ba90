//! `legwork reports`: the catalogue, and what each column means.

use super::context::Context;
use super::exit::{Exit, told};
use super::out::{json, say, table};
use crate::domain::criteria::{Criterion, Takes};
use crate::domain::nearest::nearest;
use crate::domain::output::Format;
use crate::domain::report::ReportType;
use crate::reports::CATALOGUE;

/// The formats; every report comes in each.
fn formats() -> String {
    Format::ALL.map(Format::extension).join(", ")
}

pub(super) fn list(context: &Context) -> anyhow::Result<Exit> {
    if context.json {
        json(&CATALOGUE.map(|report| {
            serde_json::json!({
                "type": report.name,
                "about": report.about,
                "rows": report.rows,
                "columns": report.columns.len(),
            })
        }))?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = CATALOGUE
        .iter()
        .map(|report| vec![report.name.to_owned(), report.columns.len().to_string(), report.about.to_owned()])
        .collect();
    table(&["TYPE", "COLUMNS", "WHAT IT IS"], &rows)?;
    say!(
        "\nEach as {}. `legwork reports show TYPE` explains rows, filters, options and columns.",
        formats()
    )?;
    Ok(Exit::Done)
}

pub(super) fn show(context: &Context, name: &str) -> anyhow::Result<Exit> {
    let Some(report) = CATALOGUE.iter().find(|report| report.name == name) else {
        let help = match nearest(name, CATALOGUE.iter().map(|report| report.name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`legwork reports` lists them".to_owned(),
        };
        return Err(told(Exit::NotFound, format!("there is no report `{name}`; {help}")));
    };
    let filters: Vec<&str> = report.filters.iter().map(|filter| filter.name()).collect();
    if context.json {
        let columns: Vec<_> = report
            .columns
            .iter()
            .map(|column| {
                serde_json::json!({
                    "header": column.header,
                    "meaning": column.meaning,
                    "blank": column.blank,
                    "source": column.source,
                })
            })
            .collect();
        json(&serde_json::json!({
            "type": report.name,
            "about": report.about,
            "rows": report.rows,
            "filters": filters,
            "options": report.options,
            "criteria": report.vendors_own().map(|own| own.criteria),
            "columns": columns,
        }))?;
        return Ok(Exit::Done);
    }
    tell(report, &filters)?;
    Ok(Exit::Done)
}

fn tell(report: &ReportType, filters: &[&str]) -> std::io::Result<()> {
    say!("{}: {}", report.name, report.about)?;
    say!("rows:    {}", report.rows)?;
    say!("filters: {}", filters.join(", "))?;
    say!("options: {}", report.options.join(", "))?;
    say!("formats: {}", formats())?;
    for Criterion { key, takes } in report.vendors_own().into_iter().flat_map(|own| own.criteria) {
        let takes = match takes {
            Takes::Flag(flag) => format!("true or false; {flag} when absent"),
            Takes::Word(words) => {
                format!("{}; {} when absent", words.join(", "), words.first().unwrap_or(&""))
            }
            Takes::Ids => "ids, and \"none\" for what has none".to_owned(),
        };
        say!("criteria.{key}: {takes}")?;
    }
    for (number, column) in (1..).zip(report.columns) {
        say!("\n{number:>2}. {}", column.header)?;
        say!("    {}", column.meaning)?;
        say!("    blank: {}", column.blank)?;
        say!("    source: {}", column.source)?;
    }
    Ok(())
}
