//! CPU time of this and other processes.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::options::Watched;

/// Linux counts process times in hundredths of a second, on every architecture
/// that this runs on.
const TICK: Duration = Duration::from_millis(10);

/// CPU time that this process has used.
pub fn own_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

/// CPU time that the processes have used; those that are gone count nothing.
pub fn watched_time(watched: &Watched) -> Duration {
    watched
        .pids
        .iter()
        .filter_map(|pid| process_time(*pid))
        .sum()
}

fn process_time(pid: u32) -> Option<Duration> {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; fields are counted after it.
    let (_, fields) = line.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(TICK * (user + system))
}

#[cfg(test)]
mod tests {
    use super::{own_time, process_time};

    #[test]
    fn this_process_has_used_time() {
        assert!(own_time().as_nanos() > 0);
        assert!(process_time(std::process::id()).is_some());
        assert!(process_time(0).is_none());
    }
}
