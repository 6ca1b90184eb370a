//! The real program in a process of its own: what it says in its log, and what it
//! takes of the machine.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use f1_streams::config::Config;
use f1_streams::playlist::Variables;
use f1_streams::proxy::{Kind, Link, Links};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

/// It is up by then, or never.
const START: Duration = Duration::from_secs(20);

pub(crate) struct Program {
    pub(crate) address: SocketAddr,
    pub(crate) metrics: SocketAddr,
    pub(crate) client: reqwest::Client,
    child: Child,
    links: Links,
    log: Arc<Mutex<Vec<u8>>>,
    _dir: tempfile::TempDir,
}

impl Program {
    /// `config` is sections beside the addresses of `[server]` and `[metrics]`, of
    /// which `server` is more; `prepare` fills the directory it runs in.
    pub(crate) async fn start(server: &str, config: &str, prepare: impl FnOnce(&Path)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let listeners = [free(), free()];
        let [address, metrics] = listeners
            .each_ref()
            .map(|listener| listener.local_addr().unwrap());
        drop(listeners);
        let file = dir.path().join("f1-streams.toml");
        let text = format!(
            "[server]\nlisten = \"{address}\"\n{server}\n[metrics]\nlisten = \"{metrics}\"\n\
             [schedule]\njolpica_url = \"http://127.0.0.1:1/\"\nopenf1_url = \"http://127.0.0.1:1/\"\n{config}"
        );
        std::fs::write(&file, text).unwrap();
        prepare(dir.path());
        let mut child = Command::new(env!("CARGO_BIN_EXE_f1-streams"))
            .args(["serve", "--config"])
            .arg(&file)
            .current_dir(dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (mut stderr, kept) = (child.stderr.take().unwrap(), log.clone());
        tokio::spawn(async move {
            let mut buffer = [0; 8192];
            while let Ok(read @ 1..) = stderr.read(&mut buffer).await {
                kept.lock().unwrap().extend_from_slice(&buffer[..read]);
            }
        });
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let ready = async {
            let url = format!("http://{address}/readyz");
            while client.get(&url).send().await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let up = tokio::time::timeout(START, ready).await;
        assert!(
            up.is_ok(),
            "{}",
            String::from_utf8_lossy(&log.lock().unwrap())
        );
        let config = Config::load_in(dir.path(), Some(&file), std::iter::empty());
        let config = config.unwrap().config.links;
        let links = Links::open(&config.key_file, config.lifetime, config.bucket).unwrap();
        Self {
            address,
            metrics,
            client,
            child,
            links,
            log,
            _dir: dir,
        }
    }

    pub(crate) fn sealed(&self, kind: Kind, url: String) -> String {
        self.links.path(&Link::Resource {
            stream: String::new(),
            kind,
            url,
            expires: self.links.expiry(jiff::Timestamp::now()),
            variables: Variables::default(),
        })
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        let url = format!("http://{}{path}", self.address);
        self.client.get(url).send().await.unwrap()
    }

    /// What it has said so far.
    pub(crate) fn log(&self) -> Vec<u8> {
        self.log.lock().unwrap().clone()
    }

    /// As [`memory`].
    pub(crate) fn memory(&self, what: &str) -> u64 {
        memory(self.child.id().unwrap(), what)
    }

    /// What it has had of the processor.
    pub(crate) fn processor(&self) -> Duration {
        let process = self.child.id().unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let mut fields = fields.split_whitespace().skip(11);
        let mut ticks = || fields.next().unwrap().parse::<u64>().unwrap();
        let ticks = ticks() + ticks();
        Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
    }
}

/// A line of `/proc/PID/status` in bytes: `VmRSS`, `VmHWM`.
pub(crate) fn memory(process: u32, what: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib << 10
}
