//! `[[publish.route]]`: other topics for some tables.

use super::CreateTopics;
use super::present;
use crate::consistency::CaseSensitivity;
use crate::model::name_pattern::matches;
use crate::model::template::Template;
use crate::read::{Entry, rules};
use crate::{Located, Span};

/// `[[publish.route]]`: settings for some tables. The first route that names a table applies to it.
#[derive(Debug, Clone)]
pub struct Route {
    /// `tables`: names of tables, in which `*` matches any characters. Required.
    pub tables: Vec<Located<str>>,
    /// `topic`: the topics of these tables. Default: that of the pipeline.
    pub topic: Option<Template>,
    /// `create_topics`: how missing topics of these tables are created. Default: that of the pipeline.
    pub create_topics: Option<CreateTopics>,
    /// The place of the header.
    pub span: Span,
}

impl Route {
    /// Returns whether the route names the table.
    pub(super) fn takes(&self, table: &str) -> bool {
        self.tables.iter().any(|pattern| matches(pattern, table))
    }

    pub(super) fn read(entry: &Entry<'_>) -> Option<Self> {
        let section = entry.section()?;
        let tables = section
            .required("tables")
            .and_then(|entry| entry.names("table", CaseSensitivity::Insensitive, rules::tables));
        let topic = section.optional("topic").map(|entry| Template::read(&entry, true));
        let create = section.optional("create_topics").map(|entry| CreateTopics::read(&entry));
        let span = section.span();
        section.finish();
        Some(Self { tables: tables?, topic: present(topic)?, create_topics: present(create)?, span })
    }
}
