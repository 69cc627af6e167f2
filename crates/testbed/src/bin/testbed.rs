//! Starts components, prints their addresses as shell variables, and runs until its standard input ends or a Ctrl-C.

use std::process::ExitCode;

use spanbridge_testbed::{Options, Testbed};

const USAGE: &str = "usage: testbed [kafka] [spanner] [registry]    (default: all)";

fn options() -> Option<Options> {
    let mut options = Options::default();
    let mut is_named = false;
    for component in std::env::args().skip(1) {
        is_named = true;
        match component.as_str() {
            "kafka" => options.kafka = Some(Default::default()),
            "spanner" => options.spanner = Some(Default::default()),
            "registry" => options.registry = Some(Default::default()),
            _ => return None,
        }
    }
    Some(if is_named { options } else { Options::all() })
}

fn print(testbed: &Testbed) {
    let mut pids = Vec::new();
    if let Ok(kafka) = testbed.kafka() {
        println!("export SPANBRIDGE_KAFKA={}", kafka.bootstrap());
        pids.extend(kafka.pid());
    }
    if let Ok(spanner) = testbed.spanner() {
        println!("export SPANBRIDGE_SPANNER={}", spanner.grpc());
        println!("export SPANBRIDGE_SPANNER_REST={}", spanner.rest());
        pids.extend(spanner.pids());
    }
    if let Ok(registry) = testbed.registry() {
        println!("export SPANBRIDGE_REGISTRY={}", registry.url());
        pids.extend(registry.pid());
    }
    println!("# process ids: {}", pids.iter().map(u32::to_string).collect::<Vec<_>>().join(" "));
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(options) = options() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let outcome = async {
        let testbed = Testbed::start(options).await?;
        print(&testbed);
        let input =
            tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
        tokio::select! {
            _ = input => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        testbed.stop().await
    };
    let code = match outcome.await {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("testbed: {}: {error}", error.kind().code());
            1
        }
    };
    // A pending read of standard input would keep the runtime alive.
    std::process::exit(code)
}
