//! What a resolver can answer, which is anything, and each time something else: a
//! connection only ever goes to an address that was judged.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use f1_streams::config::Config;
use f1_streams::net::Names;
use f1_streams::proxy::Kind;
use reqwest::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::house::{House, plugin_wasm};
use crate::origin::{Origin, Step, code, head, ok, packets, sealed};

/// Answers in turn, the last one for ever; a name that it does not know hangs.
#[derive(Debug, Default)]
struct Script {
    answers: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    asked: Mutex<Vec<String>>,
    hang: Option<Mutex<Receiver<()>>>,
}

impl Script {
    fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Whoever asks for an unknown name waits until the sender is dropped.
    fn hanging() -> (Arc<Self>, Sender<()>) {
        let (held, wait) = channel();
        let script = Self {
            hang: Some(Mutex::new(wait)),
            ..Self::default()
        };
        (Arc::new(script), held)
    }

    fn says(&self, name: &str, answers: &[&[&str]]) {
        let parse = |answer: &&[&str]| -> Vec<IpAddr> {
            answer.iter().map(|ip| ip.parse().unwrap()).collect()
        };
        let answers: Vec<_> = answers.iter().map(parse).collect();
        self.answers
            .lock()
            .unwrap()
            .insert(name.to_owned(), answers);
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Names for Script {
    fn addresses(&self, absolute: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.lock().unwrap().push(absolute.to_owned());
        let mut answers = self.answers.lock().unwrap();
        if let Some(answers) = answers.get_mut(absolute) {
            return Ok(match answers.len() {
                1 => answers[0].clone(),
                _ => answers.remove(0),
            });
        }
        drop(answers);
        if let Some(hang) = &self.hang {
            let _ = hang.lock().unwrap().recv();
        }
        Err(io::ErrorKind::NotFound.into())
    }
}

/// Nothing is remembered, and a house may fetch from 127.0.0.3 alone.
async fn house(names: &Arc<Script>) -> House {
    House::named(names.clone(), |config: &mut Config| {
        config.net.dns_ttl = Duration::ZERO;
        config.net.connect_timeout = Duration::from_millis(500);
    })
    .await
}

/// A listener that nobody may reach, at the same port as `beside`.
struct Canary(Arc<AtomicUsize>);

impl Canary {
    async fn new(ip: &str, port: u16) -> Self {
        let listener = TcpListener::bind((ip, port)).await.unwrap();
        let count = Arc::new(AtomicUsize::new(0));
        let seen = count.clone();
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                seen.fetch_add(1, SeqCst);
            }
        });
        Self(count)
    }

    fn is_untouched(&self) -> bool {
        self.0.load(SeqCst) == 0
    }
}

fn url(name: &str, address: SocketAddr, path: &str) -> String {
    format!("http://{name}:{}{path}", address.port())
}

const ALLOWED: &str = "127.0.0.3";
const DENIED: &str = "127.0.0.1";

fn denied() -> (StatusCode, String) {
    (StatusCode::FORBIDDEN, "address_denied".to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_turns_is_connected_to_only_where_it_was_judged() {
    let names = Script::new();
    let house = house(&names).await;
    let origin = Origin::new(|_| ok(&packets(2))).await;
    let canary = Canary::new(DENIED, origin.address().port()).await;
    for good in 1..=3 {
        let mut answers = vec![[ALLOWED].as_slice(); good];
        answers.push(&[DENIED]);
        names.says("turn.test.", &answers);
        let before = names.asked().len();
        for n in 0..6 {
            let path = format!("/{good}/{n}.ts");
            for kind in [Kind::Segment, Kind::Playlist, Kind::Key] {
                let link = sealed(&house, kind, &url("turn.test", origin.address(), &path));
                let asked = names.asked().len() - before;
                let (status, code) = code(&house, &link).await;
                if asked < good {
                    assert_ne!(status, StatusCode::FORBIDDEN, "{kind:?} {asked}: {code}");
                } else {
                    assert_eq!((status, code), denied(), "{kind:?} {asked}");
                }
            }
        }
    }
    assert_eq!(origin.asked(), 6, "the positive controls");
    assert!(canary.is_untouched());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_turns_into_the_service_itself_is_refused() {
    let names = Script::new();
    let house = House::named(names.clone(), |config: &mut Config| {
        config.net.dns_ttl = Duration::ZERO;
        config.net.allow_addresses = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let own: SocketAddr = house.base.trim_start_matches("http://").parse().unwrap();
    let beside = Origin::at((ALLOWED, own.port()), |_| ok(&packets(2))).await;
    let ask = async |n: usize| {
        let link = format!("/healthz?{n}");
        code(
            &house,
            &sealed(&house, Kind::Segment, &url("turn.test", own, &link)),
        )
        .await
    };
    names.says("turn.test.", &[&[ALLOWED]]);
    assert_eq!(ask(0).await.0, StatusCode::OK, "the positive control");
    // However often somebody looks before the connection is made.
    for good in 0..3 {
        let mut answers = vec![[ALLOWED].as_slice(); good];
        answers.push(&[DENIED]);
        names.says("turn.test.", &answers);
        for n in 0..4 {
            let asked = beside.asked();
            let (status, code) = ask(10 * good + n + 1).await;
            if beside.asked() == asked {
                assert_eq!((status, &*code), (StatusCode::FORBIDDEN, "own_address"));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_by_which_viewers_ask_for_us_are_not_fetched() {
    let names = Script::new();
    let house = House::named(names.clone(), |config: &mut Config| {
        config.server.hosts = vec!["tv.test".to_owned()];
        config.server.public_url = Some("https://public.test/tv/".parse().unwrap());
    })
    .await;
    let own: SocketAddr = house.base.trim_start_matches("http://").parse().unwrap();
    // It is where they lead: somebody passes on what comes there.
    let ingress = Origin::at((ALLOWED, own.port()), |_| ok(&packets(2))).await;
    for name in ["tv.test.", "public.test.", "other.test."] {
        names.says(name, &[&[ALLOWED]]);
    }
    let ask = async |url: String| code(&house, &sealed(&house, Kind::Segment, &url)).await;
    let other = ask(url("other.test", own, "/a.ts")).await;
    assert_eq!(other.0, StatusCode::OK, "the positive control");
    let refused = (StatusCode::FORBIDDEN, "own_address".to_owned());
    for spelling in ["tv.test", "TV.test", "tv.test.", "public.test"] {
        assert_eq!(
            ask(url(spelling, own, "/a.ts")).await,
            refused,
            "{spelling}"
        );
    }
    let public = "https://public.test/tv/a.ts".to_owned();
    assert_eq!(ask(public).await, refused);
    assert_eq!(ingress.asked(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_that_nobody_sees_ends_by_itself() {
    let house = House::edited(|config: &mut Config| {
        config.net.first_byte_timeout = Duration::from_secs(1);
        config.net.total_timeout = Duration::from_secs(2);
    })
    .await;
    // A reverse proxy under a name that we do not know, which hides it from us.
    let listener = TcpListener::bind((ALLOWED, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let own: SocketAddr = house.base.trim_start_matches("http://").parse().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let seen = count.clone();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            seen.fetch_add(1, SeqCst);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await?);
                }
                let head = String::from_utf8_lossy(&head);
                let head = head.replace(&address.to_string(), &own.to_string());
                let mut server = TcpStream::connect(own).await?;
                server.write_all(head.as_bytes()).await?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    let url = format!("http://{address}/streams/loop.one/master.m3u8");
    let site =
        format!("plugin = \"direct\"\n[[settings.streams]]\nid = \"one\"\nurl = \"{url}\"\n");
    house.write_site_file("loop", &site);
    house.drop_plugin("direct", &std::fs::read(plugin_wasm("direct")).unwrap());
    let ended = house
        .wait("an end", async |house| {
            let (status, _) = code(house, "/streams/loop.one/master.m3u8").await;
            (status != StatusCode::NOT_FOUND).then_some(status)
        })
        .await;
    assert!(ended.is_server_error(), "{ended}");
    let turns = count.load(SeqCst);
    assert!((1..=64).contains(&turns), "{turns} turns");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_address_among_the_answers_refuses_the_name() {
    let names = Script::new();
    let house = house(&names).await;
    let origin = Origin::new(|_| ok(&packets(2))).await;
    let canary = Canary::new(DENIED, origin.address().port()).await;
    let ask = async |name: &str| {
        let path = format!("/{name}/{}.ts", names.asked().len());
        let url = url(name, origin.address(), &path);
        code(&house, &sealed(&house, Kind::Segment, &url)).await
    };
    names.says("good.test.", &[&[ALLOWED, ALLOWED]]);
    assert_eq!(ask("good.test").await.0, StatusCode::OK);
    for bad in [
        DENIED,
        "10.0.0.1",
        "0.0.0.0",
        "169.254.169.254",
        "100.64.0.1",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::1",
        "2001:0:7f00:1::1",
        "fe80::1",
        "fe80::5efe:7f00:1",
        "fec0::1",
        "fd00::1",
        "ff02::1",
        "4000::1",
    ] {
        for answers in [vec![bad], vec![ALLOWED, bad], vec![bad, ALLOWED]] {
            names.says("bad.test.", &[&answers]);
            assert_eq!(ask("bad.test").await, denied(), "{answers:?}");
        }
    }
    assert_eq!(origin.asked(), 1);
    assert!(canary.is_untouched());
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_a_cluster_are_asked_for_as_they_are_and_judged_by_their_address() {
    let names = Script::new();
    let house = house(&names).await;
    let origin = Origin::new(|_| ok(&packets(2))).await;
    let ask = async |name: &str, path: &str| {
        let url = url(name, origin.address(), path);
        code(&house, &sealed(&house, Kind::Segment, &url)).await
    };
    names.says("good.test.", &[&[ALLOWED]]);
    for (n, spelling) in ["good.test", "GOOD.test", "good.test.", "g%6fod.TEST."]
        .iter()
        .enumerate()
    {
        let (status, _) = ask(spelling, &format!("/{n}.ts")).await;
        assert_eq!(status, StatusCode::OK, "{spelling}");
    }
    let inside = [
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        "metadata.google.internal",
        "router.lan",
        "localhost",
        "a.localhost",
    ];
    for name in inside {
        names.says(&format!("{name}."), &[&["10.96.0.1"]]);
        assert_eq!(ask(name, "/a.ts").await, denied(), "{name}");
    }
    // No search domain is tried: a name is absolute.
    let asked = names.asked();
    assert!(asked.iter().all(|name| name.ends_with('.')), "{asked:?}");
    assert_eq!(asked[..4], ["good.test."; 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_a_name_that_turned_is_refused() {
    let names = Script::new();
    let house = house(&names).await;
    let port = Arc::new(AtomicUsize::new(0));
    let to = port.clone();
    let origin = Origin::new(move |ask| match ask.path() {
        "/first.ts" => {
            let location = format!("http://next.test:{}/a.ts", to.load(SeqCst));
            vec![Step::Send(head("302 Found", &[("Location", &location)]))]
        }
        _ => ok(&packets(2)),
    })
    .await;
    port.store(origin.address().port().into(), SeqCst);
    let canary = Canary::new(DENIED, origin.address().port()).await;
    names.says("first.test.", &[&[ALLOWED]]);
    names.says("next.test.", &[&[ALLOWED], &[DENIED]]);
    let link = |n: usize| {
        let path = format!("/first.ts?{n}");
        sealed(
            &house,
            Kind::Segment,
            &url("first.test", origin.address(), &path),
        )
    };
    assert_eq!(house.get(&link(0)).await.status(), StatusCode::OK);
    for n in 1..3 {
        assert_eq!(code(&house, &link(n)).await, denied());
    }
    assert!(canary.is_untouched());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_without_an_answer_fails_soon_and_keeps_nobody_from_another() {
    let (names, held) = Script::hanging();
    let house = house(&names).await;
    let origin = Origin::new(|_| ok(&packets(2))).await;
    names.says("good.test.", &[&[ALLOWED]]);
    names.says("empty.test.", &[&[]]);
    let ask = async |name: &str, path: &str| {
        let url = url(name, origin.address(), path);
        code(&house, &sealed(&house, Kind::Segment, &url)).await
    };
    assert_eq!(ask("good.test", "/1.ts").await.0, StatusCode::OK);
    let none = (StatusCode::BAD_GATEWAY, "upstream_dns".to_owned());
    assert_eq!(ask("empty.test", "/2.ts").await, none);
    let began = Instant::now();
    let (_, silent) = ask("silent.test", "/3.ts").await;
    // Two limits are the same: whichever is looked at first.
    let either = ["upstream_dns", "upstream_timeout"];
    assert!(either.contains(&&*silent), "{silent}");
    assert!(began.elapsed() >= Duration::from_millis(500));
    // It is asked for still, once, and others are answered.
    assert_eq!(ask("good.test", "/4.ts").await.0, StatusCode::OK);
    let silent = |name: &&String| *name == "silent.test.";
    assert_eq!(names.asked().iter().filter(silent).count(), 1);
    drop(held);
}
