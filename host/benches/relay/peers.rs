//! Who is measured: how each is started and how a segment is asked of it.
//!
//! Everybody gets two workers at most, connections to the origin that are kept
//! open, and no log.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use crate::connection::fetch;
use crate::usage::Tree;
use crate::{Arguments, configurations, origin};

/// A start takes no longer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Asked of everybody once, and compared byte by byte.
const PROOF: usize = 200_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Peer {
    /// The origin itself.
    Origin,
    /// Ours, with `relay.window = 0`: every request is a fetch of its own.
    Relay,
    /// `proxy_pass` with `proxy_buffering off`.
    NginxUnbuffered,
    /// The same with `proxy_buffer_size 64k`; the default is a page.
    NginxUnbuffered64k,
    /// `proxy_pass` as it is by default.
    NginxBuffered,
    /// hls-proxy of npm, without prefetching.
    HlsProxy,
    /// mediaflow-proxy of PyPI, without its prebuffer.
    Mediaflow,
    /// Ours, with its window.
    RelayShared,
    /// `proxy_cache` with `proxy_cache_lock`.
    NginxCache,
}

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Origin => "origin itself",
            Self::Relay => "f1-streams",
            Self::NginxUnbuffered => "nginx, unbuffered",
            Self::NginxUnbuffered64k => "nginx, unbuffered, 64k",
            Self::NginxBuffered => "nginx, buffered",
            Self::HlsProxy => "hls-proxy",
            Self::Mediaflow => "mediaflow-proxy",
            Self::RelayShared => "f1-streams, shared",
            Self::NginxCache => "nginx, proxy_cache",
        })
    }
}

impl Peer {
    pub(crate) const ALL: [Self; 9] = [
        Self::Origin,
        Self::Relay,
        Self::NginxUnbuffered,
        Self::NginxUnbuffered64k,
        Self::NginxBuffered,
        Self::HlsProxy,
        Self::Mediaflow,
        Self::RelayShared,
        Self::NginxCache,
    ];

    /// Whether its viewers ask for the same segments, to share a fetch.
    pub(crate) fn is_shared(self) -> bool {
        matches!(self, Self::RelayShared | Self::NginxCache)
    }
}

/// The origin's process.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    pub(crate) tree: Tree,
    _process: Child,
    /// It ends when this does.
    _input: ChildStdin,
}

/// What the origin was asked until now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) segments: u64,
    pub(crate) playlists: u64,
    pub(crate) live_names: u64,
    pub(crate) live_segments: u64,
}

impl Origin {
    pub(crate) async fn start() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--origin").stdin(Stdio::piped());
        let mut process = command.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let mut line = String::new();
        let output = process.stdout.take().context("its output")?;
        BufReader::new(output).read_line(&mut line).await?;
        let port = line.trim().parse().context("the origin did not start")?;
        Ok(Self {
            address: (Ipv4Addr::LOCALHOST, port).into(),
            tree: Tree(process.id().context("it ended")?),
            _input: process.stdin.take().context("its input")?,
            _process: process,
        })
    }

    pub(crate) async fn asked(&self) -> Result<Asked> {
        let (_, body) = fetch(self.address, "/count").await?;
        let text = String::from_utf8(body)?;
        let mut numbers = text.split(' ').map(str::parse::<u64>);
        let mut next = || -> Result<u64> { Ok(numbers.next().context("too few")??) };
        Ok(Asked {
            segments: next()?,
            playlists: next()?,
            live_names: next()?,
            live_segments: next()?,
        })
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// A peer that runs.
pub(crate) struct Server {
    pub(crate) peer: Peer,
    pub(crate) address: SocketAddr,
    pub(crate) tree: Tree,
    process: Option<Child>,
    /// To seal links with.
    sealer: Option<(PathBuf, PathBuf)>,
    origin: String,
}

pub(crate) async fn start(
    peer: Peer,
    arguments: &Arguments,
    origin: &Origin,
    dir: &Path,
) -> Result<Server> {
    let dir = &dir.join(format!("{peer:?}"));
    std::fs::create_dir_all(dir)?;
    // Free now; nobody else asks for ports here meanwhile.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut sealer = None;
    let command = match peer {
        Peer::Origin => None,
        Peer::Relay | Peer::RelayShared => {
            let file = dir.join("bench.toml");
            std::fs::write(&file, configurations::ours(peer, port))?;
            let program = std::path::absolute(&arguments.program)?;
            let mut command = ended_with_us(&program);
            command.arg("serve").arg("--config").arg(&file);
            sealer = Some((program, file));
            Some(command)
        }
        Peer::NginxUnbuffered
        | Peer::NginxUnbuffered64k
        | Peer::NginxBuffered
        | Peer::NginxCache => {
            let file = dir.join("nginx.conf");
            std::fs::write(
                &file,
                configurations::nginx(peer, port, origin.address, dir),
            )?;
            let mut command = ended_with_us(&nginx_program()?);
            command
                .arg("-e")
                .arg(dir.join("error.log"))
                .arg("-c")
                .arg(&file);
            Some(command)
        }
        Peer::HlsProxy => {
            let package = installed(arguments, "node_modules/@warren-bank/hls-proxy")?;
            let pin = dir.join("pin.cjs");
            std::fs::write(&pin, configurations::PIN)?;
            let mut command = ended_with_us(Path::new("node"));
            command
                .arg("-r")
                .arg(pin)
                .arg(package.join("hls-proxy/bin/hlsd.js"));
            command.arg("--port").arg(port.to_string());
            Some(command)
        }
        Peer::Mediaflow => {
            let mut command = ended_with_us(&installed(arguments, "venv/bin/python")?);
            command.args([
                "-m",
                "uvicorn",
                "mediaflow_proxy.main:app",
                "--workers",
                "2",
            ]);
            command.args([
                "--host",
                "127.0.0.1",
                "--log-level",
                "warning",
                "--no-access-log",
            ]);
            command.arg("--port").arg(port.to_string());
            command.envs([("LOG_LEVEL", "WARNING"), ("ENABLE_HLS_PREBUFFER", "false")]);
            Some(command)
        }
    };
    let mut server = Server {
        peer,
        address: (Ipv4Addr::LOCALHOST, port).into(),
        tree: origin.tree,
        process: None,
        sealer,
        origin: origin.url(""),
    };
    if let Some(mut command) = command {
        let log = std::fs::File::create(dir.join("output"))?;
        command.current_dir(dir).stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log);
        let process = command.process_group(0).kill_on_drop(true);
        let process = process.spawn().context("starting it")?;
        server.tree = Tree(process.id().context("it ended")?);
        server.process = Some(process);
    } else {
        server.address = origin.address;
    }
    let ready = server.proven(dir).await;
    ready.with_context(|| std::fs::read_to_string(dir.join("output")).unwrap_or_default())?;
    Ok(server)
}

impl Server {
    /// The paths of `count` segments of `size` bytes, whose names at the origin
    /// are `prefix` and a number.
    pub(crate) async fn paths(
        &self,
        size: usize,
        prefix: &str,
        count: usize,
    ) -> Result<Vec<String>> {
        let plain = (0..count).map(|n| format!("/{size}/{prefix}{n}.ts"));
        Ok(match self.peer {
            Peer::Relay | Peer::RelayShared => {
                let list = self
                    .sealed(&format!("/list/{size}/{prefix}/{count}.m3u8"))
                    .await?;
                let (status, body) = fetch(self.address, &list).await?;
                let text = String::from_utf8(body)?;
                ensure!(status == 200, "a playlist: {status} {text}");
                let links = text.lines().filter(|line| line.starts_with('/'));
                let links: Vec<_> = links.map(str::to_owned).collect();
                ensure!(links.len() == count, "{} links of {count}", links.len());
                links
            }
            Peer::HlsProxy => {
                let url = |path| encoded(&STANDARD.encode(format!("{}{path}", self.origin)));
                plain.map(|path| format!("/{}.ts", url(path))).collect()
            }
            Peer::Mediaflow => {
                let url = |path| encoded(&format!("{}{path}", self.origin));
                let path = |path| format!("/proxy/hls/segment.ts?d={}", url(path));
                plain.map(path).collect()
            }
            _ => plain.collect(),
        })
    }

    /// The path of a playlist of the origin.
    pub(crate) async fn sealed(&self, path: &str) -> Result<String> {
        let Some((program, config)) = &self.sealer else {
            return Ok(path.to_owned());
        };
        let mut command = Command::new(program);
        // Its key is where the server has it, below the current directory.
        command.current_dir(config.parent().context("its directory")?);
        command
            .arg("link")
            .arg("--config")
            .arg(config)
            .args(["--kind", "proxy"]);
        let output = command
            .arg(format!("{}{path}", self.origin))
            .output()
            .await?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Waits until it serves, and sees that it serves the right bytes.
    async fn proven(&mut self, dir: &Path) -> Result<()> {
        let began = Instant::now();
        while std::net::TcpStream::connect(self.address).is_err() {
            if let Some(process) = &mut self.process
                && let Some(status) = process.try_wait()?
            {
                let error = std::fs::read_to_string(dir.join("error.log")).unwrap_or_default();
                bail!("it ended ({status}) {error}");
            }
            ensure!(began.elapsed() < PATIENCE, "it does not listen");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let paths = self.paths(PROOF, "proof", 1).await?;
        let proof = tokio::time::timeout(PATIENCE, fetch(self.address, &paths[0]));
        let (status, body) = proof.await??;
        ensure!(status == 200, "it answers {status}");
        ensure!(
            body == origin::content(PROOF),
            "it changes what it passes on"
        );
        Ok(())
    }
}

impl Drop for Server {
    /// With its workers, which would outlive it.
    fn drop(&mut self) {
        let id = self.process.as_ref().and_then(Child::id);
        let group = id.and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(group) = group {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

/// `program`, which gets a signal should this process be killed.
fn ended_with_us(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--"]).arg(program);
    command
}

fn installed(arguments: &Arguments, what: &str) -> Result<PathBuf> {
    let path = std::path::absolute(&arguments.installed)?.join(what);
    ensure!(path.exists(), "not installed");
    Ok(path)
}

/// Debian keeps it where only root looks.
pub(crate) fn nginx_program() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut dirs: Vec<_> = std::env::split_paths(&path).collect();
    dirs.extend(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let mut programs = dirs.into_iter().map(|dir| dir.join("nginx"));
    programs
        .find(|program| program.is_file())
        .context("not installed")
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
