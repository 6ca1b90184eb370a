//! P16 to P20: guests that fetch too much, too long, or where they may not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{LATE, Lab, Row, WALL, row};
use crate::guests::{Guest, Image};

/// Where answers of imports go.
const ANSWER: u32 = 65536;
/// Cases of `http.error`.
const INVALID_REQUEST: u32 = 0;
const DENIED: u32 = 1;
const TIMEOUT: u32 = 5;
const BUDGET: u32 = 8;

/// Traps unless the answer at `at` is the error `case`.
fn must_be(at: u32, case: u32) -> String {
    format!(
        "i32.const {at} i32.load8_u i32.eqz if unreachable end
        i32.const {at} i32.load8_u offset=8 i32.const {case} i32.ne if unreachable end "
    )
}

fn guest(image: &Image, extract: String) -> Guest {
    Guest {
        extract: extract.leak(),
        data: image.bytes().to_vec(),
        pages: 16.max(image.end() / 65536 + 1),
        hosts: vec!["https://site.example".into(), "*".into()],
        ..Guest::default()
    }
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    // Refused requests count, too: each is a line in the log.
    let mut image = Image::new();
    let send = image.get("https://elsewhere.example/", ANSWER);
    let extract = format!(
        "i32.const 100000 local.set $i
        loop $l
            {send}
            local.get $i i32.const 1 i32.sub local.tee $i br_if $l
        end
        {} i32.const 512",
        must_be(ANSWER, BUDGET)
    );
    rows.push(row(
        "P16 fetches 100,000 times",
        guest(&image, extract),
        "not_found",
        "plugins.limits.requests",
    ));

    for (id, url) in [
        (
            "P17 fetches from another host",
            "https://elsewhere.example/",
        ),
        ("P17 fetches without TLS", "http://site.example/"),
        ("P17 fetches from another port", "https://site.example:22/"),
        (
            "P17 fetches from a metadata address",
            "http://169.254.169.254/",
        ),
        ("P17 fetches a file", "file:///etc/passwd"),
    ] {
        let mut image = Image::new();
        let send = image.get(url, ANSWER);
        // Denied, and not looked up: that would be the error `dns`.
        let extract = format!("{send} {} i32.const 512", must_be(ANSWER, DENIED));
        rows.push(row(id, guest(&image, extract), "not_found", None));
    }

    let mut image = Image::new();
    let send = image.send("https://site.example/", (0, 0), (1, 0, 100 << 20), ANSWER);
    let extract = format!("i32.const 1700 memory.grow drop {send} i32.const 512");
    rows.push(row(
        "P19 sends a body of 100 MiB",
        guest(&image, extract),
        "resources",
        "plugins.limits.copied",
    ));

    let mut image = Image::new();
    let send = image.send("https://site.example/", (0, 0), (1, 0, 2 << 20), ANSWER);
    let refused = must_be(ANSWER, INVALID_REQUEST);
    let extract = format!("i32.const 64 memory.grow drop {send} {refused} i32.const 512");
    rows.push(row(
        "P19 sends a body of 2 MiB",
        guest(&image, extract),
        "not_found",
        "plugins.limits.request_body",
    ));

    let mut image = Image::new();
    let headers = vec![("x".to_owned(), "y".to_owned()); 32_769];
    let headers = image.fields(&headers);
    let answer = image.end();
    let send = image.send("https://site.example/", headers, (0, 0, 0), answer + 64);
    let extract = format!(
        "{send} {} i32.const 512",
        must_be(answer + 64, INVALID_REQUEST)
    );
    rows.push(row(
        "P19 sends 32,769 headers",
        guest(&image, extract),
        "not_found",
        "plugins.limits.request_headers",
    ));

    let mut image = Image::new();
    let headers = image.fields(&[("x".to_owned(), "y".repeat(40 << 10))]);
    let answer = image.end();
    let send = image.send("https://site.example/", headers, (0, 0, 0), answer + 64);
    let extract = format!(
        "{send} {} i32.const 512",
        must_be(answer + 64, INVALID_REQUEST)
    );
    rows.push(row(
        "P19 sends a header of 40 KiB",
        guest(&image, extract),
        "not_found",
        "plugins.limits.request_header_bytes",
    ));
    rows
}

/// A server at 127.0.0.1 that answers each request with `head` and then with
/// one byte a second; counts what is connected, and the most at one time.
struct Server {
    port: u16,
    requests: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Server {
    async fn start(head: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (requests, open, most) = (Arc::default(), Arc::default(), Arc::default());
        let counters: (Arc<AtomicUsize>, Arc<AtomicUsize>, Arc<AtomicUsize>) =
            (Arc::clone(&requests), Arc::clone(&open), Arc::clone(&most));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (requests, open, most) = counters.clone();
                connections.spawn(async move {
                    requests.fetch_add(1, SeqCst);
                    most.fetch_max(open.fetch_add(1, SeqCst) + 1, SeqCst);
                    drip(stream, head).await;
                    open.fetch_sub(1, SeqCst);
                });
            }
        });
        Self {
            port,
            requests,
            open,
            most,
            _tasks: tasks,
        }
    }

    fn site(&self) -> String {
        format!(
            "base_url = \"http://127.0.0.1:{}\"\nallow_addresses = [\"127.0.0.1/32\"]",
            self.port
        )
    }
}

async fn drip(mut stream: TcpStream, head: &str) {
    let mut request = [0; 4096];
    let _ = stream.read(&mut request).await;
    if stream.write_all(head.as_bytes()).await.is_err() {
        return;
    }
    loop {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => {
                if stream.write_all(b"x").await.is_err() {
                    return;
                }
            }
            read = stream.read(&mut request) => {
                if matches!(read, Ok(0) | Err(_)) {
                    return;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p18_a_redirect_to_elsewhere_is_refused_at_that_hop() {
    let elsewhere = Server::start("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let to = format!(
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{}/\r\ncontent-length: 0\r\n\r\n",
        elsewhere.port
    );
    let server = Server::start(to.leak()).await;
    let lab = Lab::new("");
    let mut image = Image::new();
    let send = image.get(&format!("http://127.0.0.1:{}/", server.port), ANSWER);
    let extract = format!("{send} {} i32.const 512", must_be(ANSWER, DENIED));
    let ended = lab
        .extract(&guest(&image, extract), &lab.site(&server.site()))
        .await;
    assert_eq!(ended.result.unwrap_err().code(), "not_found");
    assert_eq!(server.requests.load(SeqCst), 1);
    assert_eq!(elsewhere.requests.load(SeqCst), 0, "nothing was sent there");
}

#[tokio::test(flavor = "multi_thread")]
async fn p20_slow_bodies_end_with_the_call_and_few_are_open_at_once() {
    let server = Server::start("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await;
    let lab = Lab::new("");
    let mut image = Image::new();
    let requests = image.requests(&format!("http://127.0.0.1:{}/", server.port), 50);
    // The list of answers: its place is at ANSWER, each answer has 40 bytes.
    let extract = format!(
        "i32.const {} i32.const {} i32.const {ANSWER} call $send_all
        i32.const {ANSWER} i32.load local.tee $i i32.load8_u i32.eqz if unreachable end
        local.get $i i32.load8_u offset=8 i32.const {TIMEOUT} i32.ne if unreachable end
        local.get $i i32.load8_u offset=1968 i32.const {TIMEOUT} i32.ne if unreachable end
        i32.const 512",
        requests.0, requests.1
    );
    let ended = lab
        .extract(&guest(&image, extract), &lab.site(&server.site()))
        .await;
    assert_eq!(ended.result.unwrap_err().code(), "not_found");
    assert!(ended.used.wall < WALL + LATE, "{:?}", ended.used);
    let most = server.most.load(SeqCst);
    // The server learns late that one is closed; without the limit all 50 or
    // `net.per_origin` of them would be open.
    assert!((1..=16).contains(&most), "{most} at once");
    assert!(lab.metrics.limit_hits("plugins.limits.parallel") > 0);
    // Nothing is left open.
    for _ in 0..50 {
        if server.open.load(SeqCst) == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{} connections are still open", server.open.load(SeqCst));
}

/// `net.total_timeout` is over long before the second is begun.
#[tokio::test(flavor = "multi_thread")]
async fn p20_a_request_that_waits_for_its_turn_has_the_time_of_its_call() {
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\n";
    let server = Server::start(head).await;
    let mut lab = Lab::new("[plugins.override.site-a]\nwall = \"60s\"\nparallel = 1\n");
    let times =
        "connect_timeout = \"200ms\"\nfirst_byte_timeout = \"200ms\"\ntotal_timeout = \"400ms\"";
    lab.set_net(&format!("[net]\nports = []\n{times}\n"));
    let mut image = Image::new();
    let requests = image.requests(&format!("http://127.0.0.1:{}/", server.port), 2);
    // As above; an answer begins with whether it is an error.
    let extract = format!(
        "i32.const {} i32.const {} i32.const {ANSWER} call $send_all
        i32.const {ANSWER} i32.load local.tee $i i32.load8_u if unreachable end
        local.get $i i32.load8_u offset=40 if unreachable end
        i32.const 512",
        requests.0, requests.1
    );
    let site = lab.site(&server.site());
    let ended = lab.extract(&guest(&image, extract), &site).await;
    assert_eq!(ended.result.unwrap_err().code(), "not_found");
    assert_eq!(server.requests.load(SeqCst), 2);
}

/// What is beyond the call's requests is answered, not begun.
#[tokio::test(flavor = "multi_thread")]
async fn p16_requests_that_are_not_paid_for_are_no_tasks() {
    let lab = Lab::new(super::PATIENT);
    let mut image = Image::new();
    let requests = image.requests("https://elsewhere.example/", 20_000);
    let answers = image.end() + 64;
    // The first is denied, the last one has no budget: answers of 40 bytes.
    let extract = format!(
        "i32.const {} i32.const {} i32.const {answers} call $send_all
        i32.const {answers} i32.load local.tee $i
        i32.load8_u offset=8 i32.const {DENIED} i32.ne if unreachable end
        local.get $i i32.load8_u offset=799968 i32.const {BUDGET} i32.ne if unreachable end
        i32.const 512",
        requests.0, requests.1
    );
    let plugin = lab.load(&guest(&image, extract)).await.unwrap();
    let runtime = tokio::runtime::Handle::current().metrics();
    let (ended, most) = (
        Arc::new(AtomicBool::new(false)),
        Arc::<AtomicUsize>::default(),
    );
    let watcher = std::thread::spawn({
        let (ended, most) = (ended.clone(), most.clone());
        move || {
            while !ended.load(SeqCst) {
                most.fetch_max(runtime.num_alive_tasks(), SeqCst);
                std::thread::sleep(Duration::from_micros(200));
            }
        }
    });
    let call = lab.call(&plugin, &lab.site("")).await;
    ended.store(true, SeqCst);
    watcher.join().unwrap();
    assert_eq!(call.result.unwrap_err().code(), "not_found");
    assert!(call.used.requests >= 20_000, "{:?}", call.used);
    // `plugins.limits.requests` is 100.
    let most = most.load(SeqCst);
    assert!(most < 300, "{most} tasks at once");
}
