//! The service's log: the one place that every event passes on its way out.
//!
//! Owns what becomes of a line ([`mod@line`]: what others wrote into it neither
//! forges another nor reaches the terminal) and how many there are ([`limit`]:
//! whoever can cause an event can cause it a million times). What is worth a
//! line is each room's own business.

mod limit;
mod line;

use std::time::Instant;

use tracing::Subscriber;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

pub use limit::Limit;
pub(crate) use line::{is_hidden, visible};

use self::line::{Format, OneLine};
use crate::config::{self, LogFormat};
use crate::metrics::Metrics;

/// What writes events to `writer`, and the limit that it holds.
pub fn subscriber<W>(
    filter: &str,
    config: &config::Log,
    metrics: Metrics,
    writer: W,
) -> (impl Subscriber + Send + Sync + use<W>, Limit)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let limit = Limit::new(config, metrics, Box::new(Instant::now));
    let subscriber = limited_by(limit.clone(), filter, config.format, writer);
    (subscriber, limit)
}

fn limited_by<W>(
    limit: Limit,
    filter: &str,
    format: LogFormat,
    writer: W,
) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let limited = Registry::default().with(filter).with(limit);
    let lines = fmt::layer().with_writer(writer).with_ansi(false);
    let lines = match format {
        LogFormat::Json => lines
            .json()
            .map_event_format(|json| OneLine(json, Format::Json))
            .boxed(),
        LogFormat::Text => lines
            .map_event_format(|text| OneLine(text, Format::Text))
            .boxed(),
    };
    limited.with(lines)
}

/// As [`subscriber`], on standard error and for the whole process, panics
/// included: what they say may be somebody else's text.
pub fn start(filter: &str, config: &config::Log, metrics: Metrics) -> std::io::Result<Limit> {
    let (subscriber, limit) = subscriber(filter, config, metrics, std::io::stderr);
    tracing::subscriber::set_global_default(subscriber).map_err(std::io::Error::other)?;
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or("no message");
        let at = panic.location().map(ToString::to_string);
        // Empty unless RUST_BACKTRACE asks for one.
        let backtrace = std::backtrace::Backtrace::capture();
        tracing::error!(at, %backtrace, "panic: {message}");
    }));
    let telling = limit.clone();
    let thread = std::thread::Builder::new().name("log".into());
    // Ends with the process: it only waits, and holds nothing else.
    thread.spawn(move || telling.run())?;
    Ok(limit)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use tracing::subscriber::DefaultGuard;

    use super::*;

    /// What was written.
    #[derive(Clone, Default)]
    pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("lock").extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    impl Lines {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("lock").clone()).expect("UTF-8")
        }
    }

    /// Passes when it is told to.
    #[derive(Clone)]
    pub(crate) struct Time(Arc<Mutex<Instant>>);

    impl Time {
        pub(crate) fn pass(&self, time: Duration) {
            *self.0.lock().expect("lock") += time;
        }
    }

    /// The log of this thread, while the guard lives.
    pub(crate) fn started(toml: &str) -> (Lines, Limit, Time, DefaultGuard) {
        let loaded = config::Config::from_toml(toml, std::path::Path::new("/"));
        let config = loaded.expect("configuration").config.log;
        let (lines, time) = (Lines::default(), Arc::new(Mutex::new(Instant::now())));
        let clock = time.clone();
        let now = Box::new(move || *clock.lock().expect("lock"));
        let limit = Limit::new(&config, Metrics::new(), now);
        let subscriber = limited_by(limit.clone(), "info", config.format, lines.clone());
        let guard = tracing::subscriber::set_default(subscriber);
        (lines, limit, Time(time), guard)
    }
}
