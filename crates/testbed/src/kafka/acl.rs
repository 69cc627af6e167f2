//! Access control lists of a broker, set over the Kafka protocol: Kafka's own tool takes seconds for each call.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind};

/// The timeout of one request, and until the authorizer has learned of a change.
const TIMEOUT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// The largest answer.
const MAX_ANSWER: usize = 1 << 20;
/// The codes of requests. Source: <https://kafka.apache.org/protocol#protocol_api_keys>.
const DESCRIBE_ACLS: i16 = 29;
const CREATE_ACLS: i16 = 30;
const DELETE_ACLS: i16 = 31;
/// The versions that have pattern types and no tagged fields.
const VERSION: i16 = 1;
/// Wildcards of filters.
const ANY: i8 = 1;
/// The permission type.
const ALLOW: i8 = 3;

/// The type of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i8)]
pub enum Resource {
    /// A topic.
    Topic = 2,
    /// A consumer group.
    Group = 3,
    /// The cluster; its name is `kafka-cluster`.
    Cluster = 4,
    /// A transactional id.
    TransactionalId = 5,
}

/// An operation on a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i8)]
pub enum Operation {
    /// `Read`.
    Read = 3,
    /// `Write`.
    Write = 4,
    /// `Create`.
    Create = 5,
    /// `Delete`.
    Delete = 6,
    /// `Alter`.
    Alter = 7,
    /// `Describe`.
    Describe = 8,
    /// `DescribeConfigs`.
    DescribeConfigs = 10,
}

/// An access control list that allows one operation, from any host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Acl {
    /// The principal: `User:<name>`.
    pub principal: String,
    /// The type of the resource.
    pub resource: Resource,
    /// The name of the resource, or its prefix.
    pub name: String,
    /// Whether `name` is a prefix.
    pub is_prefix: bool,
    /// The operation.
    pub operation: Operation,
}

/// The permission that a broker reports: resource type, name, pattern type, principal and operation.
type Listed = (i8, String, i8, String, i8);

impl Acl {
    fn listed(&self) -> Listed {
        (self.resource as i8, self.name.clone(), self.pattern(), self.principal.clone(), self.operation as i8)
    }

    fn pattern(&self) -> i8 {
        const LITERAL: i8 = 3;
        const PREFIXED: i8 = 4;
        if self.is_prefix { PREFIXED } else { LITERAL }
    }
}

/// Replaces all access control lists of the broker at this loopback port, and waits until its authorizer has them.
pub(super) fn replace(port: u16, acls: &[Acl]) -> Result<(), Error> {
    let failed = |error: io::Error| Error::io("cannot set access control lists", &error);
    exchange(port, acls).map_err(failed)?;
    let wanted: BTreeSet<_> = acls.iter().map(Acl::listed).collect();
    let end = Instant::now() + TIMEOUT;
    while describe(port).map_err(failed)? != wanted {
        if Instant::now() > end {
            let what =
                format!("the authorizer does not have the new access control lists within {TIMEOUT:?}");
            return Err(Error::new(ErrorKind::Timeout, what));
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}

fn exchange(port: u16, acls: &[Acl]) -> io::Result<()> {
    let mut delete = Request::new(DELETE_ACLS);
    delete.int32(1);
    delete.any_filter();
    let mut answer = delete.send(port)?;
    for _ in 0..answer.array()? {
        answer.check()?;
        for _ in 0..answer.array()? {
            answer.check()?;
            answer.int8()?;
            answer.string()?;
            answer.int8()?;
            let (_principal, _host) = (answer.string()?, answer.string()?);
            let (_operation, _permission) = (answer.int8()?, answer.int8()?);
        }
    }
    let mut create = Request::new(CREATE_ACLS);
    create.int32(i32::try_from(acls.len()).unwrap_or(i32::MAX));
    for acl in acls {
        create.int8(acl.resource as i8);
        create.string(Some(&acl.name));
        create.int8(acl.pattern());
        create.string(Some(&acl.principal));
        create.string(Some("*"));
        create.int8(acl.operation as i8);
        create.int8(ALLOW);
    }
    let mut answer = create.send(port)?;
    for _ in 0..answer.array()? {
        answer.check()?;
    }
    Ok(())
}

fn describe(port: u16) -> io::Result<BTreeSet<Listed>> {
    let mut request = Request::new(DESCRIBE_ACLS);
    request.any_filter();
    let mut answer = request.send(port)?;
    answer.check()?;
    let mut listed = BTreeSet::new();
    for _ in 0..answer.array()? {
        let (resource, name, pattern) = (answer.int8()?, answer.string()?, answer.int8()?);
        for _ in 0..answer.array()? {
            let (principal, _host) = (answer.string()?, answer.string()?);
            let (operation, _permission) = (answer.int8()?, answer.int8()?);
            listed.insert((resource, name.clone(), pattern, principal, operation));
        }
    }
    Ok(listed)
}

/// A request without tagged fields, after its length.
struct Request(Vec<u8>);

impl Request {
    fn new(api: i16) -> Self {
        let mut request = Self(Vec::new());
        request.int16(api);
        request.int16(VERSION);
        request.int32(0);
        request.string(Some("testbed"));
        request
    }

    fn int8(&mut self, value: i8) {
        self.0.extend(value.to_be_bytes());
    }

    fn int16(&mut self, value: i16) {
        self.0.extend(value.to_be_bytes());
    }

    fn int32(&mut self, value: i32) {
        self.0.extend(value.to_be_bytes());
    }

    fn string(&mut self, value: Option<&str>) {
        let length = value.map_or(-1, |value| i16::try_from(value.len()).unwrap_or(i16::MAX));
        self.int16(length);
        self.0.extend(value.unwrap_or_default().as_bytes());
    }

    /// Adds a filter that matches every list.
    fn any_filter(&mut self) {
        self.int8(ANY);
        self.string(None);
        self.int8(ANY);
        self.string(None);
        self.string(None);
        self.int8(ANY);
        self.int8(ANY);
    }

    /// Sends the request, and returns the answer after the correlation id and the throttle time.
    fn send(self, port: u16) -> io::Result<Answer> {
        let mut stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let length = u32::try_from(self.0.len()).map_err(io::Error::other)?;
        stream.write_all(&[&length.to_be_bytes(), self.0.as_slice()].concat())?;
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > MAX_ANSWER {
            return Err(io::Error::other("the answer is too large"));
        }
        let mut bytes = vec![0; length];
        stream.read_exact(&mut bytes)?;
        let mut answer = Answer(io::Cursor::new(bytes));
        answer.bytes::<8>()?;
        Ok(answer)
    }
}

/// The rest of an answer.
struct Answer(io::Cursor<Vec<u8>>);

impl Answer {
    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn int8(&mut self) -> io::Result<i8> {
        Ok(i8::from_be_bytes(self.bytes()?))
    }

    fn int16(&mut self) -> io::Result<i16> {
        Ok(i16::from_be_bytes(self.bytes()?))
    }

    fn array(&mut self) -> io::Result<i32> {
        Ok(i32::from_be_bytes(self.bytes()?))
    }

    /// Reads a string, which may be null.
    fn string(&mut self) -> io::Result<String> {
        let length = usize::try_from(self.int16()?).unwrap_or(0);
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes)?;
        String::from_utf8(bytes).map_err(io::Error::other)
    }

    /// Reads an error code and its message.
    fn check(&mut self) -> io::Result<()> {
        let (code, message) = (self.int16()?, self.string()?);
        if code == 0 { Ok(()) } else { Err(io::Error::other(format!("error {code}: {message}"))) }
    }
}
