use std::io::Write;

use spanbridge_ingest::dead_letters::{DeadLetter, DeadLetterProtection, PayloadDecoder};
use spanbridge_protocol::ingest::TABLE_DEAD_LETTERS;

use super::args::ShowArgs;
use super::output::{flush, print};
use super::payload::{format_payload, format_raw};
use super::session::Session;
use super::terminal_text;
use crate::connections;
use crate::error::{Error, ErrorKind, Result};

/// Prints one dead letter.
pub(super) async fn run(session: &Session, args: &ShowArgs, out: &mut impl Write) -> Result<()> {
    let address = &args.address;
    let pipeline = session.config.ingest.iter().find(|pipeline| pipeline.identity() == address.pipeline);
    let protection = match pipeline {
        Some(pipeline) => DeadLetterProtection::new(pipeline),
        None => DeadLetterProtection::unknown(&address.pipeline),
    };
    let Some(dead_letter) = DeadLetter::read(&session.database, &protection, address).await? else {
        let message = format!("{TABLE_DEAD_LETTERS} of {} has no row for {address}", session.database.name());
        return Err(Error::new(ErrorKind::Failed, "SB-CLI-NO-DEAD-LETTER", message)
            .with_help("list the dead letters with `spanbridge dead-letters list`"));
    };
    if let Some(file) = &args.raw_value {
        if let Some(reason) = &dead_letter.hidden {
            let message = format!("the record {address} has no value to write: {reason}");
            return Err(Error::new(ErrorKind::Failed, "SB-CLI-NO-DEAD-LETTER", message));
        }
        let Some(value) = &dead_letter.value else {
            let message = format!("the record {address} has no value to write; it is a tombstone");
            return Err(Error::new(ErrorKind::Failed, "SB-CLI-NO-DEAD-LETTER", message));
        };
        std::fs::write(file, value).map_err(|error| {
            Error::new(ErrorKind::Failed, "SB-CLI-IO", format!("cannot write {}: {error}", file.display()))
        })?;
    }
    let registry = connections::registry(&session.config).map_err(|error| error.to_string());
    let decoder = PayloadDecoder::new(&session.config, &address.pipeline, registry);
    print(out, format_args!("position   {address}\n"))?;
    print(out, format_args!("code       {}\n", terminal_text::line(&dead_letter.code)))?;
    print(out, format_args!("message    {}\n", terminal_text::line(&dead_letter.message)))?;
    let age = terminal_text::age(dead_letter.failed_at, session.now);
    print(out, format_args!("failed     {}, {age} ago\n", dead_letter.failed_at.to_rfc3339()))?;
    if let Some(time) = dead_letter.timestamp {
        print(out, format_args!("timestamp  {}\n", time.to_rfc3339()))?;
    }
    if let Some(id) = &dead_letter.trace_id {
        print(out, format_args!("trace      {}\n", terminal_text::line(id)))?;
    }
    for (name, value) in &dead_letter.headers {
        let value = value.as_deref().map_or("null".to_owned(), format_raw);
        print(out, format_args!("header     {}: {value}\n", terminal_text::line(name)))?;
    }
    if let Some(id) = &dead_letter.key_id {
        print(out, format_args!("encrypted  with the key {}\n", terminal_text::line(id)))?;
    }
    if let Some(reason) = &dead_letter.hidden {
        print(out, format_args!("record     not shown: {}\n", terminal_text::line(reason)))?;
        return flush(out);
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
    let key = match (&dead_letter.key, &decoder) {
        (Some(bytes), Some(decoder)) => Some(format_payload(&decoder.key(&dead_letter, bytes).await, bytes)),
        (bytes, _) => bytes.as_deref().map(format_raw),
    };
    print_part("key", dead_letter.key.as_deref(), key, out)?;
    let value = match (&dead_letter.value, &decoder) {
        (Some(bytes), Some(decoder)) => {
            Some(format_payload(&decoder.value(&dead_letter, bytes).await, bytes))
        }
        (bytes, _) => bytes.as_deref().map(format_raw),
    };
    print_part("value", dead_letter.value.as_deref(), value, out)?;
    flush(out)
}

/// Prints the length of the key or the value, and its text indented below.
fn print_part(name: &str, bytes: Option<&[u8]>, text: Option<String>, out: &mut impl Write) -> Result<()> {
    let (Some(bytes), Some(text)) = (bytes, text) else {
        return print(out, format_args!("{name:<9}  null\n"));
    };
    print(out, format_args!("{name:<9}  {} bytes\n", bytes.len()))?;
    text.lines().try_for_each(|line| print(out, format_args!("  {}\n", terminal_text::line(line))))
}
