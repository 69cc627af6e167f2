use std::io::Write;

use spanbridge_ingest::dead_letters::{DeadLetter, PayloadDecoder};
use spanbridge_protocol::ingest::TABLE_DEAD_LETTERS;

use super::args::Show;
use super::payload::{display, raw};
use super::{Opened, print, text, written};
use crate::connections;
use crate::error::{Error, ErrorKind, Result};

pub(super) async fn run(opened: &Opened, args: &Show, out: &mut impl Write) -> Result<()> {
    let address = &args.address;
    let Some(letter) = DeadLetter::read(&opened.database, address).await? else {
        let message = format!("{TABLE_DEAD_LETTERS} of {} has no row for {address}", opened.database.name());
        return Err(Error::new(ErrorKind::Failed, "SB-CLI-NO-DEAD-LETTER", message)
            .with_help("`dead-letters list` shows those there are"));
    };
    if let Some(file) = &args.raw_value {
        let Some(value) = &letter.value else {
            let message = format!("the record {address} has no value to write; it is a tombstone");
            return Err(Error::new(ErrorKind::Failed, "SB-CLI-NO-DEAD-LETTER", message));
        };
        std::fs::write(file, value).map_err(|error| {
            Error::new(ErrorKind::Failed, "SB-CLI-IO", format!("cannot write {}: {error}", file.display()))
        })?;
    }
    let registry = connections::registry(&opened.config).map_err(|error| error.to_string());
    let decoder = PayloadDecoder::new(&opened.config, &address.pipeline, registry);
    print(out, format_args!("position   {address}\n"))?;
    print(out, format_args!("code       {}\n", text::line(&letter.code)))?;
    print(out, format_args!("message    {}\n", text::line(&letter.message)))?;
    let age = text::age(letter.failed_at, opened.now);
    print(out, format_args!("failed     {}, {age} ago\n", letter.failed_at.to_rfc3339()))?;
    if let Some(time) = letter.timestamp {
        print(out, format_args!("timestamp  {}\n", time.to_rfc3339()))?;
    }
    if let Some(id) = &letter.trace_id {
        print(out, format_args!("trace      {}\n", text::line(id)))?;
    }
    for (name, value) in &letter.headers {
        let value = value.as_deref().map_or("null".to_owned(), raw);
        print(out, format_args!("header     {}: {value}\n", text::line(name)))?;
    }
    if decoder.is_none() {
        let file = args.config.display();
        print(
            out,
            format_args!(
                "note       {file} has no [[ingest]] pipeline `{}`; nothing is decoded\n",
                address.pipeline
            ),
        )?;
    }
    let key = match (&letter.key, &decoder) {
        (Some(bytes), Some(decoder)) => Some(display(&decoder.key(bytes).await, bytes)),
        (bytes, _) => bytes.as_deref().map(raw),
    };
    part("key", letter.key.as_deref(), key, out)?;
    let value = match (&letter.value, &decoder) {
        (Some(bytes), Some(decoder)) => Some(display(&decoder.value(bytes).await, bytes)),
        (bytes, _) => bytes.as_deref().map(raw),
    };
    part("value", letter.value.as_deref(), value, out)?;
    written(out.flush())
}

/// One part of the record: how long it is, and its text indented below.
fn part(name: &str, bytes: Option<&[u8]>, shown: Option<String>, out: &mut impl Write) -> Result<()> {
    let (Some(bytes), Some(shown)) = (bytes, shown) else {
        return print(out, format_args!("{name:<9}  null\n"));
    };
    print(out, format_args!("{name:<9}  {} bytes\n", bytes.len()))?;
    shown.lines().try_for_each(|line| print(out, format_args!("  {}\n", text::line(line))))
}
