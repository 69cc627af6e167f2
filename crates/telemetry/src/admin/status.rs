use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value};

use super::lock;

type Provider = Arc<dyn Fn() -> Value + Send + Sync>;

/// What pipelines tell about themselves on `/status`. Clones share one registry.
#[derive(Clone, Default)]
pub struct Status {
    providers: Arc<Mutex<BTreeMap<String, Provider>>>,
}

impl Status {
    /// Asks `provider` at each request; it must answer at once, and without contents or secrets. One of the same
    /// name is replaced.
    pub fn register(
        &self,
        pipeline: impl Into<String>,
        provider: impl Fn() -> Value + Send + Sync + 'static,
    ) {
        lock(&self.providers).insert(pipeline.into(), Arc::new(provider));
    }

    /// Forgets a pipeline.
    pub fn remove(&self, pipeline: &str) {
        lock(&self.providers).remove(pipeline);
    }

    /// All answers by name.
    pub(crate) fn collect(&self) -> Value {
        // Not under the lock: a provider may register another.
        let providers = lock(&self.providers).clone();
        Value::Object(providers.into_iter().map(|(name, provider)| (name, provider())).collect::<Map<_, _>>())
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(lock(&self.providers).keys()).finish()
    }
}
