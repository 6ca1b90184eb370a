//! The limits of one call into a plugin, and what single plugins have instead.
//!
//! One list makes both types, so that every limit can be set for a plugin of
//! its own. What each means stands in `defaults.toml`.

use std::collections::BTreeMap;
use std::time::Duration;

use bytesize::ByteSize;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use toml::{Table, Value};

use super::key::Key;
use super::{schema, value};

macro_rules! limits {
    ($($name:ident: $type:ty = $read:path,)*) => {
        /// `[plugins.limits]`, or what one plugin has of it.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[allow(missing_docs, reason = "defaults.toml documents every key, once")]
        pub struct PluginLimits {
            $(pub $name: $type,)*
        }

        /// What `[plugins.override.<key>]` sets.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct LimitOverride {
            $($name: Option<$type>,)*
        }

        const KEYS: &[&str] = &[$(stringify!($name),)*];

        impl LimitOverride {
            fn set(&mut self, key: &str, value: Value) -> Result<(), toml::de::Error> {
                match key {
                    $(stringify!($name) => self.$name = Some($read(value)?),)*
                    _ => return Err(unknown(key)),
                }
                Ok(())
            }
        }

        impl PluginLimits {
            /// These limits, with what `own` sets in their place.
            pub fn with(&self, own: &LimitOverride) -> Self {
                Self {
                    $($name: own.$name.unwrap_or(self.$name),)*
                }
            }
        }

        impl<'de> Deserialize<'de> for PluginLimits {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let all = LimitOverride::deserialize(d)?;
                Ok(Self {
                    $($name: all
                        .$name
                        .ok_or_else(|| D::Error::missing_field(stringify!($name)))?,)*
                })
            }
        }
    };
}

limits! {
    wall: Duration = value::duration,
    describe: Duration = value::duration,
    cpu: Duration = value::duration,
    memory: ByteSize = value::size,
    stack: ByteSize = value::size,
    memories: usize = value::count,
    tables: usize = value::count,
    table_elements: usize = value::count,
    instances: usize = value::count,
    handles: usize = value::count,
    copied: ByteSize = value::size,
    requests: usize = value::count,
    parallel: usize = value::count,
    request_headers: usize = value::count_or_zero,
    request_header_bytes: ByteSize = value::size_or_zero,
    request_body: ByteSize = value::size_or_zero,
    body: ByteSize = value::size,
    bytes: ByteSize = value::size,
    redirects: usize = value::count_or_zero,
    log_lines: usize = value::count_or_zero,
    log_line: ByteSize = value::size,
    log_fields: usize = value::count_or_zero,
    attachments: ByteSize = value::size_or_zero,
    attachment_count: usize = value::count_or_zero,
    capture: ByteSize = value::size_or_zero,
    state: ByteSize = value::size_or_zero,
    state_entries: usize = value::count_or_zero,
    state_wait: Duration = value::duration,
    asked: usize = value::count,
    streams: usize = value::count,
    stream_rules: usize = value::count_or_zero,
    stream_hosts: usize = value::count_or_zero,
    stream_headers: usize = value::count_or_zero,
    text: ByteSize = value::size,
}

fn unknown(key: &str) -> toml::de::Error {
    let nearest = schema::nearest(key, KEYS.iter().copied()).unwrap_or_default();
    toml::de::Error::custom(format!("no such limit; the nearest is {nearest}"))
}

impl<'de> Deserialize<'de> for LimitOverride {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let mut own = Self::default();
        for (key, value) in Table::deserialize(d)? {
            own.set(&key, value).map_err(|error| {
                let message = error.message();
                D::Error::custom(message)
            })?;
        }
        Ok(own)
    }
}

/// `[plugins.override]`: each problem with the plugin and the key it is at.
pub(super) fn overrides<'de, D: Deserializer<'de>>(
    d: D,
) -> Result<BTreeMap<Key, LimitOverride>, D::Error> {
    let mut all = BTreeMap::new();
    for (plugin, value) in Table::deserialize(d)? {
        let key: Key = plugin
            .parse()
            .map_err(|error| D::Error::custom(format!("{plugin:?}: {error}")))?;
        let Value::Table(table) = value else {
            let message =
                format!("{plugin}: write [plugins.override.{plugin}] and limits below it");
            return Err(D::Error::custom(message));
        };
        let mut own = LimitOverride::default();
        for (limit, value) in table {
            own.set(&limit, value).map_err(|error| {
                D::Error::custom(format!("{plugin}.{limit}: {}", error.message()))
            })?;
        }
        all.insert(key, own);
    }
    Ok(all)
}
