//! A site as a file again, without what was secret in it: inline placeholders,
//! no comments, no paths.

use toml::{Table, Value};

use super::scrub::Scrubber;
use crate::config;

/// The text of `site.toml`.
pub(super) fn text(site: &config::Site, scrubber: &Scrubber) -> Result<String, String> {
    let config = &site.config;
    let scrubbed = |text: &str| Value::String(scrubber.clean(text));
    let texts = |texts: Vec<String>| Value::Array(texts.iter().map(|t| scrubbed(t)).collect());
    let mut file = Table::new();
    file.insert("plugin".into(), Value::String(config.plugin.to_string()));
    if let Some(url) = &config.base_url {
        let url = scrubber.url(url);
        file.insert("base_url".into(), Value::String(url.into()));
    }
    let hosts: Vec<_> = config.allow_hosts.iter().map(ToString::to_string).collect();
    let networks: Vec<_> = config
        .allow_addresses
        .iter()
        .map(ToString::to_string)
        .collect();
    for (name, list) in [("allow_hosts", hosts), ("allow_addresses", networks)] {
        if !list.is_empty() {
            file.insert(name.into(), texts(list));
        }
    }
    let mut headers = Table::new();
    for (name, value) in &config.headers {
        let text = String::from_utf8_lossy(value.as_bytes());
        headers.insert(name.to_string(), scrubbed(&text));
    }
    let mut secrets = Table::new();
    for (name, secret) in &config.secrets {
        secrets.insert(name.clone(), scrubbed(secret.reveal()));
    }
    let mut settings = Table::try_from(&config.settings).map_err(|error| error.to_string())?;
    scrub(&mut settings, scrubber);
    for (name, table) in [
        ("headers", headers),
        ("settings", settings),
        ("secrets", secrets),
    ] {
        if !table.is_empty() {
            file.insert(name.into(), Value::Table(table));
        }
    }
    toml::to_string(&file).map_err(|error| error.to_string())
}

/// What [`text()`] wrote, as values.
pub(super) fn parsed(text: &str) -> Table {
    text.parse().expect("it was written as TOML")
}

fn scrub(table: &mut Table, scrubber: &Scrubber) {
    for (_, value) in table.iter_mut() {
        scrub_value(value, scrubber);
    }
}

fn scrub_value(value: &mut Value, scrubber: &Scrubber) {
    match value {
        Value::String(text) => *text = scrubber.clean(text),
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| scrub_value(item, scrubber)),
        Value::Table(table) => scrub(table, scrubber),
        _ => {}
    }
}
