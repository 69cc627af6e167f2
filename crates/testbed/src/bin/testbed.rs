//! Starts parts, prints their addresses as a shell reads them, and stays until its standard input or a Ctrl-C
//! ends it.

use std::process::ExitCode;

use spanbridge_testbed::{Options, Testbed};

const USAGE: &str = "usage: testbed [kafka] [spanner] [registry]    (none named: all)";

fn options() -> Option<Options> {
    let mut options = Options::default();
    let mut any = false;
    for part in std::env::args().skip(1) {
        any = true;
        match part.as_str() {
            "kafka" => options.kafka = Some(Default::default()),
            "spanner" => options.spanner = Some(Default::default()),
            "registry" => options.registry = Some(Default::default()),
            _ => return None,
        }
    }
    Some(if any { options } else { Options::all() })
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
    let ended = async {
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
    let code = match ended.await {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("testbed: {}: {error}", error.kind().code());
            1
        }
    };
    // A pending read of the input would keep the runtime waiting.
    std::process::exit(code)
}
