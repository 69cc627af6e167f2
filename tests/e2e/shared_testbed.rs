//! The testbed that all tests of this binary share.

use spanbridge_testbed::{Options, Testbed};
use tokio::sync::OnceCell;

static TESTBED: OnceCell<Testbed> = OnceCell::const_new();

/// Returns the broker, the emulator and the registry. The first call starts them, and they end with this process.
pub(crate) async fn testbed() -> &'static Testbed {
    TESTBED.get_or_init(async || Testbed::start(Options::all()).await.unwrap()).await
}
