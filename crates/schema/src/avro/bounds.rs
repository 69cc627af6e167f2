//! The check of an Avro payload before it is decoded: one datum of its schema, within the limits.
//!
//! It allocates nothing, so that a hostile payload costs no memory. [`super::decode`] is its only caller.

use std::collections::HashMap;

use apache_avro::Schema as Avro;
use apache_avro::schema::{InnerDecimalSchema, Name, UuidSchema};

use crate::limits::{Budget, Limits, descend};
use crate::{Error, ErrorKind, Result};

/// Checks that the payload is exactly one datum of `schema` within `limits`. `names` defines the references that
/// remain in a recursive schema.
pub(super) fn check(
    schema: &Avro,
    names: &HashMap<Name, &Avro>,
    payload: &[u8],
    limits: Limits,
) -> Result<()> {
    let mut walk = Walk { rest: payload, total: payload.len(), names, budget: Budget::new(limits) };
    walk.value(schema, limits.depth)?;
    match walk.rest.len() {
        0 => Ok(()),
        trailing => Err(Error::new(
            ErrorKind::Payload,
            format!("{trailing} bytes follow the datum: the payload was written with another schema"),
        )),
    }
}

/// The position in the payload.
struct Walk<'a> {
    rest: &'a [u8],
    /// The length of the whole payload in bytes.
    total: usize,
    names: &'a HashMap<Name, &'a Avro>,
    budget: Budget,
}

impl Walk<'_> {
    fn value(&mut self, schema: &Avro, depth: usize) -> Result<()> {
        let depth = descend(depth)?;
        self.budget.take_value()?;
        match schema {
            Avro::Null => Ok(()),
            Avro::Boolean => match self.take(1)? {
                [0 | 1] => Ok(()),
                _ => Err(self.wrong("a boolean is neither 0 nor 1")),
            },
            Avro::Int | Avro::Date | Avro::TimeMillis => self.int().map(drop),
            Avro::Long
            | Avro::TimeMicros
            | Avro::TimestampMillis
            | Avro::TimestampMicros
            | Avro::TimestampNanos
            | Avro::LocalTimestampMillis
            | Avro::LocalTimestampMicros
            | Avro::LocalTimestampNanos => self.long().map(drop),
            Avro::Float => self.take(4).map(drop),
            Avro::Double => self.take(8).map(drop),
            Avro::Bytes | Avro::BigDecimal | Avro::Uuid(UuidSchema::Bytes) => self.block().map(drop),
            Avro::Decimal(decimal) => match &decimal.inner {
                InnerDecimalSchema::Bytes => self.block().map(drop),
                InnerDecimalSchema::Fixed(fixed) => self.take(fixed.size).map(drop),
            },
            Avro::String | Avro::Uuid(UuidSchema::String) => self.text(),
            Avro::Fixed(fixed) | Avro::Duration(fixed) | Avro::Uuid(UuidSchema::Fixed(fixed)) => {
                self.take(fixed.size).map(drop)
            }
            Avro::Enum(symbols) => match usize::try_from(self.int()?) {
                Ok(index) if index < symbols.symbols.len() => Ok(()),
                _ => Err(self.wrong("an enum has no symbol of that index")),
            },
            Avro::Union(union) => {
                let index = usize::try_from(self.long()?).ok();
                match index.and_then(|index| union.variants().get(index)) {
                    Some(variant) => self.value(variant, depth),
                    None => Err(self.wrong("a union has no branch of that index")),
                }
            }
            Avro::Record(record) => record.fields.iter().try_for_each(|field| {
                self.value(&field.schema, depth).map_err(|error| error.in_field(&field.name))
            }),
            Avro::Array(array) => self.blocks(|walk| walk.value(&array.items, depth)),
            Avro::Map(map) => self.blocks(|walk| {
                walk.text()?;
                walk.value(&map.types, depth)
            }),
            Avro::Ref { name } => match self.names.get(name) {
                // The reference itself does not count as a value; its definition does.
                Some(definition) => {
                    self.budget.return_value();
                    self.value(definition, depth + 1)
                }
                None => {
                    Err(Error::new(ErrorKind::UnusableSchema, format!("the schema does not define {name}")))
                }
            },
        }
    }

    /// Reads the blocks of an array or map. A block is a count, the size in bytes if the count is negative, and the
    /// items. A count of 0 ends the blocks.
    fn blocks(&mut self, mut item: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        loop {
            let count = self.long()?;
            if count == 0 {
                return Ok(());
            }
            if count < 0 {
                self.long()?;
            }
            // Checked before the items, because the decoder reserves memory for all of them at once.
            if count.unsigned_abs() > self.budget.values() as u64 {
                return Err(Error::new(ErrorKind::TooLarge, "an array or map holds more items than allowed"));
            }
            for _ in 0..count.unsigned_abs() {
                item(self)?;
            }
        }
    }

    fn take(&mut self, bytes: usize) -> Result<&[u8]> {
        match self.rest.split_at_checked(bytes) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.wrong("the payload ends too early")),
        }
    }

    /// Reads bytes with their length in front.
    fn block(&mut self) -> Result<&[u8]> {
        match usize::try_from(self.long()?) {
            Ok(length) => self.take(length),
            Err(_) => Err(self.wrong("a length is negative")),
        }
    }

    fn text(&mut self) -> Result<()> {
        let valid = str::from_utf8(self.block()?).is_ok();
        if valid { Ok(()) } else { Err(self.wrong("a string is not UTF-8")) }
    }

    fn int(&mut self) -> Result<i32> {
        i32::try_from(self.long()?).map_err(|_| self.wrong("an int has more than 32 bits"))
    }

    /// Reads a zigzag varint of at most ten bytes.
    fn long(&mut self) -> Result<i64> {
        let mut zigzag = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = match self.take(1)? {
                [byte] => *byte,
                _ => 0,
            };
            zigzag |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed());
            }
        }
        Err(self.wrong("a number has more than 64 bits"))
    }

    fn wrong(&self, what: &str) -> Error {
        let at = self.total - self.rest.len();
        Error::new(ErrorKind::Payload, format!("{what}, at byte {at} of {}", self.total))
    }
}
