//! The service as it ships: its own process, whose log is a file.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Started in a directory of its own; ends with this value.
pub(crate) struct Service {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) base: String,
    /// The URL of its metrics.
    pub(crate) metrics: String,
    child: Child,
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Service {
    /// With `extra` sections of the configuration.
    pub(crate) async fn start(dir: tempfile::TempDir, extra: &str) -> Self {
        // Whoever takes the metrics' port in between: another is tried.
        for _ in 0..5 {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let metrics = free.local_addr().unwrap();
            drop(free);
            let config = format!(
                r#"
                [server]
                listen = "127.0.0.1:0"
                [metrics]
                listen = "{metrics}"
                [net]
                ports = []
                allow_addresses = ["127.0.0.3/32"]
                [schedule]
                jolpica_url = "http://127.0.0.3:9/"
                openf1_url = "http://127.0.0.3:9/"
                {extra}
                "#
            );
            fs::write(dir.path().join("f1-streams.toml"), config).unwrap();
            let log = fs::File::create(dir.path().join("log")).unwrap();
            let mut child = program(dir.path())
                .arg("serve")
                .stderr(log)
                .spawn()
                .unwrap();
            let began = Instant::now();
            while child.try_wait().unwrap().is_none() {
                let text = fs::read_to_string(dir.path().join("log")).unwrap();
                let line = text.lines().find(|line| line.contains("serving"));
                let rest = line.and_then(|line| line.split("http://127.0.0.1:").nth(1));
                if let Some(port) = rest.and_then(|rest| rest.split(['"', ' ']).next()) {
                    return Self {
                        base: format!("http://127.0.0.1:{port}"),
                        metrics: format!("http://{metrics}/metrics"),
                        dir,
                        child,
                    };
                }
                assert!(began.elapsed() < Duration::from_secs(30), "{text}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        let text = fs::read_to_string(dir.path().join("log")).unwrap();
        panic!("it does not start: {text}");
    }

    /// Asks again until `done` answers, for at most 30 s.
    pub(crate) async fn until<T>(&self, what: &str, mut done: impl AsyncFnMut() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(value) = done().await {
                return value;
            }
            if began.elapsed() > Duration::from_secs(30) {
                let log = self.log();
                let last = log.len().saturating_sub(8_000);
                panic!(
                    "waited in vain for {what}: {}",
                    &log[log.ceil_char_boundary(last)..]
                );
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap()
    }
}

/// The program, with nothing of this process's environment.
pub(crate) fn program(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_f1-streams"));
    command.current_dir(dir).env_clear().stdin(Stdio::null());
    command
}
