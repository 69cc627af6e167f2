//! The parts that all tests of this binary share.

use spanbridge_testbed::{Options, Testbed};
use tokio::sync::OnceCell;

static BED: OnceCell<Testbed> = OnceCell::const_new();

/// Broker, emulator and registry, started by the first test that asks. They end with this process.
pub(crate) async fn bed() -> &'static Testbed {
    BED.get_or_init(async || Testbed::start(Options::all()).await.unwrap()).await
}
