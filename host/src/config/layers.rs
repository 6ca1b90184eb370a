//! Layers of values, the later over the earlier: built-in defaults, one file,
//! the environment. Each value remembers where it came from.
//!
//! Every value is tried alone over the defaults, so that one bad value is one
//! problem with its own origin, and hides no other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use toml::Value;

use super::error::{ConfigError, Problem};
use super::model::Config;
use super::origin::{Leaf, Origin, Origins, is_secret};
use super::schema::{self, Schema};
use super::{Loaded, check, text};

/// The section follows two underscores, so that what Kubernetes puts into the
/// environment for a service called f1-streams (`F1_STREAMS_PORT`, …) is not
/// ours.
const ENV_PREFIX: &str = "F1_STREAMS__";

pub(super) fn resolve(
    directory: &Path,
    file: Option<(&Path, &str)>,
    env: impl Iterator<Item = (String, String)>,
) -> Result<Loaded, ConfigError> {
    let schema = Schema::built_in();
    let mut layers = Layers {
        leaves: schema.defaults().to_vec(),
        schema: &schema,
        problems: Vec::new(),
    };
    if let Some((path, text)) = file {
        layers.add_file(path, text);
    }
    layers.add_env(directory, env);
    let broken = layers.put_back_broken();

    let mut config = match Config::deserialize(schema::table(&layers.leaves)) {
        Ok(config) => config,
        Err(error) => {
            layers.problem(None, None, error.message());
            return Err(layers.into_error());
        }
    };
    make_absolute(&mut config, directory);
    for conflict in check::conflicts(&config) {
        // A value that is bad in itself was put back to its default: what
        // conflicts with that is nobody's mistake.
        if !conflict.keys.iter().any(|key| broken.contains(*key)) {
            layers.conflict(conflict);
        }
    }
    if layers.problems.is_empty() {
        let origins = Origins::new(layers.leaves);
        Ok(Loaded { config, origins })
    } else {
        Err(layers.into_error())
    }
}

struct Layers<'a> {
    schema: &'a Schema,
    /// As in the schema, in the same order.
    leaves: Vec<Leaf>,
    problems: Vec<Problem>,
}

// === impl Layers ===

impl Layers<'_> {
    fn add_file(&mut self, path: &Path, text: &str) {
        let at = |line| Origin::File {
            path: path.to_owned(),
            line,
        };
        let found = match schema::flatten(text, &|key| self.schema.is_leaf(key)) {
            Ok(found) => found,
            Err((line, message)) => return self.problem(None, Some(at(line)), &message),
        };
        for found in found {
            let (key, origin) = (found.key, at(found.line));
            if self.schema.is_leaf(&key) {
                self.set(&key, found.value, origin);
            } else if !self.schema.is_section(&key) {
                let message = format!("no such key; the nearest is {}", self.schema.nearest(&key));
                self.problem(Some(&key), Some(origin), &message);
            } else if !found.value.is_table() {
                let message = format!("is a section: write [{key}] and its keys below it");
                self.problem(Some(&key), Some(origin), &message);
            }
        }
    }

    fn add_env(&mut self, directory: &Path, env: impl Iterator<Item = (String, String)>) {
        let ours: BTreeMap<String, String> = env
            .filter(|(name, _)| name.starts_with(ENV_PREFIX))
            .collect();
        for (name, text) in &ours {
            let origin = Origin::Env { name: name.clone() };
            match self.read_variable(directory, &ours, name, text) {
                Ok((key, value)) => self.set(&key, value, origin),
                Err(message) => self.problem(None, Some(origin), &message),
            }
        }
    }

    fn read_variable(
        &self,
        directory: &Path,
        ours: &BTreeMap<String, String>,
        name: &str,
        text: &str,
    ) -> Result<(String, Value), String> {
        let key = key_of(name);
        if let Some(default) = self.schema.default_of(&key) {
            let value = schema::typed(default, text)?;
            return Ok((key, value));
        }
        let pointed = name.strip_suffix("_FILE").map(key_of);
        if let Some(key) = pointed
            && let Some(default) = self.schema.default_of(&key)
        {
            let direct = variable(&key);
            if ours.contains_key(&direct) {
                return Err(format!("{direct} is set as well: keep one of them"));
            }
            let held = text::read_value(&directory.join(text))
                .map_err(|error| format!("{text}: {error}"))?;
            return Ok((key, schema::typed(default, &held)?));
        }
        let nearest = variable(self.schema.nearest(&key));
        Err(format!("no such key; the nearest is {nearest}"))
    }

    /// Puts values that are bad in themselves back to their defaults, each with
    /// its problem, and returns their keys.
    fn put_back_broken(&mut self) -> BTreeSet<String> {
        let defaults = self.schema.defaults();
        let mut broken = BTreeSet::new();
        for (i, default) in defaults.iter().enumerate() {
            if self.leaves[i].origin == Origin::Default {
                continue;
            }
            let mut alone = defaults.to_vec();
            alone[i].value = self.leaves[i].value.clone();
            let Err(error) = Config::deserialize(schema::table(&alone)) else {
                continue;
            };
            let leaf = std::mem::replace(&mut self.leaves[i], default.clone());
            // Only the readers' own words: serde's would repeat the value.
            let hidden = is_secret(&leaf.key) && !leaf.value.is_str();
            let message = if hidden {
                "must be a text"
            } else {
                error.message()
            };
            self.problem(Some(&leaf.key), Some(leaf.origin), message);
            broken.insert(leaf.key);
        }
        broken
    }

    fn conflict(&mut self, conflict: check::Conflict) {
        // The one to name is the first that somebody wrote.
        let written = conflict.keys.iter().filter_map(|key| {
            let leaf = self.leaves.iter().find(|leaf| leaf.key == *key)?;
            (leaf.origin != Origin::Default).then_some((*key, leaf.origin.clone()))
        });
        let (key, origin) = match written.into_iter().next() {
            Some((key, origin)) => (key, Some(origin)),
            None => (conflict.keys[0], None),
        };
        self.problem(Some(key), origin, &conflict.message);
    }

    fn set(&mut self, key: &str, value: Value, origin: Origin) {
        if let Some(leaf) = self.leaves.iter_mut().find(|leaf| leaf.key == key) {
            leaf.value = value;
            leaf.origin = origin;
        }
    }

    fn problem(&mut self, key: Option<&str>, origin: Option<Origin>, message: &str) {
        self.problems.push(Problem {
            key: key.map(str::to_owned),
            origin,
            message: message.to_owned(),
        });
    }

    fn into_error(self) -> ConfigError {
        ConfigError {
            problems: self.problems,
        }
    }
}

fn key_of(variable: &str) -> String {
    let rest = variable.strip_prefix(ENV_PREFIX).unwrap_or(variable);
    rest.to_ascii_lowercase().replace("__", ".")
}

fn variable(key: &str) -> String {
    let name = key.replace('.', "__").to_ascii_uppercase();
    format!("{ENV_PREFIX}{name}")
}

fn make_absolute(config: &mut Config, directory: &Path) {
    config.data_dir = directory.join(&config.data_dir);
    config.cache_dir = directory.join(&config.cache_dir);
    config.links.key_file = config.data_dir.join(&config.links.key_file);
    config.auth.viewer_tokens_file = config.data_dir.join(&config.auth.viewer_tokens_file);
    if let Some(file) = &mut config.auth.admin_token_file {
        *file = config.data_dir.join(&*file);
    }
}
