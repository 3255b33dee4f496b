//! Ends processes that are not our own children: the groups and leftovers of clients and browsers.
//!
//! All that this program asks the system about processes is here. `/proc` is read where the system has it, as on Linux.

use rustix::process::{Pid, Signal, geteuid, kill_process, kill_process_group};

/// Ends a process, or with a negative number its group. Never ends this one, the first one, or all.
pub(crate) fn kill(id: i32) {
    if (-1..=1).contains(&id) {
        return;
    }
    let Some(process) = id.checked_abs().and_then(Pid::from_raw) else { return };
    // What has ended already needs no signal.
    let _ = if id < 0 { kill_process_group(process, Signal::KILL) } else { kill_process(process, Signal::KILL) };
}

/// What is looked for in a process.
#[derive(Clone, Copy, Debug)]
pub(crate) enum In {
    /// Its environment.
    Environment,
    /// Its command line.
    CommandLine,
}

/// The processes that hold this text, but for those that ended and wait to be reaped.
pub(crate) fn with(place: In, text: &[u8]) -> Vec<i32> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return vec![] };
    let file = match place {
        In::Environment => "environ",
        In::CommandLine => "cmdline",
    };
    let ids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    ids.filter(|id| {
        let bytes = std::fs::read(format!("/proc/{id}/{file}")).unwrap_or_default();
        bytes.windows(text.len().max(1)).any(|part| part == text)
    })
    .collect()
}

/// Whether this program runs as root.
pub(crate) fn is_root() -> bool {
    geteuid().is_root()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_is_found_by_its_mark_and_ended() {
        let mark = format!("regproof-test-{}", uuid::Uuid::new_v4());
        let mut child = Command::new("sleep").arg("600").env("MARK", &mark).stdin(Stdio::null()).spawn().unwrap();
        let id = i32::try_from(child.id()).unwrap();
        // The environment is the child's once it runs its program.
        while with(In::Environment, mark.as_bytes()) != [id] {
            std::thread::yield_now();
        }
        assert!(with(In::CommandLine, mark.as_bytes()).is_empty());
        kill(id);
        assert!(!child.wait().unwrap().success());
        for none in [0, 1, -1, i32::MIN] {
            kill(none);
        }
    }
}
