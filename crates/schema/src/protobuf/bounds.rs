//! The check of a Protobuf payload before it is decoded: whole fields, within the limits.
//!
//! It allocates nothing, so that a hostile payload costs no memory. [`super::decode()`] is its only caller.

use prost_reflect::{FieldDescriptor, MessageDescriptor};

use crate::limits::{Budget, Limits, descend};
use crate::{Error, ErrorKind, Result};

// The wire types of the encoding: <https://protobuf.dev/programming-guides/encoding/#structure>.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH: u64 = 2;
const START: u64 = 3;
const END: u64 = 4;
const FIXED32: u64 = 5;

/// Checks that the payload is a sequence of whole fields within `limits`. Unknown fields are allowed.
pub(super) fn check(message: &MessageDescriptor, payload: &[u8], limits: Limits) -> Result<()> {
    let mut walk = Walk { rest: payload, total: payload.len(), budget: Budget::new(limits) };
    walk.message(Some(message), payload.len(), None, limits.depth)
}

/// The position in the payload.
struct Walk<'a> {
    rest: &'a [u8],
    /// The length of the whole payload in bytes.
    total: usize,
    budget: Budget,
}

impl Walk<'_> {
    /// Walks over fields: `length` bytes, or up to the end of the group with the number `group`.
    fn message(
        &mut self,
        message: Option<&MessageDescriptor>,
        length: usize,
        group: Option<u64>,
        depth: usize,
    ) -> Result<()> {
        let depth = descend(depth)?;
        self.budget.take_value()?;
        let end =
            self.rest.len().checked_sub(length).ok_or_else(|| self.wrong("the payload ends too early"))?;
        while self.rest.len() > end {
            let tag = self.varint()?;
            let (number, wire) = (tag >> 3, tag & 7);
            if wire == END {
                return match group == Some(number) {
                    true => Ok(()),
                    false => Err(self.wrong("a group ends that has not begun")),
                };
            }
            let field = u32::try_from(number).ok().and_then(|number| message?.get_field(number));
            self.field(field.as_ref(), number, wire, end, depth).map_err(|error| match &field {
                Some(field) => error.in_field(field.name()),
                None => error,
            })?;
            if self.rest.len() < end {
                return Err(self.wrong("a field reaches beyond its message"));
            }
        }
        match group {
            None => Ok(()),
            Some(_) => Err(self.wrong("a group does not end")),
        }
    }

    fn field(
        &mut self,
        field: Option<&FieldDescriptor>,
        number: u64,
        wire: u64,
        end: usize,
        depth: usize,
    ) -> Result<()> {
        let kind = field.map(FieldDescriptor::kind);
        let nested = kind.as_ref().and_then(prost_reflect::Kind::as_message);
        match wire {
            VARINT => self.varint().map(drop).and_then(|()| self.budget.take_value()),
            FIXED64 => self.skip(8).and_then(|()| self.budget.take_value()),
            FIXED32 => self.skip(4).and_then(|()| self.budget.take_value()),
            START => {
                // The tag of the group may itself reach beyond the message.
                let left = self.rest.len().checked_sub(end);
                let left = left.ok_or_else(|| self.wrong("a field reaches beyond its message"))?;
                self.message(nested, left, Some(number), depth)
            }
            LENGTH => {
                let length =
                    usize::try_from(self.varint()?).map_err(|_| self.wrong("a length is too large"))?;
                if nested.is_some() {
                    return self.message(nested, length, None, depth);
                }
                self.budget.take_value()?;
                if field.is_some_and(is_packable) {
                    // Each item takes at least one byte.
                    self.budget.take_values(length)?;
                }
                self.skip(length)
            }
            _ => Err(self.wrong("a field has no known wire type")),
        }
    }

    fn skip(&mut self, bytes: usize) -> Result<()> {
        match self.rest.split_at_checked(bytes) {
            Some((_, rest)) => {
                self.rest = rest;
                Ok(())
            }
            None => Err(self.wrong("the payload ends too early")),
        }
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let Some((byte, rest)) = self.rest.split_first() else {
                return Err(self.wrong("the payload ends too early"));
            };
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.wrong("a number has more than 64 bits"))
    }

    fn wrong(&self, what: &str) -> Error {
        let at = self.total - self.rest.len();
        Error::new(ErrorKind::Payload, format!("{what}, at byte {at} of {}", self.total))
    }
}

/// True for a list of scalars, whose items may be packed into one field.
fn is_packable(field: &FieldDescriptor) -> bool {
    use prost_reflect::Kind as Type;
    field.is_list() && !matches!(field.kind(), Type::String | Type::Bytes | Type::Message(_))
}
