//! What a process and its children took, from /proc (proc_pid_stat(5)).

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// A process and its descendants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tree(pub(crate) u32);

struct Stat {
    pid: u32,
    parent: u32,
    /// Its own, and of its children that have ended.
    ticks: u64,
}

impl Tree {
    /// Processor time until now.
    pub(crate) fn cpu(self) -> Result<Duration> {
        let ticks: u64 = self.stats()?.iter().map(|stat| stat.ticks).sum();
        let seconds = ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
        Ok(Duration::from_secs_f64(seconds))
    }

    /// Bytes that are resident.
    pub(crate) fn resident(self) -> Result<u64> {
        self.memory("VmRSS:")
    }

    /// The most bytes that were resident since [`Tree::forget_peak`], each
    /// process at its own time.
    pub(crate) fn peak(self) -> Result<u64> {
        self.memory("VmHWM:")
    }

    pub(crate) fn forget_peak(self) -> Result<()> {
        for stat in self.stats()? {
            // proc_pid_clear_refs(5)
            fs::write(format!("/proc/{}/clear_refs", stat.pid), "5")?;
        }
        Ok(())
    }

    fn memory(self, field: &str) -> Result<u64> {
        let mut sum = 0;
        for stat in self.stats()? {
            let text = fs::read_to_string(format!("/proc/{}/status", stat.pid));
            let text = text.unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix(field));
            let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
            sum += kib.unwrap_or("0").trim().parse::<u64>()? << 10;
        }
        Ok(sum)
    }

    fn stats(self) -> Result<Vec<Stat>> {
        let mut all = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // It may have ended since.
            all.extend(stat(pid).ok());
        }
        let mut tree: Vec<Stat> = Vec::new();
        let (root, mut others): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|stat| stat.pid == self.0);
        tree.extend(root);
        let mut next = 0;
        while let Some(parent) = tree.get(next).map(|stat| stat.pid) {
            let (children, rest) = others.into_iter().partition(|stat| stat.parent == parent);
            tree.extend::<Vec<_>>(children);
            others = rest;
            next += 1;
        }
        Ok(tree)
    }
}

fn stat(pid: u32) -> Result<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name may hold anything; it ends with the last bracket.
    let (_, fields) = text.rsplit_once(')').context("no name")?;
    let fields: Vec<_> = fields.split_whitespace().collect();
    let number = |at: usize| -> Result<u64> { Ok(fields.get(at).context("too short")?.parse()?) };
    Ok(Stat {
        pid,
        parent: u32::try_from(number(1)?)?,
        ticks: number(11)? + number(12)? + number(13)? + number(14)?,
    })
}

/// Processor time of this process alone.
pub(crate) fn own_cpu() -> Result<Duration> {
    let text = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = text.rsplit_once(')').context("no name")?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut number = || -> Result<u64> { Ok(fields.next().context("too short")?.parse()?) };
    let ticks = number()? + number()?;
    let seconds = ticks as f64 / rustix::param::clock_ticks_per_second() as f64;
    Ok(Duration::from_secs_f64(seconds))
}

/// Average number of processes that wanted a core in the last minute.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// Two a viewer, for everybody that is started from here.
pub(crate) fn allow_many_files() -> Result<()> {
    let now = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: now.maximum,
        maximum: now.maximum,
    };
    Ok(setrlimit(Resource::Nofile, most)?)
}
