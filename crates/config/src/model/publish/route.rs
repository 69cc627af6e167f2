use super::CreateTopics;
use super::pattern::matches;
use super::present;
use crate::check::Case;
use crate::model::template::Template;
use crate::read::{Entry, check};
use crate::{Located, Span};

/// What is different for some tables; the first that names a table counts.
#[derive(Debug, Clone)]
pub struct Route {
    /// Names, in which `*` stands for any characters.
    pub tables: Vec<Located<str>>,
    /// Their topics; None: as the pipeline's.
    pub topic: Option<Template>,
    /// How their topics are created; None: as the pipeline's.
    pub create_topics: Option<CreateTopics>,
    /// The header.
    pub span: Span,
}

impl Route {
    pub(super) fn takes(&self, table: &str) -> bool {
        self.tables.iter().any(|pattern| matches(pattern, table))
    }

    pub(super) fn read(entry: &Entry<'_>) -> Option<Self> {
        let section = entry.section()?;
        let tables =
            section.required("tables").and_then(|entry| entry.names("table", Case::Ignored, check::tables));
        let topic = section.optional("topic").map(|entry| Template::read(&entry, true));
        let create = section.optional("create_topics").map(|entry| CreateTopics::read(&entry));
        let span = section.span();
        section.finish();
        Some(Self { tables: tables?, topic: present(topic)?, create_topics: present(create)?, span })
    }
}
