use std::time::Duration;

/// The CPU time and memory of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ResourceUsage {
    /// The user and system time of all threads.
    pub cpu: Duration,
    /// The largest resident memory, in bytes.
    pub peak_memory: u64,
}

impl ResourceUsage {
    /// Reads the usage of a running process from `/proc`; see proc(5).
    pub(super) fn read(pid: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The process name may contain spaces and parentheses. The state is the first field after it.
        let (_, fields) = stat.rsplit_once(") ")?;
        let mut times = fields.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok());
        let ticks = times.next()? + times.next()?;
        let ticks_per_second = rustix::param::clock_ticks_per_second();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kibibytes: u64 = peak.trim().strip_suffix(" kB")?.parse().ok()?;
        let cpu = Duration::from_millis(ticks * 1000 / ticks_per_second.max(1));
        Some(Self { cpu, peak_memory: kibibytes * 1024 })
    }

    /// Returns the usage of two processes of which one ran after the other: the sum of the CPU times and the larger
    /// memory.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        Self { cpu: self.cpu + next.cpu, peak_memory: self.peak_memory.max(next.peak_memory) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_process_has_memory_and_missing_process_has_no_usage() {
        let usage = ResourceUsage::read(std::process::id()).unwrap();
        assert!(usage.peak_memory > 1 << 20, "{usage:?}");
        assert!(ResourceUsage::read(u32::MAX).is_none());
    }
}
