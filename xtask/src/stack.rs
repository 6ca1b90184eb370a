//! The whole system on this machine: the simulated internet and the service
//! that is configured to use it, in a directory of their own that is fresh each
//! time. Both end with this value, or with this process.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::json;
use url::Url;
use xshell::cmd;

use crate::build_plugins::{self, Which};
use crate::language::Language;
use crate::process::Process;
use crate::toolchain::Toolchain;
use crate::viewer::Viewer;
use crate::workspace::{Workspace, cargo};

/// Both start in well under a second; a busy machine may take longer.
const START: Duration = Duration::from_secs(30);

const LOG_TAIL: usize = 20;

/// A running system.
pub(crate) struct Stack {
    // Fields drop in order: the service before what it fetches from.
    service: Process,
    testbed: Process,
    pub(crate) viewer: Viewer,
    pub(crate) admin_token: String,
    pub(crate) control: String,
    pub(crate) dir: PathBuf,
}

/// What the testbed says about itself in its first line.
#[derive(Deserialize)]
struct Internet {
    site_a: String,
    hosts: BTreeMap<String, String>,
    ports: Vec<u16>,
    go: String,
    edge: String,
    cdn: String,
    jolpica: String,
    openf1: String,
    control: String,
}

/// Everything that a stack runs, built: its plugins are in Rust, so that a demo
/// needs no other language's tools.
pub(crate) fn build(workspace: &Workspace, toolchain: Option<Toolchain>) -> anyhow::Result<()> {
    build_as(workspace, toolchain, &["build"])
}

/// As [`build`], with the Rust tests beside: what these add to the features of what
/// both are made of would have it all built twice.
pub(crate) fn build_with_tests(
    workspace: &Workspace,
    toolchain: Option<Toolchain>,
) -> anyhow::Result<()> {
    let how = ["test", "--no-run", "--lib", "--bins", "--tests"];
    build_as(workspace, toolchain, &how)
}

fn build_as(
    workspace: &Workspace,
    toolchain: Option<Toolchain>,
    how: &[&str],
) -> anyhow::Result<()> {
    build_plugins::run(workspace, toolchain, Which::In(Language::Rust))?;
    let sh = workspace.shell()?;
    let cargo = cargo();
    let but = workspace.without_plugins();
    cmd!(sh, "{cargo} {how...} --workspace {but...}")
        .quiet()
        .run()?;
    Ok(())
}

impl Stack {
    /// Starts a stack of its own name under `target/`; port 0 is any free one.
    pub(crate) fn start(workspace: &Workspace, name: &str, port: u16) -> anyhow::Result<Self> {
        let port = free_port(port)?;
        let dir = workspace.target.join(name);
        if dir.exists() {
            fs::remove_dir_all(&dir).with_context(|| format!("clearing {}", dir.display()))?;
        }
        fs::create_dir_all(dir.join("data/plugins"))?;
        fs::create_dir_all(dir.join("data/sites"))?;
        let programs = workspace.target.join("debug");

        let (testbed, internet) = start_testbed(&programs.join("f1-streams-testbed"), &dir)?;
        fs::copy(
            workspace.component("site-a"),
            dir.join("data/plugins/site-a.wasm"),
        )
        .context("the plugin site-a")?;
        fs::write(dir.join("data/sites/site-a.toml"), site(&internet)?)?;
        let config = dir.join("f1-streams.toml");
        fs::write(&config, configuration(&dir, port, &internet)?)?;

        let log = File::create(dir.join("host.log"))?;
        let service = Process::start("f1-streams", &programs.join("f1-streams"), |command| {
            command
                .arg("serve")
                .arg("--config")
                .arg(&config)
                .current_dir(&dir);
            command.stdin(Stdio::null()).stderr(Stdio::from(log));
            command.stdout(Stdio::null());
        })?;
        let mut stack = Self {
            service,
            testbed,
            viewer: Viewer::new(Url::parse(&format!("http://127.0.0.1:{port}/"))?),
            admin_token: String::new(),
            control: internet.control,
            dir,
        };
        stack
            .wait_until_ready()
            .map_err(|error| stack.explain(error))?;
        let token = stack.dir.join("data/admin.token");
        stack.admin_token = fs::read_to_string(token)
            .context("the admin token")?
            .trim()
            .into();
        Ok(stack)
    }

    /// An error once either process has ended.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        let service = self.service.check();
        service.map_err(|error| self.explain(error))?;
        self.testbed.check()
    }

    /// Adds the end of the service's log to what went wrong.
    pub(crate) fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let log = fs::read_to_string(self.dir.join("host.log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(LOG_TAIL)..].join("\n");
        anyhow::anyhow!("{error:#}\nits log ends with:\n{tail}")
    }

    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let why = match self.viewer.ok("/readyz") {
                Ok(_) => return Ok(()),
                Err(why) => why,
            };
            self.service.check()?;
            self.testbed.check()?;
            if begun.elapsed() > START {
                return Err(why.context("the service does not become ready"));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The port, or any free one for 0; an error where it is taken.
pub(crate) fn free_port(port: u16) -> anyhow::Result<u16> {
    match TcpListener::bind(("127.0.0.1", port)) {
        Ok(listener) => Ok(listener.local_addr()?.port()),
        Err(error) => bail!("port {port} cannot be used ({error}); choose another with --port"),
    }
}

fn start_testbed(program: &Path, dir: &Path) -> anyhow::Result<(Process, Internet)> {
    let log = File::create(dir.join("testbed.log"))?;
    let mut testbed = Process::start("f1-streams-testbed", program, |command| {
        // Its standard input closes when this process ends.
        command.arg("--exit-with-stdin").stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::from(log));
    })?;
    let stdout = testbed
        .child()
        .stdout
        .take()
        .context("its standard output")?;
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut line = String::new();
        let read = BufReader::new(stdout).read_line(&mut line);
        // Nobody waits any more: the start has failed.
        let _ = send.send(read.map(|_| line));
    });
    let line = receive
        .recv_timeout(START)
        .context("the testbed does not come up")??;
    let internet = serde_json::from_str(&line).context("the testbed's first line")?;
    Ok((testbed, internet))
}

/// The demo's site: `plugins/site-a/site.toml` with the testbed's addresses.
fn site(internet: &Internet) -> anyhow::Result<String> {
    let Internet {
        site_a,
        go,
        edge,
        cdn,
        ..
    } = internet;
    let document = json!({
        "plugin": "site-a",
        "base_url": site_a,
        "allow_hosts": [go, edge, cdn],
        "allow_addresses": ["127.0.0.2/32"],
        "headers": { "X-Requested-With": "XMLHttpRequest" },
        "settings": {
            "event_path": "/event/live",
            "media_headers": { "Referer": format!("{site_a}/"), "Origin": site_a },
        },
    });
    Ok(toml::to_string(&document)?)
}

/// The service's own configuration. The schedule's address is an exception for
/// everything; the site's addresses are one for that site alone.
fn configuration(dir: &Path, port: u16, internet: &Internet) -> anyhow::Result<String> {
    let document = json!({
        "data_dir": dir.join("data"),
        "cache_dir": dir.join("cache"),
        "server": { "listen": format!("127.0.0.1:{port}") },
        // Its port may be taken on a machine where people work.
        "metrics": { "listen": "" },
        "net": {
            "hosts": internet.hosts,
            "ports": internet.ports,
            "allow_addresses": ["127.0.0.3/32"],
        },
        "schedule": { "jolpica_url": internet.jolpica, "openf1_url": internet.openf1 },
        "extraction": { "interval": "30s" },
    });
    Ok(toml::to_string(&document)?)
}
