use spanbridge_config::Config;
use spanbridge_ingest::dead_letters::DeadLetterFilter;
use spanbridge_protocol::value::Timestamp;

use super::args::Which;

/// Returns the filter of the command line. `now` is Spanner's clock: dead letters of later commits never match.
pub(super) fn filter(which: &Which, config: &Config, now: Timestamp) -> DeadLetterFilter {
    let configured = config.ingest.iter().map(|pipeline| pipeline.identity().to_owned());
    let pipelines = match which.pipeline.is_empty() {
        true => configured.collect(),
        false => which.pipeline.iter().cloned().collect(),
    };
    DeadLetterFilter {
        pipelines,
        topic: which.topic.clone(),
        partition: which.partition.map(i64::from),
        code: which.code.clone(),
        since: which.since.map(|when| when.resolve(now)),
        until: which.until.map_or(now, |when| when.resolve(now).min(now)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::args::When;
    use super::*;

    fn filter(change: impl FnOnce(&mut Which)) -> DeadLetterFilter {
        let mut which = Which {
            config: "f.toml".into(),
            pipeline: Vec::new(),
            topic: None,
            partition: None,
            code: None,
            since: None,
            until: None,
        };
        change(&mut which);
        let config = Config::parse("f.toml", include_str!("../../../../deploy/flights.toml")).unwrap();
        super::filter(&which, &config, now())
    }

    fn now() -> Timestamp {
        "2026-11-24T11:00:00Z".parse().unwrap()
    }

    #[test]
    fn pipelines_of_the_file_are_the_default() {
        assert_eq!(filter(|_| {}).pipelines, ["flights".to_owned()].into());
        let named = filter(|which| which.pipeline = ["b", "a", "b"].map(str::to_owned).to_vec());
        assert_eq!(named.pipelines, ["a", "b"].map(str::to_owned).into());
    }

    #[test]
    fn future_times_are_cut_at_the_present() {
        let at = |text: &str| Some(When::At(text.parse().unwrap()));
        assert_eq!(filter(|which| which.until = at("2027-01-01T00:00:00Z")).until, now());
        let before = "2026-11-24T10:00:00Z";
        assert_eq!(filter(|which| which.until = at(before)).until, before.parse::<Timestamp>().unwrap());
        assert_eq!(filter(|which| which.since = at(before)).since, Some(before.parse().unwrap()));
        assert_eq!(filter(|_| {}).until, now());
    }
}
