//! Reserves free loopback ports.
//!
//! A port that was free a moment ago may be taken when a component binds it. Two measures make this rare, and the caller
//! retries otherwise. First, a lock file per port keeps other testbeds away: the emulator sets `SO_REUSEPORT`, so two
//! emulators would share a port without an error. Second, the ports are below the kernel's ephemeral range, so that no
//! outgoing connection takes one, not even that of a client that tries to reach a stopped component.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use crate::cache::Cache;
use crate::error::{Error, ErrorKind};

const MAX_ATTEMPTS: usize = 500;

/// A loopback port, reserved among testbeds until it is dropped.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    pub(crate) fn reserve() -> Result<Self, Error> {
        let locks = Cache::open()?.folder("ports")?;
        let range = range();
        for _ in 0..MAX_ATTEMPTS {
            let number = random(&range);
            let path = locks.join(number.to_string());
            let lock = File::create(&path)
                .map_err(|error| Error::io(format_args!("cannot create {}", path.display()), &error))?;
            if lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Ok(Self { number, _lock: lock });
            }
        }
        let what = format!("no free port among {MAX_ATTEMPTS} tried in {}..{}", range.start, range.end);
        Err(Error::new(ErrorKind::PortTaken, format!("{what}; end what holds them")))
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    /// Returns `127.0.0.1:<port>`.
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.number)
    }
}

fn range() -> Range<u16> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let low = text.split_whitespace().next().and_then(|low| low.parse::<u16>().ok()).unwrap_or(32_768);
    // On some machines nearly all ports are ephemeral; then this range must do.
    if low >= 12_000 { 10_000..low } else { 20_000..60_000 }
}

fn random(range: &Range<u16>) -> u16 {
    let width = u64::from(range.end - range.start);
    // Each RandomState has new random keys.
    let offset = RandomState::new().hash_one(0_u8) % width;
    range.start + u16::try_from(offset).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_port_is_not_reserved_again() {
        let ports: Vec<_> = (0..20).map(|_| Port::reserve().unwrap()).collect();
        let mut numbers: Vec<_> = ports.iter().map(Port::number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), ports.len());
        let again =
            File::create(Cache::open().unwrap().folder("ports").unwrap().join(numbers[0].to_string()));
        assert!(again.unwrap().try_lock().is_err());
    }
}
