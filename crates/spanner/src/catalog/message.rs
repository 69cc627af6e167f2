use google_cloud_gax::retry_policy::NeverRetry;
use google_cloud_spanner::statement::Statement;
use google_cloud_spanner::types::{Type as WireType, TypeCode};
use spanbridge_protocol::value::Type;

use super::names::quoted;
use crate::database::Database;
use crate::error::{Call, Result};

impl Database {
    /// Returns the columns of a table that hold Protobuf messages and enums.
    ///
    /// `INFORMATION_SCHEMA` names their types but does not distinguish messages from enums; the header of an empty
    /// result does.
    pub(super) async fn messages(&self, table: &str) -> Result<Vec<(String, Type)>> {
        let limit = self.options().read_timeout;
        let statement = Statement::builder(format!("SELECT * FROM {} LIMIT 0", quoted(table)))
            .with_attempt_timeout(limit)
            .with_retry_policy(NeverRetry);
        let client = self.client();
        self.call(Call::Read("table"), limit, async {
            let result = client.single_use().build().execute_query(statement.build()).await?;
            let (names, types) = (result.metadata().column_names(), result.metadata().column_types());
            let message = |(name, ty): (&String, &WireType)| Some((name.clone(), message(ty)?));
            Ok(names.iter().zip(types).filter_map(message).collect())
        })
        .await
    }
}

fn message(ty: &WireType) -> Option<Type> {
    match ty.code() {
        TypeCode::Proto => Some(Type::Proto(ty.proto_type_fqn().to_owned())),
        TypeCode::Enum => Some(Type::Enum(ty.proto_type_fqn().to_owned())),
        TypeCode::Array => Some(Type::Array(Box::new(message(ty.array_element_type()?)?))),
        _ => None,
    }
}
