//! The same in a network where every address answers: a namespace of its own, all
//! of whose addresses are this machine's, with a listener on each port that the URLs
//! name. What the guard lets through would be seen there.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use f1_streams::proxy::Kind;
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use super::corpus::{Ground, Line};
use super::{guests, health, links, playlists, schedule};

/// Set in the process that is in the namespace.
const INSIDE: &str = "F1_STREAMS_TEST_NAMESPACE";
const NAME: &str =
    "hostile_urls::namespace::in_a_network_where_every_address_answers_none_is_reached";
const USUAL: [u16; 8] = [22, 80, 443, 2375, 6379, 8080, 8443, 10250];

/// Connections by where they were made to.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<SocketAddr>>>);

impl Seen {
    fn take(&self) -> Vec<SocketAddr> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    async fn listen(&self, port: u16) {
        let listener = TcpListener::bind(("::", port)).await.unwrap();
        let seen = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let to = stream.local_addr().unwrap();
                seen.0.lock().unwrap().push(to);
            }
        });
    }

    /// What is connected is accepted a moment later.
    async fn sees(&self, what: &str) {
        for _ in 0..100 {
            if !self.take().is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the canaries do not see {what}: this test would see nothing");
    }
}

#[test]
#[ignore = "needs a network namespace: `cargo xtask test` runs it, and says so where there is none"]
fn in_a_network_where_every_address_answers_none_is_reached() {
    if std::env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        return runtime.block_on(inside());
    }
    let mut command = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        command.arg("--map-root-user");
    }
    let program = std::env::current_exe().unwrap();
    command.arg("--net").arg(program);
    command.args(["--exact", NAME, "--include-ignored", "--nocapture"]);
    let status = command.env(INSIDE, "1").status();
    assert!(status.expect("unshare is there").success());
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status();
    assert!(status.expect("ip is there").success(), "ip {arguments}");
}

async fn inside() {
    let devices = std::fs::read_to_string("/proc/net/dev").unwrap();
    let mut others = devices.lines().skip(2).filter(|line| line.contains(':'));
    let others = others.find(|line| !line.trim_start().starts_with("lo:"));
    assert_eq!(others, None, "this is somebody's network");
    ip("link set lo up");
    ip("route add local default dev lo");
    ip("-6 route add local default dev lo");

    let ground = Ground::new().await;
    let seen = Seen::default();
    for port in ports(&ground.lines) {
        seen.listen(port).await;
    }
    for address in [
        "10.0.0.7:80",
        "192.168.1.1:22",
        "169.254.169.254:80",
        "172.16.0.1:10250",
        "100.64.0.1:443",
        "168.63.129.16:80",
        "[fd00::7]:8443",
        "[64:ff9b::a00:7]:80",
        "[2002:a00:7::1]:80",
        "[2001:db8::1]:6379",
        "[2606:4700::1111]:443",
    ] {
        TcpStream::connect(address).await.expect(address);
        seen.sees(address).await;
    }
    // The service gets there, too, where it may go.
    for url in ["http://1.1.1.1/a.ts", "http://[2606:4700::1111]:8080/a.ts"] {
        ground.ask([ground.sealed(Kind::Segment, url)]).await;
        seen.sees(url).await;
    }

    links::sealed(&ground).await;
    links::redirects(&Ground::new().await).await;
    playlists::playlists(&Ground::new().await).await;
    playlists::assets(&Ground::new().await).await;
    playlists::steering(&Ground::new().await).await;
    guests::fetches(&Ground::new().await).await;
    guests::lists(&Ground::new().await).await;
    health::checks(&Ground::new().await).await;
    schedule::schedules(&Ground::new().await).await;
    // What is connected is accepted a moment later.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(seen.take(), [], "connections to what must not be reached");
}

/// All ports that a line names, and those behind which something mostly is.
fn ports(lines: &[Line]) -> BTreeSet<u16> {
    let urls = lines.iter().filter_map(|line| Url::parse(&line.url).ok());
    let named = urls.filter_map(|url| url.port_or_known_default());
    // What is high is the origin's, or a canary's of its own.
    let low = named.filter(|port| (1..30_000).contains(port));
    low.chain(USUAL).collect()
}
