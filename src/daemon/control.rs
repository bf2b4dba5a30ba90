//! The socket by which commands wake the daemon. It carries no data: what a command wants stands in the store already.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use super::{CoreError, Wake};

/// The one word there is.
const WAKE: &[u8] = b"wake\n";
/// The answer, given when the tasks have been woken.
const WOKEN: &[u8] = b"ok\n";

/// Binds the socket. A leftover of a crash is replaced: the lock of the state folder says that nobody else serves.
pub(super) fn bind(path: &Path) -> Result<UnixListener, CoreError> {
    let io = |what| move |source| CoreError::Io { what, path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(io("make the folder of"))?;
    }
    if path.exists() {
        std::fs::remove_file(path).map_err(io("remove the old socket"))?;
    }
    UnixListener::bind(path).map_err(io("bind the socket"))
}

/// Answers wake-ups until it is told to stop.
pub(super) async fn control(listener: UnixListener, wake: Wake, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((mut stream, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let talk = async {
            let mut word = [0; WAKE.len()];
            stream.read_exact(&mut word).await?;
            wake.all();
            stream.write_all(WOKEN).await
        };
        // A caller that says nothing must not keep others from being heard.
        if tokio::time::timeout(Duration::from_secs(1), talk).await.is_err() {
            tracing::debug!("a caller of the socket said nothing");
        }
    }
}

/// Whether a daemon listens on a socket; it is not woken.
pub fn is_there(socket: &Path) -> bool {
    UnixStream::connect(socket).is_ok()
}

/// Wakes the daemon that listens on a socket; false when none does. Blocks for two seconds at most.
pub fn wake(socket: &Path) -> bool {
    let talk = || -> std::io::Result<()> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(WAKE)?;
        let mut answer = [0; WOKEN.len()];
        stream.read_exact(&mut answer)
    };
    talk().is_ok()
}
