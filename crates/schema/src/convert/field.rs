use apache_avro::Schema as AvroSchema;
use apache_avro::types::Value as AvroValue;

/// A value and its schema without the unions around them.
pub fn branch<'v, 's>(value: &'v AvroValue, schema: &'s AvroSchema) -> (&'v AvroValue, &'s AvroSchema) {
    match value {
        AvroValue::Union(index, inner) => {
            let variant = match schema {
                AvroSchema::Union(union) => union.variants().get(*index as usize),
                _ => None,
            };
            // Avro has no union within a union, so this is the end of it.
            (inner, variant.unwrap_or(schema))
        }
        _ => (value, schema),
    }
}

/// The field of a record, or of a union's record, with its schema; nothing when it is no record or
/// has no such field.
pub fn field<'v, 's>(
    value: &'v AvroValue,
    schema: &'s AvroSchema,
    name: &str,
) -> Option<(&'v AvroValue, &'s AvroSchema)> {
    match branch(value, schema) {
        (AvroValue::Record(fields), AvroSchema::Record(record)) => {
            let index = *record.lookup.get(name)?;
            let (_, value) = fields.get(index).filter(|(found, _)| found == name)?;
            Some((value, &record.fields.get(index)?.schema))
        }
        _ => None,
    }
}
