//! Shows the progress on standard error: progress bars on a terminal, otherwise a line every few seconds.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressStyle};

/// The time between two lines without a terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// The progress display.
pub(super) struct Screen {
    bars: Option<Bars>,
    is_terminal: bool,
    last_line: Instant,
}

struct Bars {
    all: MultiProgress,
    produced: ProgressBar,
    ingested: ProgressBar,
    published: ProgressBar,
}

/// The counts to show.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) total: u64,
    pub(super) produced: u64,
    pub(super) ingested: u64,
    pub(super) published: u64,
    /// The number of changes to publish, once it is known.
    pub(super) changes: Option<u64>,
    pub(super) kills: [usize; 2],
}

impl Screen {
    pub(super) fn new() -> Self {
        Self { bars: None, is_terminal: std::io::stderr().is_terminal(), last_line: Instant::now() }
    }

    /// Prints a line above the progress bars.
    pub(super) fn print(&self, line: &str) {
        match &self.bars {
            // This fails only when standard error fails.
            Some(bars) => drop(bars.all.println(line)),
            None => eprintln!("{line}"),
        }
    }

    /// Shows the counts.
    pub(super) fn show(&mut self, counts: Counts) {
        if !self.is_terminal {
            if self.last_line.elapsed() >= LINE_INTERVAL {
                self.last_line = Instant::now();
                eprintln!("  {}", format_line(counts));
            }
            return;
        }
        let bars = self.bars.get_or_insert_with(|| Bars::new(counts.total));
        bars.produced.set_position(counts.produced);
        bars.ingested.set_position(counts.ingested);
        bars.published.set_length(counts.changes.unwrap_or(counts.total).max(counts.published));
        bars.published.set_position(counts.published);
        bars.ingested.set_message(format_kills(counts.kills[0]));
        bars.published.set_message(format_kills(counts.kills[1]));
    }

    /// Removes the progress bars.
    pub(super) fn clear(&mut self) {
        if let Some(bars) = self.bars.take() {
            for bar in [&bars.produced, &bars.ingested, &bars.published] {
                bar.finish();
            }
        }
    }
}

impl Bars {
    fn new(total: u64) -> Self {
        let all = MultiProgress::new();
        let style =
            ProgressStyle::with_template("  {prefix:9} {bar:40} {human_pos:>7} of {human_len:7} {msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = |name: &'static str| {
            let bar = ProgressBar::new(total).with_style(style.clone()).with_prefix(name);
            all.add(bar)
        };
        let [produced, ingested, published] = ["produced", "ingested", "published"].map(bar);
        Self { all, produced, ingested, published }
    }
}

fn format_kills(times: usize) -> String {
    if times == 0 { String::new() } else { format!("killed {times}x") }
}

fn format_line(counts: Counts) -> String {
    let Counts { total, produced, ingested, published, changes, kills } = counts;
    let [produced, ingested, published, total] = [produced, ingested, published, total].map(HumanCount);
    let changes = changes.map_or_else(String::new, |changes| format!(" of {}", HumanCount(changes)));
    let kills = match kills {
        [0, 0] => String::new(),
        [ingest, publish] => format!("; killed: ingest {ingest}x, publish {publish}x"),
    };
    format!("produced {produced} of {total}, ingested {ingested}, published {published}{changes}{kills}")
}
