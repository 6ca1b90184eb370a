//! What is told, and the JSON that ntfy, Gotify and people read.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A site that worked fails.
    Broken,
    /// A site that failed works.
    Back,
    /// A plugin's new version failed, and the one before serves again.
    RolledBack,
}

/// One thing that the operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// What happened.
    pub kind: Kind,
    /// To which site; `None` for a plugin as a whole.
    pub site: Option<String>,
    /// Of which plugin.
    pub plugin: String,
    /// Which version of it; `None` where that does not matter.
    pub digest: Option<String>,
    /// Why, without secrets.
    pub reason: String,
    /// When it was noticed.
    pub at: Timestamp,
    /// Since when it has been so, or had been so.
    pub since: Option<Timestamp>,
    /// The bundle that was kept: a name for the admin's page.
    pub bundle: Option<String>,
}

/// Of a reason, in bytes as JSON, each time it is told: ntfy takes 8192 of a
/// document and 4096 of a message.
const MAX_SHOWN: usize = 2 << 10;

impl News {
    /// What it is about: one of them is held to its pace at a time.
    pub(super) fn subject(&self) -> String {
        match &self.site {
            Some(site) => format!("site {site}"),
            None => {
                let version = self.digest.as_deref().unwrap_or_default();
                format!("plugin {} {version}", self.plugin)
            }
        }
    }

    /// The beginning of the reason: a guest's frames may be many.
    fn shown(&self) -> &str {
        let mut left = MAX_SHOWN;
        let too_much = |(_, c): &(usize, char)| {
            let written = match c {
                '"' | '\\' | '\n' => 2,
                c if c.is_control() => 6,
                c => c.len_utf8(),
            };
            left.checked_sub(written)
                .inspect(|after| left = *after)
                .is_none()
        };
        let end = self.reason.char_indices().find(too_much);
        &self.reason[..end.map_or(self.reason.len(), |(at, _)| at)]
    }

    /// `title`, `message`, `priority` and `tags` mean the same to ntfy (which
    /// takes JSON at its root, with `topic`) and, but for the tags, to Gotify
    /// (`POST /message`, with `extras`). Both ignore the rest, which is for
    /// programs. A priority of 1 to 5 is one to both.
    pub(super) fn document(&self, topic: &str) -> Value {
        let name = self.site.as_ref().unwrap_or(&self.plugin);
        let (title, tag, priority) = match self.kind {
            Kind::Broken => (format!("{name} stopped working"), "warning", 4),
            Kind::Back => (format!("{name} works again"), "white_check_mark", 3),
            Kind::RolledBack => (format!("{name} was rolled back"), "rewind", 4),
        };
        let reason = self.shown();
        let mut message = reason.to_owned();
        if let Some(since) = self.since {
            message.push_str(&match self.kind {
                Kind::Back => format!("\nIt had failed since {since:.0}."),
                _ => format!("\nSince {since:.0}."),
            });
        }
        if let Some(bundle) = &self.bundle {
            message.push_str(&format!("\nDiagnostics: {bundle}"));
        }
        let mut document = json!({
            "title": title,
            "message": message,
            "priority": priority,
            "tags": [tag, "f1-streams"],
            "extras": { "client::display": { "contentType": "text/plain" } },
            "kind": self.kind,
            "site": self.site,
            "plugin": self.plugin,
            "digest": self.digest,
            "reason": reason,
            "at": self.at,
            "since": self.since,
            "bundle": self.bundle,
        });
        if !topic.is_empty() {
            document["topic"] = topic.into();
        }
        document
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn news(kind: Kind, site: &str) -> News {
        News {
            kind,
            site: Some(site.to_owned()),
            plugin: "site-a".into(),
            digest: None,
            reason: "the page has changed: #player".into(),
            at: Timestamp::UNIX_EPOCH,
            since: Some(Timestamp::UNIX_EPOCH),
            bundle: Some("site-a-19700101T000000Z.json".into()),
        }
    }

    #[test]
    fn a_message_holds_the_beginning_of_a_long_reason() {
        let mut news = news(Kind::Broken, "demo");
        news.digest = Some("d".repeat(64));
        for part in ["ä", "\"\n", "\\", "\u{1b}\r"] {
            news.reason = part.repeat(5_000);
            let document = news.document("f1");
            let message = document["message"].as_str().expect("a text");
            assert!(message.ends_with("site-a-19700101T000000Z.json"));
            let reason = document["reason"].as_str().expect("a text");
            assert!(message.starts_with(reason) && news.reason.starts_with(reason));
            assert!((300..=2_048).contains(&reason.len()), "{}", reason.len());
            // More of it ntfy does not read.
            assert!(document.to_string().len() < 8_192, "{part:?}");
        }
    }

    #[test]
    fn both_servers_find_what_they_need() {
        let document = news(Kind::Broken, "demo").document("f1");
        assert_eq!(document["topic"], "f1");
        assert_eq!(document["title"], "demo stopped working");
        let message = document["message"].as_str().expect("a text");
        assert!(message.starts_with("the page has changed: #player\nSince 1970-01-01T00:00:00Z."));
        assert!((1..=5).contains(&document["priority"].as_i64().expect("a number")));
        assert!(document["tags"].is_array() && document["extras"].is_object());
        // ntfy would act on these.
        for reserved in [
            "click", "attach", "actions", "icon", "delay", "email", "call", "filename",
        ] {
            assert!(document.get(reserved).is_none());
        }
        assert!(news(Kind::Back, "demo").document("").get("topic").is_none());
    }
}
