//! Table `mailing_list`: address lists made on the page.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, params};

use super::definitions::Eyes;
use crate::domain::text::stamp;

/// The mailing lists made on the page: name and addresses as text.
pub fn all(connection: &Connection) -> rusqlite::Result<BTreeMap<String, Vec<String>>> {
    connection
        .prepare_cached("select name, addresses from mailing_list")?
        .query_map([], |row| {
            let json: String = row.get(1)?;
            Ok((row.get(0)?, serde_json::from_str(&json).unwrap_or_default()))
        })?
        .collect()
}

/// The reports whose text names something, such as a mailing list, as a string of its own. One that the asker may not
/// see counts, and goes without its name.
pub fn uses(connection: &Connection, eyes: Eyes<'_>, name: &str) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached(
            "select case when ?3 or d.private = 0 or d.made_by = ?2 then d.name else 'a private report' end
             from definition d join definition_version v on v.version_id = d.version_id
             where d.state <> 'retired' and (instr(v.text, char(34) || ?1 || char(34)) or instr(v.text, char(39) || ?1 || char(39)))
             order by d.name limit 20",
        )?
        .query_map(params![name, eyes.who, eyes.see_all], |row| row.get(0))?
        .collect()
}

/// Writes a mailing list, or removes it when it has no addresses.
pub fn set(
    tx: &Transaction<'_>,
    name: &str,
    addresses: &[String],
    who: &str,
    now: Timestamp,
) -> rusqlite::Result<()> {
    if addresses.is_empty() {
        tx.execute("delete from mailing_list where name = ?1", [name])?;
        return Ok(());
    }
    tx.execute(
        "insert into mailing_list (name, addresses, changed_by, changed_at) values (?1, ?2, ?3, ?4)
         on conflict (name) do update set addresses = excluded.addresses, changed_by = excluded.changed_by,
                                          changed_at = excluded.changed_at",
        params![name, serde_json::Value::from(addresses.to_vec()).to_string(), who, stamp(now)],
    )?;
    Ok(())
}
