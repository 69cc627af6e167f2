//! The part of the REST administration that the bridge uses. Every operation is complete when it is answered.
//!
//! Source: <https://cloud.google.com/spanner/docs/reference/rest>.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use serde_json::{Value, json};
use tonic::Code;

use crate::databases::Databases;
use crate::refusal::{Error, Result};

pub(crate) fn router(databases: Arc<Databases>) -> Router {
    Router::new()
        .route("/v1/projects/{project}/instances", post(create_instance))
        .route("/v1/projects/{project}/instances/{instance}/databases", post(create_database))
        .route("/v1/projects/{project}/instances/{instance}/databases/{database}", delete(drop_database))
        .route(
            "/v1/projects/{project}/instances/{instance}/databases/{database}/ddl",
            get(get_ddl).patch(update_ddl),
        )
        .with_state(databases)
}

type Known = State<Arc<Databases>>;

/// Creates an instance. Instances are not stored, so one may be created repeatedly.
async fn create_instance(Path(project): Path<String>, body: Bytes) -> Answer {
    let body = object(&body)?;
    let id = text(&body, "instanceId")?;
    let name = format!("projects/{project}/instances/{id}");
    let instance = json!({"@type": type_url("instance.v1.Instance"), "name": name, "state": "READY"});
    Ok(done(&name, &instance))
}

async fn create_database(
    State(databases): Known,
    Path((project, instance)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let body = object(&body)?;
    let statement = text(&body, "createStatement")?;
    let id = statement.strip_prefix("CREATE DATABASE").map(|id| id.trim().trim_matches('`'));
    let id = id.ok_or_else(|| Error::invalid("Syntax error: Expecting CREATE DATABASE"))?;
    let name = format!("projects/{project}/instances/{instance}/databases/{id}");
    databases.create(&name, &statements(&body, "extraStatements"))?;
    let database = json!({"@type": type_url("database.v1.Database"), "name": name, "state": "READY"});
    Ok(done(&name, &database))
}

async fn drop_database(State(databases): Known, Path(path): Path<(String, String, String)>) -> Answer {
    databases.drop_database(&name(&path));
    Ok(Answered(json!({})))
}

async fn get_ddl(State(databases): Known, Path(path): Path<(String, String, String)>) -> Answer {
    let database = databases.get(&name(&path))?;
    Ok(Answered(database.schema(|schema| json!({"statements": schema.statements()}))))
}

async fn update_ddl(
    State(databases): Known,
    Path(path): Path<(String, String, String)>,
    body: Bytes,
) -> Answer {
    let name = name(&path);
    databases.get(&name)?.execute_ddl(&statements(&object(&body)?, "statements"))?;
    Ok(done(&name, &json!({"@type": "type.googleapis.com/google.protobuf.Empty"})))
}

fn name((project, instance, database): &(String, String, String)) -> String {
    format!("projects/{project}/instances/{instance}/databases/{database}")
}

fn type_url(message: &str) -> String {
    format!("type.googleapis.com/google.spanner.admin.{message}")
}

/// A finished long-running operation.
fn done(of: &str, response: &Value) -> Answered {
    Answered(json!({"name": format!("{of}/operations/done"), "done": true, "response": response}))
}

fn object(body: &Bytes) -> Result<Value> {
    serde_json::from_slice(body).map_err(|error| Error::invalid(format!("The body is no JSON: {error}")))
}

fn text<'a>(body: &'a Value, field: &str) -> Result<&'a str> {
    let missing = || Error::invalid(format!("The field {field} is missing."));
    body.get(field).and_then(Value::as_str).ok_or_else(missing)
}

fn statements(body: &Value, field: &str) -> Vec<String> {
    let list = body.get(field).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

type Answer = std::result::Result<Answered, Refused>;

/// A JSON response.
struct Answered(Value);

impl IntoResponse for Answered {
    fn into_response(self) -> Response {
        json_response(StatusCode::OK, &self.0)
    }
}

fn json_response(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// An error as a REST response.
struct Refused(Error);

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let code = self.0.code();
        let (http, status) = match code {
            Code::NotFound => (StatusCode::NOT_FOUND, "NOT_FOUND"),
            Code::AlreadyExists => (StatusCode::CONFLICT, "ALREADY_EXISTS"),
            Code::FailedPrecondition => (StatusCode::BAD_REQUEST, "FAILED_PRECONDITION"),
            Code::Unimplemented => (StatusCode::NOT_IMPLEMENTED, "UNIMPLEMENTED"),
            _ => (StatusCode::BAD_REQUEST, "INVALID_ARGUMENT"),
        };
        let error = json!({"code": http.as_u16(), "message": self.0.message(), "status": status});
        json_response(http, &json!({ "error": error }))
    }
}
