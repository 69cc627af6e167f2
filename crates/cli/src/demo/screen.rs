//! What is shown while the demo works, on standard error: bars on a terminal, otherwise a line now and then.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressStyle};

/// Between two lines where there is no terminal.
const LINES: Duration = Duration::from_secs(5);

pub(super) struct Screen {
    bars: Option<Bars>,
    terminal: bool,
    last: Instant,
}

struct Bars {
    all: MultiProgress,
    produced: ProgressBar,
    ingested: ProgressBar,
    published: ProgressBar,
}

/// Counts to be shown.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) total: u64,
    pub(super) produced: u64,
    pub(super) ingested: u64,
    pub(super) published: u64,
    /// How many changes there are to publish, once that is known.
    pub(super) changes: Option<u64>,
    pub(super) kills: [usize; 2],
}

impl Screen {
    pub(super) fn new() -> Self {
        Self { bars: None, terminal: std::io::stderr().is_terminal(), last: Instant::now() }
    }

    /// A step of the story.
    pub(super) fn say(&self, what: &str) {
        match &self.bars {
            // It fails only when standard error does.
            Some(bars) => drop(bars.all.println(what)),
            None => eprintln!("{what}"),
        }
    }

    pub(super) fn show(&mut self, counts: Counts) {
        if !self.terminal {
            if self.last.elapsed() >= LINES {
                self.last = Instant::now();
                eprintln!("  {}", line(counts));
            }
            return;
        }
        let bars = self.bars.get_or_insert_with(|| Bars::new(counts.total));
        bars.produced.set_position(counts.produced);
        bars.ingested.set_position(counts.ingested);
        bars.published.set_length(counts.changes.unwrap_or(counts.total).max(counts.published));
        bars.published.set_position(counts.published);
        bars.ingested.set_message(killed(counts.kills[0]));
        bars.published.set_message(killed(counts.kills[1]));
    }

    /// Takes the bars away.
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

fn killed(times: usize) -> String {
    if times == 0 { String::new() } else { format!("killed {times}x") }
}

fn line(counts: Counts) -> String {
    let Counts { total, produced, ingested, published, changes, kills } = counts;
    let [produced, ingested, published, total] = [produced, ingested, published, total].map(HumanCount);
    let of = changes.map_or_else(String::new, |changes| format!(" of {}", HumanCount(changes)));
    let kills = match kills {
        [0, 0] => String::new(),
        [ingest, publish] => format!("; killed: ingest {ingest}x, publish {publish}x"),
    };
    format!("produced {produced} of {total}, ingested {ingested}, published {published}{of}{kills}")
}
