use spanbridge_protocol::ingest::Failure;
use spanbridge_protocol::value::{Type, Value};
use spanbridge_schema::datum::canonical_text;

use super::expression::Expression;
use super::expression_input::ExpressionInput;

/// A column and the expression that fills it.
pub(super) struct MappedColumn {
    pub(super) name: String,
    pub(super) ty: Type,
    pub(super) expression: Expression,
}

impl MappedColumn {
    pub(super) fn evaluate(&self, input: &ExpressionInput<'_>) -> Result<Value, Failure> {
        self.expression.evaluate(input, &self.ty).map_err(|failure| self.name_column(failure))
    }

    /// Returns bytes that are the same for equal values, whatever type carries them.
    pub(super) fn identity(&self, input: &ExpressionInput<'_>) -> Result<Value, Failure> {
        let datum = self.expression.datum(input).map_err(|failure| self.name_column(failure))?;
        if datum.is_null() {
            return Ok(Value::Null);
        }
        canonical_text(&datum).map(|bytes| Value::Bytes(bytes.into_owned())).ok_or_else(|| {
            let message =
                format!("a {} out of range cannot be compared with other values", datum.type_name());
            self.name_column(Failure::new("SB-INGEST-CONVERT", message))
        })
    }

    fn name_column(&self, failure: Failure) -> Failure {
        let message = format!("column {}: {}", self.name, failure.message);
        Failure { code: failure.code, message }
    }
}
