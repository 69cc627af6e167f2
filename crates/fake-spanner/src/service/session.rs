//! The session calls.

use chrono::Utc;
use googleapis_tonic_google_spanner_v1::google::spanner::v1::{
    BatchCreateSessionsRequest, BatchCreateSessionsResponse, CreateSessionRequest, GetSessionRequest, Session,
};

use super::Service;
use crate::cell::wire_timestamp;
use crate::refusal::Result;

impl Service {
    pub(super) fn create_session(&self, request: &CreateSessionRequest) -> Result<Session> {
        self.open(&request.database, request.session.as_ref())
    }

    pub(super) fn batch_create_sessions(
        &self,
        request: &BatchCreateSessionsRequest,
    ) -> Result<BatchCreateSessionsResponse> {
        /// The greatest number of sessions that Spanner creates at once.
        const MOST: i32 = 100;
        let count = request.session_count.clamp(1, MOST);
        let session = |_| self.open(&request.database, request.session_template.as_ref());
        Ok(BatchCreateSessionsResponse { session: (0..count).map(session).collect::<Result<_>>()? })
    }

    pub(super) fn get_session(&self, request: &GetSessionRequest) -> Result<Session> {
        self.databases.of_session(&request.name)?;
        Ok(Session { name: request.name.clone(), ..Session::default() })
    }

    fn open(&self, database: &str, template: Option<&Session>) -> Result<Session> {
        let name = self.databases.open_session(database)?;
        let now = Some(wire_timestamp(Utc::now()));
        let template = template.cloned().unwrap_or_default();
        Ok(Session { name, create_time: now, approximate_last_use_time: now, ..template })
    }
}
