//! Free loopback ports that stay ours.
//!
//! A port that was free a moment ago may be taken when the part binds it. Two things make that rare, and the
//! caller tries again for the rest: a lock file per port keeps other testbeds away (the emulator sets
//! SO_REUSEPORT, so two of them would share one port without an error), and the ports are below the kernel's
//! ephemeral range, so that no outgoing connection takes one, not even a client's own try to reach a part
//! that is down.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use crate::cache::Cache;
use crate::error::{Error, ErrorKind};

const TRIES: usize = 500;

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
        for _ in 0..TRIES {
            let number = random(&range);
            let path = locks.join(number.to_string());
            let lock = File::create(&path)
                .map_err(|error| Error::io(format_args!("cannot create {}", path.display()), &error))?;
            if lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok() {
                return Ok(Self { number, _lock: lock });
            }
        }
        let what = format!("no free port among {TRIES} tried in {}..{}", range.start, range.end);
        Err(Error::new(ErrorKind::PortTaken, format!("{what}; end what holds them")))
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    /// `127.0.0.1:<port>`
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.number)
    }
}

fn range() -> Range<u16> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let low = text.split_whitespace().next().and_then(|low| low.parse::<u16>().ok()).unwrap_or(32_768);
    // Some machines make nearly everything ephemeral: then there is nothing better than that.
    if low >= 12_000 { 10_000..low } else { 20_000..60_000 }
}

fn random(range: &Range<u16>) -> u16 {
    let width = u64::from(range.end - range.start);
    // A fresh RandomState has fresh random keys.
    let offset = RandomState::new().hash_one(0_u8) % width;
    range.start + u16::try_from(offset).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_port_is_not_given_twice() {
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
