use std::time::Duration;

/// CPU time and memory of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// User and system time of all threads.
    pub cpu: Duration,
    /// The most memory that was resident, in bytes.
    pub peak_memory: u64,
}

impl Usage {
    /// Of a running process, from `/proc`; see proc(5).
    pub(super) fn of(pid: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name before may hold spaces and parentheses; behind it, the state is the first field.
        let (_, fields) = stat.rsplit_once(") ")?;
        let mut times = fields.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok());
        let ticks = times.next()? + times.next()?;
        let second = rustix::param::clock_ticks_per_second();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kibibytes: u64 = peak.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(Self { cpu: Duration::from_millis(ticks * 1000 / second.max(1)), peak_memory: kibibytes * 1024 })
    }

    /// The CPU time of both, and the larger memory: for one process after another.
    #[must_use]
    pub fn and(self, next: Self) -> Self {
        Self { cpu: self.cpu + next.cpu, peak_memory: self.peak_memory.max(next.peak_memory) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.peak_memory > 1 << 20, "{usage:?}");
        assert!(Usage::of(u32::MAX).is_none());
    }
}
