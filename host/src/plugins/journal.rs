//! What a call says: log lines, output of guests with WASI, attachments.
//!
//! One place for all of it, so that one set of limits bounds it and no secret
//! of the site passes. Clones share it; whoever waits for the call finishes it.

use std::sync::{Arc, Mutex, PoisonError};

use super::scrub::Scrubber;
use super::transcript::{Attachment, Line};
use crate::config::PluginLimits;
use crate::metrics::Metrics;

/// As in the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Where a guest with WASI writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    Stdout,
    Stderr,
}

/// One call's journal.
#[derive(Clone, Debug)]
pub(super) struct Journal(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Empty in `describe`.
    site: String,
    plugin: String,
    limits: Arc<PluginLimits>,
    metrics: Metrics,
    scrubber: Scrubber,
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Said {
    lines: usize,
    suppressed: usize,
    attachments: usize,
    attached: u64,
    /// What was written and attached, for the transcript.
    log: Vec<Line>,
    kept: Vec<Attachment>,
    /// The line that each output has begun.
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Journal {
    pub(super) fn new(
        site: &str,
        plugin: &str,
        limits: Arc<PluginLimits>,
        metrics: Metrics,
        scrubber: Scrubber,
    ) -> Self {
        Self(Arc::new(Inner {
            site: site.to_owned(),
            plugin: plugin.to_owned(),
            limits,
            metrics,
            scrubber,
            said: Mutex::default(),
        }))
    }

    pub(super) fn scrubber(&self) -> &Scrubber {
        &self.0.scrubber
    }

    /// One line with its fields.
    pub(super) fn write(&self, level: Level, message: &str, fields: &[(String, String)]) {
        let inner = &*self.0;
        if !self.counts() {
            return;
        }
        let max = self.line_limit();
        let mut text = inner.scrubber.cut(message, max);
        if message.len() > max {
            inner.metrics.limit("plugins.limits.log_line");
        }
        if fields.len() > inner.limits.log_fields {
            inner.metrics.limit("plugins.limits.log_fields");
        }
        for (name, value) in fields.iter().take(inner.limits.log_fields) {
            let left = max.saturating_sub(text.len() + 1);
            let field = inner.scrubber.cut(&format!("{name}={value}"), left);
            if !field.is_empty() {
                text.push(' ');
                text.push_str(&field);
            }
        }
        self.emit(level, &text);
    }

    /// Bytes that a guest prints: a line of the journal for each line, one after
    /// the other, so that many of them take no more memory than one.
    pub(super) fn print(&self, output: Output, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if let Some(line) = self.begin(output, piece) {
                self.line(output, &line);
            }
        }
    }

    /// A page for diagnosis.
    pub(super) fn attach(&self, name: &str, media_type: &str, data: Vec<u8>) {
        let inner = &*self.0;
        {
            let mut said = self.said();
            said.attachments += 1;
            said.attached = said.attached.saturating_add(data.len() as u64);
            if said.attachments > inner.limits.attachment_count {
                return inner.metrics.limit("plugins.limits.attachment_count");
            }
            if said.attached > inner.limits.attachments.as_u64() {
                return inner.metrics.limit("plugins.limits.attachments");
            }
        }
        let name = inner.scrubber.cut(name, 100);
        let media_type = inner.scrubber.cut(media_type, 100);
        let data = inner.scrubber.bytes(data);
        let (site, bytes) = (&inner.site, data.len());
        tracing::debug!(target: "plugin", site, name, media_type, bytes, "attachment");
        self.said().kept.push(Attachment {
            name,
            media_type,
            data,
        });
    }

    /// The call has ended: lines that were begun, and how many were dropped.
    pub(super) fn finish(&self) {
        let (stdout, stderr) = {
            let mut said = self.said();
            let said = &mut *said;
            (
                std::mem::take(&mut said.stdout),
                std::mem::take(&mut said.stderr),
            )
        };
        self.line(Output::Stdout, &stdout);
        self.line(Output::Stderr, &stderr);
        let suppressed = std::mem::take(&mut self.said().suppressed);
        if suppressed > 0 {
            self.emit(Level::Warn, &format!("suppressed {suppressed} lines"));
        }
    }

    /// All that was written and attached.
    pub(super) fn take(&self) -> (Vec<Line>, Vec<Attachment>) {
        let mut said = self.said();
        let said = &mut *said;
        (
            std::mem::take(&mut said.log),
            std::mem::take(&mut said.kept),
        )
    }

    /// Adds to the line that `output` has begun; returns it once it is whole.
    fn begin(&self, output: Output, piece: &[u8]) -> Option<Vec<u8>> {
        let max = self.line_limit();
        let mut said = self.said();
        let begun = match output {
            Output::Stdout => &mut said.stdout,
            Output::Stderr => &mut said.stderr,
        };
        // What is beyond the limit is cut off like a long line's end.
        let room = (max + 1).saturating_sub(begun.len());
        begun.extend_from_slice(&piece[..piece.len().min(room)]);
        piece.ends_with(b"\n").then(|| std::mem::take(begun))
    }

    fn line(&self, output: Output, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        if !text.trim().is_empty() {
            let level = match output {
                Output::Stdout => Level::Info,
                Output::Stderr => Level::Warn,
            };
            self.write(level, &text, &[]);
        }
    }

    /// Whether one more line may be written.
    fn counts(&self) -> bool {
        let mut said = self.said();
        said.lines += 1;
        let fits = said.lines <= self.0.limits.log_lines;
        if !fits {
            said.suppressed += 1;
            self.0.metrics.limit("plugins.limits.log_lines");
        }
        fits
    }

    fn emit(&self, level: Level, text: &str) {
        let (site, plugin) = (&self.0.site, &self.0.plugin);
        self.said().log.push(Line {
            level: level.word().to_owned(),
            message: text.to_owned(),
        });
        match level {
            Level::Trace => tracing::trace!(target: "plugin", site, plugin, "{text}"),
            Level::Debug => tracing::debug!(target: "plugin", site, plugin, "{text}"),
            Level::Info => tracing::info!(target: "plugin", site, plugin, "{text}"),
            Level::Warn => tracing::warn!(target: "plugin", site, plugin, "{text}"),
            Level::Error => tracing::error!(target: "plugin", site, plugin, "{text}"),
        }
    }

    fn line_limit(&self) -> usize {
        usize::try_from(self.0.limits.log_line.as_u64()).unwrap_or(usize::MAX - 1)
    }

    fn said(&self) -> std::sync::MutexGuard<'_, Said> {
        self.0.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
