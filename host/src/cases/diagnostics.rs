//! Bundles of failed calls, in `data_dir/diagnostics`.
//!
//! Bounded by `plugins.diagnostics`: the size of one, how many there are, and
//! how many of one site; the oldest go. Blocking, but for [`Diagnostics::keep`].

#[cfg(test)]
mod tests;
mod writer;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Serialize;
use tokio::sync::oneshot;

use self::writer::Writer;
use super::bundle::{Attached, Bundle, Ended, FORMAT};
use super::case::{CallKind, WrittenHint};
use super::exchanges::Written;
use super::scrub::Scrubber;
use super::site_file;
use crate::config;
use crate::files;
use crate::metrics::Metrics;
use crate::plugins::{Before, CallError, Hint, Info, Line, Site, Transcript};

/// UTC, in names of files: no colon, and in order of time.
const STAMP: &str = "%Y%m%dT%H%M%SZ";
/// In place of why a run failed where a token may be left in that.
const TOO_MANY: &str = "left out: the site gave out too many cookies and tokens";

/// The directory of bundles; cheap to clone.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    files: Arc<Files>,
    writer: Writer,
}

#[derive(Debug)]
struct Files {
    dir: PathBuf,
    config: config::Diagnostics,
    metrics: Metrics,
}

/// The bundle of one failure, once it is written.
#[derive(Clone, Debug, Default)]
pub struct Pending(Arc<OnceLock<BundleInfo>>);

/// A bundle that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BundleInfo {
    /// Its file's.
    pub name: String,
    /// The site's key.
    pub site: String,
    /// When the call began, to the second.
    pub at: Timestamp,
    /// Of the file.
    pub bytes: u64,
}

/// A call that brought nothing.
#[derive(Debug)]
pub struct Failure {
    /// As configured.
    pub site: Arc<Site>,
    /// Which plugin ran.
    pub plugin: Info,
    /// What it was called with.
    pub hint: Hint,
    /// What it ended with.
    pub error: CallError,
    /// What it exchanged and said.
    pub transcript: Transcript,
}

impl Diagnostics {
    /// Nothing is made before the first bundle.
    pub fn new(data_dir: &Path, config: config::Diagnostics, metrics: Metrics) -> Self {
        let writer = Writer::start(config.queue);
        let files = Files {
            dir: data_dir.join("diagnostics"),
            config,
            metrics,
        };
        Self {
            files: Arc::new(files),
            writer,
        }
    }

    /// Keeps what an `extract` left behind. Waits for it no longer than a
    /// working disk takes: what is late is in `Pending` when it is written.
    pub async fn keep(&self, failure: Failure) -> Pending {
        let pending = Pending::default();
        if self.files.config.count == 0 {
            return pending;
        }
        let Files {
            config, metrics, ..
        } = &*self.files;
        let (files, kept) = (self.files.clone(), pending.clone());
        let (done, written) = oneshot::channel::<()>();
        let taken = self.writer.hand_over(Box::new(move || {
            match files.write(&failure) {
                // It is set here alone.
                Ok(bundle) => drop(kept.0.set(bundle)),
                Err(error) => tracing::warn!(%error, "no diagnostics could be kept"),
            }
            // Whoever waited may have gone on.
            let _ = done.send(());
        }));
        if !taken {
            metrics.limit("plugins.diagnostics.queue");
            tracing::warn!("no diagnostics are kept: too many are being written");
        } else if tokio::time::timeout(config.wait, written).await.is_err() {
            metrics.limit("plugins.diagnostics.wait");
            tracing::warn!("diagnostics take long to be written");
        }
        pending
    }

    /// All there are, newest first.
    pub fn list(&self) -> Vec<BundleInfo> {
        self.files.list()
    }

    /// One bundle's text; `None` where there is none of that name.
    pub fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        // Whatever is no bundle's name is not looked for.
        if info(name.to_owned(), 0).is_none() {
            return Ok(None);
        }
        match files::read_own(&self.files.dir.join(name), self.files.config.size.as_u64()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            text => text.map(Some),
        }
    }
}

impl Pending {
    /// `None` as long as it is not written.
    pub fn get(&self) -> Option<&BundleInfo> {
        self.0.get()
    }
}

impl Files {
    /// By one thread alone, so that what it takes away is the oldest.
    fn write(&self, failure: &Failure) -> io::Result<BundleInfo> {
        let text = document(failure, &self.config, &self.metrics).map_err(io::Error::other)?;
        let at = failure.transcript.time;
        let stamp = at.to_zoned(TimeZone::UTC).strftime(STAMP);
        let name = format!("{}-{stamp}.json", failure.site.key);
        files::write(&self.dir.join(&name), text.as_bytes())?;
        self.take_away(&name);
        info(name, text.len() as u64).ok_or_else(|| io::Error::other("a name that is none"))
    }

    fn list(&self) -> Vec<BundleInfo> {
        let Ok(entries) = fs::read_dir(&self.dir) else {
            return Vec::new();
        };
        let found = entries.flatten().filter_map(|entry| {
            let bytes = entry.metadata().ok().filter(fs::Metadata::is_file)?.len();
            info(entry.file_name().into_string().ok()?, bytes)
        });
        let mut found: Vec<_> = found.collect();
        found.sort_by(|a, b| (b.at, &b.name).cmp(&(a.at, &a.name)));
        found
    }

    /// `newest` was written just now, whatever the clock says. What cannot go
    /// yet goes with the next one.
    fn take_away(&self, newest: &str) {
        let Self { dir, config, .. } = self;
        let mut found = self.list();
        found.sort_by_key(|bundle| bundle.name != newest);
        let mut kept: Vec<BundleInfo> = Vec::new();
        for bundle in found {
            let of_site = kept.iter().filter(|other| other.site == bundle.site);
            if kept.len() < config.count && of_site.count() < config.per_site {
                kept.push(bundle);
            } else if let Err(error) = fs::remove_file(dir.join(&bundle.name)) {
                tracing::warn!(%error, bundle = bundle.name, "diagnostics: not removed");
            }
        }
    }
}

/// Of `<site>-<stamp>.json`; `None` for any other name.
fn info(name: String, bytes: u64) -> Option<BundleInfo> {
    let (site, stamp) = name.strip_suffix(".json")?.rsplit_once('-')?;
    let key: config::Key = site.parse().ok()?;
    let time = DateTime::strptime(STAMP, stamp).ok()?;
    let at = time.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(BundleInfo {
        site: key.to_string(),
        at,
        bytes,
        name,
    })
}

/// At most `config.size` long. What cannot be made clean is left out: it may be the
/// site's wish that nothing is kept.
fn document(
    failure: &Failure,
    config: &config::Diagnostics,
    metrics: &Metrics,
) -> Result<String, String> {
    let Failure {
        site, transcript, ..
    } = failure;
    let Transcript {
        before, exchanges, ..
    } = transcript;
    let max = usize::try_from(config.size.as_u64()).unwrap_or(usize::MAX);
    let scrubber = Scrubber::new(&site.file, before, exchanges, config.learned)?;
    if scrubber.is_bare() {
        metrics.limit("plugins.diagnostics.learned");
    }
    match cleaned(failure, &scrubber, max) {
        Err(error) if !scrubber.is_bare() => {
            tracing::debug!(%error, "a bundle says only who was asked");
            cleaned(failure, &scrubber.into_bare(), max)
        }
        done => done,
    }
}

/// What is largest and says least goes first.
fn cleaned(failure: &Failure, scrubber: &Scrubber, max: usize) -> Result<String, String> {
    let Failure {
        site,
        plugin,
        hint,
        error,
        transcript,
    } = failure;
    let (site, time, before) = (&site.file, transcript.time, &transcript.before);
    let hops = transcript.exchanges.iter();
    // Where not everything could be learned, who was asked is what is kept.
    let all = !scrubber.is_bare();
    let log = transcript.log.iter().filter(|_| all).map(|line| Line {
        level: line.level.clone(),
        message: scrubber.text(&line.message),
    });
    let attachments = transcript.attachments.iter().filter(|_| all);
    let attachments = attachments.map(|attachment| Attached {
        name: scrubber.text(&attachment.name),
        media_type: scrubber.text(&attachment.media_type),
        data_base64: STANDARD.encode(scrubber.bytes(&attachment.data)),
    });
    let mut bundle = Bundle {
        format: FORMAT,
        site: site.key.to_string(),
        plugin: plugin.key.clone(),
        version: plugin.version.clone(),
        digest: plugin.digest.clone(),
        call: CallKind::Extract,
        time,
        hint: WrittenHint::from(hint),
        before: match all {
            true => scrubber.before(before, time),
            false => Before::default(),
        },
        site_file: site_file::text(site, scrubber)?,
        outcome: Ended {
            code: error.code().to_owned(),
            message: match scrubber.is_overfull() {
                false => scrubber.clean(&error.to_string()),
                true => TOO_MANY.into(),
            },
        },
        exchanges: hops
            .map(|hop| Written::inline(&scrubber.exchange(hop, time)))
            .collect(),
        log: log.collect(),
        attachments: attachments.collect(),
    };
    loop {
        let text = serde_json::to_string(&bundle).map_err(|error| error.to_string())?;
        if text.len() <= max {
            let Bundle {
                before,
                exchanges,
                log,
                attachments,
                outcome,
                ..
            } = &bundle;
            let said = (!scrubber.is_overfull()).then_some(&outcome.message);
            let theirs = (before, exchanges, log, attachments, said);
            scrubber.check(&(theirs, site_file::parsed(&bundle.site_file)))?;
            return Ok(text);
        }
        if bundle.attachments.pop().is_some() {
            continue;
        }
        let hops = bundle.exchanges.iter_mut();
        let largest = hops.max_by_key(|hop| hop.body_len());
        if let Some(hop) = largest.filter(|hop| hop.body_len() > 0) {
            hop.cut();
        } else if !bundle.log.is_empty() {
            bundle.log.clear();
        } else if !bundle.exchanges.is_empty() {
            bundle.exchanges.clear();
        } else {
            return Err("it is larger than plugins.diagnostics.size".into());
        }
    }
}
