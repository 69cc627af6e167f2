use reqwest::StatusCode;
use serde::{Deserialize, Serialize};

use super::failure;
use super::options::{Options, configuration, path_segment};
use crate::encode::Language;
use crate::{Kind, Result};

/// Asks the compatibility endpoint, which the client library does not show with its reasons.
#[derive(Debug)]
pub(super) struct Compatibility {
    client: reqwest::Client,
    options: Options,
}

#[derive(Serialize)]
struct Question<'a> {
    schema: &'a str,
    #[serde(rename = "schemaType")]
    schema_type: &'static str,
}

#[derive(Deserialize)]
struct Answer {
    is_compatible: bool,
    #[serde(default)]
    messages: Vec<String>,
}

#[derive(Deserialize)]
struct Rule {
    #[serde(rename = "compatibilityLevel")]
    level: String,
}

#[derive(Default, Deserialize)]
struct Failure {
    #[serde(default)]
    error_code: u32,
    #[serde(default)]
    message: String,
}

/// What the registry thinks of a new version.
pub(super) enum Verdict {
    Compatible,
    /// With its reasons; Apicurio gives none here.
    Incompatible(Vec<String>),
}

impl Compatibility {
    pub(super) fn new(options: Options) -> Result<Self> {
        let client = options
            .client()
            .build()
            .map_err(|_| configuration("no HTTP client can be built with these options"))?;
        Ok(Self { client, options })
    }

    /// A subject that does not exist yet is compatible with anything.
    pub(super) async fn check(&self, subject: &str, language: Language, schema: &str) -> Result<Verdict> {
        let what = format!("subject {subject}");
        let url = format!(
            "{}/compatibility/subjects/{}/versions?verbose=true",
            self.options.root(),
            path_segment(subject)
        );
        let question = Question { schema, schema_type: language.as_str() };
        let request = self.client.post(url).json(&question);
        let response =
            self.options.authorize(request).send().await.map_err(|_| failure::unreachable_registry(&what))?;
        let status = response.status();
        if status == StatusCode::OK {
            let answer: Answer = response.json().await.map_err(|_| failure::unreachable_registry(&what))?;
            return Ok(match answer.is_compatible {
                true => Verdict::Compatible,
                false => Verdict::Incompatible(answer.messages),
            });
        }
        let said: Failure = response.json().await.unwrap_or_default();
        match said.error_code {
            40401 | 40402 => Ok(Verdict::Compatible),
            code => Err(failure::status_error(status.as_u16(), code, &said.message, &what)),
        }
    }

    /// The word for what the subject's next version must be; nothing when the registry does not say.
    pub(super) async fn rule(&self, subject: &str) -> Result<Option<String>> {
        // Of a subject that is not there yet some registries say nothing.
        let paths = [format!("config/{}?defaultToGlobal=true", path_segment(subject)), "config".to_owned()];
        for path in paths {
            if let Some(rule) = self.rule_at(&path, &format!("rule of subject {subject}")).await? {
                return Ok(Some(rule));
            }
        }
        Ok(None)
    }

    async fn rule_at(&self, path: &str, what: &str) -> Result<Option<String>> {
        let url = format!("{}/{path}", self.options.root());
        let request = self.options.authorize(self.client.get(url));
        let response = request.send().await.map_err(|_| failure::unreachable_registry(what))?;
        let status = response.status();
        if status == StatusCode::OK {
            let rule: Rule = response.json().await.map_err(|_| failure::unreachable_registry(what))?;
            return Ok(Some(rule.level));
        }
        let said: Failure = response.json().await.unwrap_or_default();
        let error = failure::status_error(status.as_u16(), said.error_code, &said.message, what);
        match error.kind() {
            Kind::Unavailable | Kind::Unauthorized => Err(error),
            _ => Ok(None),
        }
    }
}
