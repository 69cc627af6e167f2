//! Asks a component whether it answers.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

/// The timeout of one probe.
const TIMEOUT: Duration = Duration::from_secs(2);

fn connect(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

/// Returns true when a GET of `path` on this loopback port answers 200.
pub(crate) fn http_ok(port: u16, path: &str) -> bool {
    let get = || -> io::Result<bool> {
        let mut stream = connect(port)?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status.starts_with(b"HTTP/1.") && status.ends_with(b" 200"))
    };
    get().unwrap_or(false)
}

/// Returns true when a Kafka broker answers `ApiVersions` on this loopback port.
///
/// Source: <https://kafka.apache.org/protocol#The_Messages_ApiVersions>, version 0 of request and header.
pub(crate) fn kafka_ok(port: u16) -> bool {
    const CORRELATION: [u8; 4] = *b"span";
    let ask = || -> io::Result<bool> {
        let mut stream = connect(port)?;
        // Length 10, API 18, version 0, correlation id, no client id.
        let mut request = vec![0, 0, 0, 10, 0, 18, 0, 0];
        request.extend(CORRELATION);
        request.extend([0xff, 0xff]);
        stream.write_all(&request)?;
        let mut answer = [0; 10];
        stream.read_exact(&mut answer)?;
        Ok(answer[4..8] == CORRELATION && answer[8..10] == [0, 0])
    };
    ask().unwrap_or(false)
}

/// Returns true when something accepts connections at `host:port`.
pub(crate) fn accepts(address: &str) -> bool {
    let Ok(addresses) = address.to_socket_addrs() else { return false };
    addresses.into_iter().any(|address| TcpStream::connect_timeout(&address, TIMEOUT).is_ok())
}
