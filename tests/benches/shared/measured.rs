//! One process and what it took.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a process took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Measured {
    /// Seconds from its start to its end.
    pub(crate) wall: f64,
    /// Seconds of CPU, user and sys.
    pub(crate) cpu: f64,
    /// The highest `RssAnon`, sampled every 2 ms.
    pub(crate) heap_mib: f64,
    /// Seconds by its own clock after its start, where it prints `own SECONDS`.
    #[allow(dead_code, reason = "not every bench has peers")]
    pub(crate) own: f64,
}

fn cpu_of_children() -> f64 {
    // Fields 16 and 17 of /proc/self/stat: time of children that were waited for, in ticks of 10 ms.
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    (fields[13].parse::<f64>().unwrap() + fields[14].parse::<f64>().unwrap()) / 100.0
}

/// Runs a process that must go well.
pub(crate) fn measure(command: &mut Command) -> Measured {
    // What others left to the page cache is not this one's to wait for.
    assert!(Command::new("sync").status().unwrap().success());
    let before = cpu_of_children();
    let begun = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut heap = 0.0_f64;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<f64>().ok());
        heap = heap.max(kib.unwrap_or(0.0) / 1024.0);
        std::thread::sleep(Duration::from_millis(2));
    }
    let wall = begun.elapsed().as_secs_f64();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let own = said.lines().find_map(|line| line.strip_prefix("own ")).and_then(|text| text.parse().ok());
    Measured { wall, cpu: cpu_of_children() - before, heap_mib: heap, own: own.unwrap_or(wall) }
}

/// Legwork under the config of a folder.
pub(crate) fn legwork(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_legwork"));
    command.arg("--config").arg(folder.join("legwork.toml")).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}
