//! An outbox folder: mail is written as `.eml` files and not sent. For demo and trials.

use std::path::Path;

use super::{Mark, Parcel, from_io};
use crate::domain::delivery::Outcome;

pub(super) async fn write(folder: &Path, parcel: &Parcel, message: &[u8], mark: Mark<'_>) -> Outcome {
    if let Err(reply) = mark(None).await {
        return Outcome::passing(reply);
    }
    let address: String = parcel
        .address
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "@.-_".contains(c) { c } else { '_' })
        .collect();
    let path = folder.join(format!("{}-{address}.eml", parcel.delivery_id));
    let part = folder.join(format!(".{}-{address}.eml.part", parcel.delivery_id));
    let written = async {
        tokio::fs::create_dir_all(folder).await?;
        tokio::fs::write(&part, message).await?;
        tokio::fs::rename(&part, &path).await
    };
    match written.await {
        Ok(()) => Outcome::Written { reply: format!("written to outbox, not sent: {}", path.display()) },
        Err(error) => from_io("write to the outbox", &path, &error),
    }
}
