//! One running service with its own testbed, directories and client.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use f1_streams::app::App;
use f1_streams::config::Config;
use f1_streams::metrics::Metrics;
use f1_streams::net::{Names, SystemNames};
use f1_streams_testbed::{Faults, Options, Testbed};
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// `data_dir/plugins` is polled this often in tests.
pub(crate) const POLL: Duration = Duration::from_millis(300);

pub(crate) struct House {
    pub(crate) testbed: Testbed,
    pub(crate) base: String,
    pub(crate) token: String,
    pub(crate) client: Client,
    pub(crate) dir: tempfile::TempDir,
    pub(crate) metrics: Metrics,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
    edit: Edit,
    names: Arc<dyn Names>,
}

/// What a test changes of the configuration, also after a restart.
type Edit = Arc<dyn Fn(&mut Config) + Send + Sync>;

/// The plugin as `cargo xtask build-plugins` made it: what ships is tested.
pub(crate) fn site_a_wasm() -> PathBuf {
    plugin_wasm("site-a")
}

/// As [`site_a_wasm`], of any plugin.
pub(crate) fn plugin_wasm(key: &str) -> PathBuf {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/plugins");
    let path = plugins.join(format!("{key}.wasm"));
    assert!(
        path.exists(),
        "{} is missing: run `cargo xtask build-plugins`",
        path.display()
    );
    path
}

impl House {
    /// With site A's plugin and site in place.
    pub(crate) async fn start() -> Self {
        Self::start_with("", "/event/live").await
    }

    /// `extra` is TOML put before the sections of the configuration.
    pub(crate) async fn start_with(extra: &str, event_path: &str) -> Self {
        let house = Self::empty(extra).await;
        house.add_site("site-a", event_path);
        std::fs::copy(site_a_wasm(), house.plugin("site-a")).unwrap();
        house
    }

    /// Without any plugin or site.
    pub(crate) async fn empty(extra: &str) -> Self {
        let testbed = Testbed::start(Options::default()).await.unwrap();
        Self::with_testbed(testbed, extra).await
    }

    /// Without any plugin or site, and with a configuration of its own.
    pub(crate) async fn edited(edit: impl Fn(&mut Config) + Send + Sync + 'static) -> Self {
        let testbed = Testbed::start(Options::default()).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        Self::open(testbed, dir, "", Arc::new(edit), system()).await
    }

    /// As [`House::edited`], with somebody else who knows the addresses of names.
    pub(crate) async fn named(
        names: Arc<dyn Names>,
        edit: impl Fn(&mut Config) + Send + Sync + 'static,
    ) -> Self {
        let testbed = Testbed::start(Options::default()).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        Self::open(testbed, dir, "", Arc::new(edit), names).await
    }

    /// Without any plugin or site, on a testbed of one's own.
    pub(crate) async fn with_testbed(testbed: Testbed, extra: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self::open(testbed, dir, extra, Arc::new(|_: &mut Config| ()), system()).await
    }

    async fn open(
        testbed: Testbed,
        dir: tempfile::TempDir,
        extra: &str,
        edit: Edit,
        names: Arc<dyn Names>,
    ) -> Self {
        let mut config = Config::from_toml(&Self::toml(&testbed, extra), dir.path())
            .unwrap()
            .config;
        // This test's own program compiles nothing.
        config.program = env!("CARGO_BIN_EXE_f1-streams").into();
        edit(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let metrics = Metrics::new();
        let app = App::build(config, address, metrics.clone(), names.clone()).unwrap();
        let stop = CancellationToken::new();
        let shutdown = stop.clone().cancelled_owned();
        let task = tokio::spawn(app.run(listener, None, shutdown));
        // Not there where the admin is off.
        let token =
            std::fs::read_to_string(dir.path().join("data/admin.token")).unwrap_or_default();
        let token = token.trim().to_owned();
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self {
            testbed,
            base: format!("http://{address}"),
            token,
            client,
            dir,
            metrics,
            stop,
            task: Some(task),
            edit,
            names,
        }
    }

    /// What this house runs on.
    pub(crate) fn config_text(&self) -> String {
        Self::toml(&self.testbed, "")
    }

    fn toml(testbed: &Testbed, extra: &str) -> String {
        let info = testbed.info();
        let hosts: String = info
            .hosts
            .iter()
            .map(|(name, ip)| format!("\"{name}\" = \"{ip}\"\n"))
            .collect();
        format!(
            r#"
                {extra}
                [metrics]
                listen = ""
                [net]
                # Refused must mean refused for the address.
                ports = []
                allow_addresses = ["127.0.0.3/32"]
                [net.hosts]
                {hosts}
                [plugins]
                poll = "300ms"
                settle = "50ms"
                [plugins.limits]
                wall = "3s"
                [schedule]
                jolpica_url = "{jolpica}"
                openf1_url = "{openf1}"
                [server]
                drain = "1s"
            "#,
            jolpica = info.jolpica,
            openf1 = info.openf1,
        )
    }

    /// Stops the service and starts it again on the same directories, with
    /// another testbed: every upstream URL of before is dead.
    pub(crate) async fn restart(self) -> Self {
        self.restart_with(Faults::default()).await
    }

    /// As [`House::restart`], with a configuration that is changed like this.
    pub(crate) async fn restart_edited(
        mut self,
        edit: impl Fn(&mut Config) + Send + Sync + 'static,
    ) -> Self {
        self.edit = Arc::new(edit);
        self.restart().await
    }

    /// As [`House::restart`], with the testbed in trouble from the start.
    pub(crate) async fn restart_with(mut self, faults: Faults) -> Self {
        self.stop.cancel();
        self.task.take().unwrap().await.unwrap();
        let testbed = Testbed::start(Options::default()).await.unwrap();
        testbed.set_faults(faults);
        let dir = std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap());
        let had_site = dir.path().join("data/sites/site-a.toml").exists();
        if had_site {
            Self::write_site(&testbed, dir.path(), "site-a", "/event/live");
        }
        let (edit, names) = (self.edit.clone(), self.names.clone());
        Self::open(testbed, dir, "", edit, names).await
    }

    /// Where a plugin's file goes.
    pub(crate) fn plugin(&self, key: &str) -> PathBuf {
        self.dir.path().join(format!("data/plugins/{key}.wasm"))
    }

    /// Drops a plugin as an operator would: written beside, renamed.
    pub(crate) fn drop_plugin(&self, key: &str, bytes: &[u8]) {
        let beside = self.plugin(key).with_extension("tmp");
        std::fs::write(&beside, bytes).unwrap();
        std::fs::rename(beside, self.plugin(key)).unwrap();
    }

    /// A site file that grants what the testbed's site needs.
    pub(crate) fn add_site(&self, key: &str, event_path: &str) {
        Self::write_site(&self.testbed, self.dir.path(), key, event_path);
    }

    fn write_site(testbed: &Testbed, dir: &Path, key: &str, event_path: &str) {
        let info = testbed.info();
        let text = format!(
            r#"
                plugin = "site-a"
                base_url = "{base}"
                allow_hosts = ["{go}", "{edge}", "{cdn}"]
                allow_addresses = ["127.0.0.2/32"]
                [headers]
                X-Requested-With = "XMLHttpRequest"
                [settings]
                event_path = "{event_path}"
                [settings.media_headers]
                Referer = "{base}/"
                Origin = "{base}"
            "#,
            base = info.site_a,
            go = info.go,
            edge = info.edge,
            cdn = info.cdn,
        );
        std::fs::write(dir.join(format!("data/sites/{key}.toml")), text).unwrap();
    }

    /// Any site file.
    pub(crate) fn write_site_file(&self, key: &str, text: &str) {
        let path = self.dir.path().join(format!("data/sites/{key}.toml"));
        std::fs::write(path, text).unwrap();
    }

    /// A GET of a path of the service.
    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        self.client
            .get(format!("{}{path}", self.base))
            .send()
            .await
            .unwrap()
    }

    pub(crate) async fn text(&self, path: &str) -> String {
        let response = self.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.text().await.unwrap()
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.text(path).await).unwrap()
    }

    /// A request with the admin's token.
    pub(crate) async fn admin(&self, method: Method, path: &str) -> Value {
        let request = self
            .client
            .request(method, format!("{}{path}", self.base))
            .bearer_auth(&self.token);
        let response = request.send().await.unwrap();
        assert!(
            response.status().is_success(),
            "{path}: {}",
            response.status()
        );
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
    }

    /// As [`House::admin`], of what may be refused.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> (StatusCode, Value) {
        let request = self.client.request(method, format!("{}{path}", self.base));
        let request = request.bearer_auth(&self.token).body(body);
        let response = request.send().await.unwrap();
        let status = response.status();
        let bytes = response.bytes().await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// One plugin as the admin sees it.
    pub(crate) async fn plugin_status(&self, key: &str) -> Value {
        let all = self.admin(Method::GET, "/api/admin/plugins").await;
        all["plugins"]
            .as_array()
            .unwrap()
            .iter()
            .find(|p| p["key"] == key)
            .cloned()
            .unwrap_or_default()
    }

    /// Asks again until `done` answers, for at most 20 s.
    pub(crate) async fn wait<T>(
        &self,
        what: &str,
        mut done: impl AsyncFnMut(&Self) -> Option<T>,
    ) -> T {
        let began = Instant::now();
        loop {
            if let Some(value) = done(self).await {
                return value;
            }
            if began.elapsed() > Duration::from_secs(20) {
                let plugins = self.admin(Method::GET, "/api/admin/plugins").await;
                panic!("waited in vain for {what}; plugins: {plugins:#}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Asks for a run as the page does; `true` if it will be.
    pub(crate) async fn refresh(&self) -> bool {
        let response = self
            .client
            .post(format!("{}/api/streams/refresh", self.base))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert_eq!(
            body["queued"] == true,
            body["retry_after_seconds"].is_null(),
            "{body}"
        );
        body["queued"] == true
    }

    /// The first stream that is up.
    pub(crate) async fn stream(&self) -> Value {
        self.wait("a stream that is up", async |house| {
            let list = house.json("/api/streams").await;
            list["streams"]
                .as_array()
                .unwrap()
                .iter()
                .find(|s| s["state"] == "up")
                .cloned()
        })
        .await
    }

    /// The path of the first variant, and the text of the multivariant playlist.
    pub(crate) async fn variant(&self) -> (String, String) {
        let stream = self.stream().await;
        let master = self.text(stream["play_url"].as_str().unwrap()).await;
        (uri_lines(&master)[0].clone(), master)
    }

    /// The paths of the segments of a media playlist, newest last.
    pub(crate) async fn segments(&self) -> Vec<String> {
        let (variant, _) = self.variant().await;
        uri_lines(&self.text(&variant).await)
    }
}

fn system() -> Arc<dyn Names> {
    Arc::new(SystemNames)
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Lines of a playlist that are URIs.
pub(crate) fn uri_lines(playlist: &str) -> Vec<String> {
    playlist
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}
