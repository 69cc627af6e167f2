use std::collections::HashMap;

use apache_avro::Schema as Avro;
use apache_avro::schema::{InnerDecimalSchema, Name, UuidSchema};

use crate::decode::Limits;
use crate::{Error, Kind, Result};

/// Walks the payload along its schema, without building anything: fails unless it is exactly one
/// datum within the limits.
pub(super) fn check(
    schema: &Avro,
    names: &HashMap<Name, &Avro>,
    payload: &[u8],
    limits: Limits,
) -> Result<()> {
    let mut walk = Walk { rest: payload, total: payload.len(), names, values: limits.values };
    walk.value(schema, limits.depth)?;
    match walk.rest.len() {
        0 => Ok(()),
        trailing => Err(Error::new(
            Kind::Payload,
            format!(
                "{trailing} bytes are left behind the datum: the payload was written with another schema"
            ),
        )),
    }
}

struct Walk<'a> {
    rest: &'a [u8],
    total: usize,
    names: &'a HashMap<Name, &'a Avro>,
    /// Values that may still come.
    values: usize,
}

impl Walk<'_> {
    fn value(&mut self, schema: &Avro, depth: usize) -> Result<()> {
        let depth = depth
            .checked_sub(1)
            .ok_or_else(|| Error::new(Kind::TooLarge, "the payload is nested deeper than allowed"))?;
        self.values = self
            .values
            .checked_sub(1)
            .ok_or_else(|| Error::new(Kind::TooLarge, "the payload holds more values than allowed"))?;
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
            Avro::Record(record) => {
                record.fields.iter().try_for_each(|field| self.value(&field.schema, depth))
            }
            Avro::Array(array) => self.blocks(|walk| walk.value(&array.items, depth)),
            Avro::Map(map) => self.blocks(|walk| {
                walk.text()?;
                walk.value(&map.types, depth)
            }),
            Avro::Ref { name } => match self.names.get(name) {
                // The definition counts for the reference.
                Some(definition) => {
                    self.values += 1;
                    self.value(definition, depth + 1)
                }
                None => Err(Error::new(Kind::UnusableSchema, format!("the schema does not define {name}"))),
            },
        }
    }

    /// An array's or map's blocks: a count, for a negative one the size in bytes, then the items; 0 ends.
    fn blocks(&mut self, mut item: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        loop {
            let count = self.long()?;
            if count == 0 {
                return Ok(());
            }
            if count < 0 {
                self.long()?;
            }
            // Before the items: the decoder reserves room for all of them at once.
            if count.unsigned_abs() > self.values as u64 {
                return Err(Error::new(Kind::TooLarge, "an array or map holds more items than allowed"));
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

    /// A zigzag varint of ten bytes at most.
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
        Error::new(Kind::Payload, format!("{what}, at byte {at} of {}", self.total))
    }
}
