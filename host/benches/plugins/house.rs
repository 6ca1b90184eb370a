//! The service as a process: its start, and a dropped file until it serves.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tokio::process::{Child, Command};

use super::figures;

const POLL: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(300);

/// A plugin as Cargo made it; its key is overwritten in place, so the stand-ins
/// are as long.
const KEY: &str = "direct";

pub(crate) async fn measure(plugins: usize) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let files = dir.path().join("data/plugins");
    std::fs::create_dir_all(&files)?;
    let original = super::calls::built(KEY)?;
    for number in 0..plugins {
        let key = key(number);
        std::fs::write(files.join(format!("{key}.wasm")), renamed(&original, &key)?)?;
    }
    let began = Instant::now();
    let house = House::start(dir.path()).await?;
    house.all_live(plugins).await?;
    figures::print(
        "start until all serve, nothing cached",
        vec![began.elapsed()],
    );
    house.stop().await?;

    let mut starts = Vec::new();
    for _ in 0..3 {
        let began = Instant::now();
        let house = House::start(dir.path()).await?;
        house.all_live(plugins).await?;
        starts.push(began.elapsed());
        house.stop().await?;
    }
    figures::print("start until all serve, cached", starts);

    let house = House::start(dir.path()).await?;
    house.all_live(plugins).await?;
    let mut drops = Vec::new();
    for run in 0..5u8 {
        // Not in step with the poll.
        tokio::time::sleep(Duration::from_millis(370 * u64::from(run))).await;
        let bytes = with_section(&renamed(&original, &key(0))?, run);
        let digest = house.digest(&key(0)).await?;
        let path = files.join(format!("{}.wasm", key(0)));
        std::fs::write(path.with_extension("tmp"), bytes)?;
        let began = Instant::now();
        std::fs::rename(path.with_extension("tmp"), &path)?;
        while house.digest(&key(0)).await? == digest {
            if began.elapsed() > PATIENCE {
                bail!("the dropped file was never loaded");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drops.push(began.elapsed());
    }
    let drop = figures::print(
        &format!("dropped file until it serves (poll {POLL:?})"),
        drops,
    );
    figures::ratio("  of one poll interval", drop, POLL);
    house.stop().await
}

fn key(number: usize) -> String {
    format!("p{number:05}")
}

fn renamed(wasm: &[u8], key: &str) -> Result<Vec<u8>> {
    assert_eq!(key.len(), KEY.len());
    let mut bytes = wasm.to_vec();
    let mut found = false;
    for at in 0..bytes.len() - KEY.len() {
        if bytes[at..].starts_with(KEY.as_bytes()) {
            bytes[at..at + KEY.len()].copy_from_slice(key.as_bytes());
            found = true;
        }
    }
    if !found {
        bail!("{KEY}.wasm does not hold its key");
    }
    Ok(bytes)
}

/// Another file that does the same: a custom section more.
fn with_section(wasm: &[u8], run: u8) -> Vec<u8> {
    [wasm, &[0, 4, 2, b'n', b'o', run]].concat()
}

struct House {
    process: Child,
    base: String,
    token: String,
    client: reqwest::Client,
}

impl House {
    async fn start(dir: &Path) -> Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?
            .local_addr()?
            .port();
        let file = dir.join("bench.toml");
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:{port}\"\n[metrics]\nlisten = \"\"\n\
             [plugins]\npoll = \"{}s\"\n[schedule]\njolpica_url = \"http://127.0.0.1:9/\"\nopenf1_url = \"http://127.0.0.1:9/\"\n\
             [log]\nfilter = \"error\"\n",
            POLL.as_secs()
        );
        std::fs::write(&file, text)?;
        let program = PathBuf::from(env!("CARGO_BIN_EXE_f1-streams"));
        let process = Command::new(program)
            .args(["serve", "--config"])
            .arg(&file)
            .current_dir(dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let mut house = Self {
            process,
            base: format!("http://127.0.0.1:{port}"),
            token: String::new(),
            client: reqwest::Client::builder().no_proxy().build()?,
        };
        let began = Instant::now();
        loop {
            let ready = house
                .client
                .get(format!("{}/readyz", house.base))
                .send()
                .await;
            if ready.is_ok_and(|answer| answer.status().is_success()) {
                break;
            }
            if began.elapsed() > PATIENCE {
                bail!("the service did not start");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let token = std::fs::read_to_string(dir.join("data/admin.token"))?;
        token.trim().clone_into(&mut house.token);
        Ok(house)
    }

    async fn plugins(&self) -> Result<Vec<Value>> {
        let request = self.client.get(format!("{}/api/admin/plugins", self.base));
        let body = request
            .bearer_auth(&self.token)
            .send()
            .await?
            .bytes()
            .await?;
        let mut all: Value = serde_json::from_slice(&body)?;
        match all["plugins"].take() {
            Value::Array(plugins) => Ok(plugins),
            other => bail!("no list of plugins: {other}"),
        }
    }

    async fn all_live(&self, wanted: usize) -> Result<()> {
        let began = Instant::now();
        loop {
            let all = self.plugins().await?;
            let live = all.iter().filter(|plugin| !plugin["digest"].is_null());
            if live.count() == wanted {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                bail!("not all plugins came to serve: {all:?}");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn digest(&self, key: &str) -> Result<String> {
        let all = self.plugins().await?;
        let plugin = all.iter().find(|plugin| plugin["key"] == key);
        let digest = plugin.and_then(|plugin| plugin["digest"].as_str());
        Ok(digest.context("the plugin is gone")?.to_owned())
    }

    async fn stop(mut self) -> Result<()> {
        self.process.kill().await?;
        Ok(())
    }
}
