use spanbridge_config::Config;
use spanbridge_ingest::dead_letters::DeadLetterFilter;
use spanbridge_protocol::value::Timestamp;

use super::args::SelectionArgs;

/// Returns the filter of the command line. `now` is Spanner's clock: dead letters of later commits never match.
pub(super) fn filter(selection: &SelectionArgs, config: &Config, now: Timestamp) -> DeadLetterFilter {
    let configured = config.ingest.iter().map(|pipeline| pipeline.identity().to_owned());
    let pipelines = match selection.pipeline.is_empty() {
        true => configured.collect(),
        false => selection.pipeline.iter().cloned().collect(),
    };
    DeadLetterFilter {
        pipelines,
        topic: selection.topic.clone(),
        partition: selection.partition.map(i64::from),
        code: selection.code.clone(),
        since: selection.since.map(|when| when.resolve(now)),
        until: selection.until.map_or(now, |when| when.resolve(now).min(now)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::args::TimeArg;
    use super::*;

    fn filter(change: impl FnOnce(&mut SelectionArgs)) -> DeadLetterFilter {
        let mut selection = SelectionArgs {
            config: "f.toml".into(),
            pipeline: Vec::new(),
            topic: None,
            partition: None,
            code: None,
            since: None,
            until: None,
        };
        change(&mut selection);
        let config = Config::parse("f.toml", include_str!("../../../../deploy/flights.toml")).unwrap();
        super::filter(&selection, &config, now())
    }

    fn now() -> Timestamp {
        "2026-11-24T11:00:00Z".parse().unwrap()
    }

    #[test]
    fn pipelines_of_the_file_are_the_default() {
        assert_eq!(filter(|_| {}).pipelines, ["flights".to_owned()].into());
        let named = filter(|selection| selection.pipeline = ["b", "a", "b"].map(str::to_owned).to_vec());
        assert_eq!(named.pipelines, ["a", "b"].map(str::to_owned).into());
    }

    #[test]
    fn future_times_are_cut_at_the_present() {
        let at = |text: &str| Some(TimeArg::At(text.parse().unwrap()));
        assert_eq!(filter(|selection| selection.until = at("2027-01-01T00:00:00Z")).until, now());
        let before = "2026-11-24T10:00:00Z";
        assert_eq!(
            filter(|selection| selection.until = at(before)).until,
            before.parse::<Timestamp>().unwrap()
        );
        assert_eq!(filter(|selection| selection.since = at(before)).since, Some(before.parse().unwrap()));
        assert_eq!(filter(|_| {}).until, now());
    }
}
