//! A real nginx in front, as an operator would set it up.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use f1_streams::config::Config;
use f1_streams::proxy::Kind;
use reqwest::Response;

use super::{body, header};
use crate::house::House;
use crate::origin::{Origin, Step, head, ok, packets, playlist, sealed};

const NGINX: &str = "/usr/sbin/nginx";

struct Front {
    process: Child,
    base: String,
    client: reqwest::Client,
    _dir: tempfile::TempDir,
}

impl Drop for Front {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Front {
    /// `None` where there is no nginx.
    #[allow(clippy::print_stdout, reason = "whoever runs the tests reads it")]
    async fn new(house: &House, more: &str) -> Option<Self> {
        if !Path::new(NGINX).exists() {
            #[allow(clippy::print_stdout, reason = "a test that did not run says so")]
            {
                println!("not run: there is no {NGINX}");
            }
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let at = dir.path().display();
        let config = format!(
            "daemon off; master_process off; pid {at}/pid; error_log {at}/error.log;
             events {{}}
             http {{
                 access_log off;
                 client_body_temp_path {at}/body; proxy_temp_path {at}/temp;
                 fastcgi_temp_path {at}/fastcgi; uwsgi_temp_path {at}/uwsgi; scgi_temp_path {at}/scgi;
                 proxy_cache_path {at}/cache keys_zone=streams:1m;
                 server {{
                     listen {address};
                     location / {{
                         proxy_pass {base};
                         proxy_cache streams;
                         proxy_cache_lock on;
                         add_header X-Cache $upstream_cache_status always;
                         {more}
                     }}
                 }}
             }}",
            base = house.base,
        );
        let file = dir.path().join("nginx.conf");
        std::fs::write(&file, config).unwrap();
        let mut nginx = Command::new(NGINX);
        nginx
            .arg("-p")
            .arg(dir.path())
            .arg("-c")
            .arg(&file)
            .stderr(Stdio::null());
        let process = nginx.spawn().unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let base = format!("http://{address}");
        for _ in 0..200 {
            if client.get(format!("{base}/healthz")).send().await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        Some(Self {
            process,
            base,
            client,
            _dir: dir,
        })
    }

    async fn get(&self, path: &str) -> Response {
        self.client
            .get(format!("{}{path}", self.base))
            .send()
            .await
            .unwrap()
    }
}

/// Everything that is shared is shared by nginx.
async fn house() -> House {
    House::edited(|config: &mut Config| {
        config.relay.window = "0".parse().unwrap();
    })
    .await
}

/// As it comes, and as most operators write it.
const WAYS: [&str; 2] = [
    "",
    "proxy_http_version 1.1; proxy_set_header Connection \"\";",
];

#[tokio::test(flavor = "multi_thread")]
async fn segments_are_shared_and_what_breaks_off_is_not_kept() {
    let house = house().await;
    let origin = Origin::new(|ask| {
        let promised = Step::Send(head("200 OK", &[("Content-Length", "188000")]));
        let chunked = Step::Send(head("200 OK", &[("Transfer-Encoding", "chunked")]));
        let half = Step::Send(packets(500));
        let pause = Step::Wait(Duration::from_millis(100));
        match ask.path() {
            path if path.starts_with("/whole") => ok(&packets(1000)),
            path if path.starts_with("/cut") => vec![promised, half, pause],
            path if path.starts_with("/reset") => vec![promised, half, pause, Step::Reset],
            path if path.starts_with("/ends") => vec![Step::Send(head("200 OK", &[])), half],
            _ => vec![chunked, Step::Send(b"16F30\r\n".to_vec()), half, pause],
        }
    })
    .await;
    for (way, more) in WAYS.into_iter().enumerate() {
        let Some(front) = Front::new(&house, more).await else {
            return;
        };
        let link = |path: &str| sealed(&house, Kind::Segment, &origin.url(&format!("{path}{way}")));
        let before = origin.asked();
        for expect in ["MISS", "HIT", "HIT"] {
            let answer = front.get(&link("/whole")).await;
            assert_eq!(header(&answer, "x-cache"), Some(expect));
            assert!(body(answer).await == packets(1000));
        }
        assert_eq!(origin.asked(), before + 1);
        for path in ["/cut", "/reset", "/chunk", "/ends"] {
            for _ in 0..2 {
                let before = origin.asked();
                let answer = front.get(&link(path)).await;
                assert_eq!(header(&answer, "x-cache"), Some("MISS"), "{path} {more}");
                let _ = answer.bytes().await;
                assert_eq!(origin.asked(), before + 1, "{path} {more}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_playlist_is_not_kept_longer_than_half_a_target_duration() {
    let house = house().await;
    let origin = Origin::new(|ask| {
        let number = ask.number;
        playlist(&format!(
            "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:{number}\n#EXTINF:6,\na.ts\n"
        ))
    })
    .await;
    let Some(front) = Front::new(&house, WAYS[1]).await else {
        return;
    };
    let link = sealed(&house, Kind::Playlist, &origin.url("/live.m3u8"));
    let began = std::time::Instant::now();
    let first = body(front.get(&link).await).await;
    let mut hits = 0;
    loop {
        // What was asked for later than that may not be the same.
        let late = began.elapsed() > Duration::from_secs(3);
        let answer = front.get(&link).await;
        hits += usize::from(header(&answer, "x-cache") == Some("HIT"));
        if body(answer).await != first {
            break;
        }
        assert!(!late, "kept for {:?}", began.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(hits > 0, "it is shared meanwhile");
}
