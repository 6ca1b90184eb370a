//! What a site file says of the way out: its proxy and its authorities, for its own
//! fetches, all of them, and nobody else's.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use f1_streams::config::Config;
use f1_streams::proxy::Kind;
use reqwest::{Method, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::house::{House, plugin_wasm, uri_lines};
use crate::origin::{Origin, Step, code, head, ok, packets, playlist, sealed};

const VOD: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\na.ts\n#EXT-X-ENDLIST\n";
/// `me:hunter2`.
const BASIC: &str = "proxy-authorization: Basic bWU6aHVudGVyMg==";

/// A proxy that brings everybody to one place, whatever they ask for, and notes what
/// they ask for.
struct Proxy {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// At an address that nobody may fetch from.
    async fn to(place: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = heads.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let seen = seen.clone();
                tokio::spawn(async move { pass(stream, place, &seen).await });
            }
        });
        Self { address, heads }
    }

    fn line(&self) -> String {
        format!("proxy = \"http://me:hunter2@{}\"\n", self.address)
    }

    fn asked(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    fn has_seen(&self, word: &str) -> bool {
        self.asked().iter().any(|head| head.contains(word))
    }
}

async fn pass(
    mut client: TcpStream,
    place: SocketAddr,
    seen: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let head = head_of(&mut client).await?;
    seen.lock().unwrap().push(head.clone());
    if !head.contains(BASIC) {
        let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
        return client.write_all(refusal).await;
    }
    let mut origin = TcpStream::connect(place).await?;
    if head.starts_with("CONNECT ") {
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    } else {
        // In absolute form an origin takes it, too; one request a connection.
        origin.write_all(head.as_bytes()).await?;
    }
    tokio::io::copy_bidirectional(&mut client, &mut origin).await?;
    Ok(())
}

async fn head_of(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// A listener that nobody may reach, at an address that all may fetch from.
async fn canary() -> (SocketAddr, Arc<Mutex<usize>>) {
    let listener = TcpListener::bind("127.0.0.3:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let touched = Arc::new(Mutex::new(0));
    let count = touched.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            *count.lock().unwrap() += 1;
        }
    });
    (address, touched)
}

/// Names that lead where nothing but a canary is, and where nobody may go.
async fn house() -> House {
    House::edited(|config: &mut Config| {
        for (name, ip) in [("through.test", "127.0.0.3"), ("inside.test", "127.0.0.1")] {
            let ip = ip.parse().unwrap();
            config.net.hosts.insert(name.to_owned(), ip);
        }
        config.health.interval = Duration::from_millis(500);
    })
    .await
}

fn add(house: &House, key: &str, plugin: &str, text: &str) {
    let wasm = std::fs::read(plugin_wasm(plugin)).unwrap();
    house.drop_plugin(plugin, &wasm);
    house.write_site_file(key, &format!("plugin = \"{plugin}\"\n{text}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_fetches_of_a_site_go_through_its_proxy_and_nobody_else_s_do() {
    let house = house().await;
    let origin = Origin::new(|ask| {
        let path = ask.target.rsplit("/").next().unwrap();
        match path {
            "list.m3u" => ok(b"#EXTM3U\n#EXTINF:-1 tvg-id=\"one\",One\nlive.m3u8\n"),
            "live.m3u8" => playlist(VOD),
            _ => ok(&packets(2)),
        }
    })
    .await;
    let proxy = Proxy::to(origin.address()).await;
    let (address, touched) = canary().await;
    let base = format!("http://through.test:{}", address.port());
    let line = proxy.line();
    let site = format!("base_url = \"{base}/\"\n{line}[settings]\nlist = \"/list.m3u\"\n");
    add(&house, "far", "m3u", &site);
    let stream = house.stream().await;
    let entry = stream["play_url"].as_str().unwrap();
    let segment = uri_lines(&house.text(entry).await)[0].clone();
    assert_eq!(house.get(&segment).await.status(), StatusCode::OK);
    // The guest, health and the relay, each with the name and the credentials.
    for path in ["list.m3u", "live.m3u8", "a.ts"] {
        let line = format!("GET {base}/{path} HTTP/1.1");
        assert!(proxy.has_seen(&line), "{line}: {:?}", proxy.asked());
    }
    assert!(proxy.asked().iter().all(|head| head.contains(BASIC)));
    assert_eq!(*touched.lock().unwrap(), 0, "nobody went there directly");

    // Others go out as ever, and tell nobody.
    let direct = Origin::new(|_| ok(&packets(2))).await;
    let by_hand = sealed(&house, Kind::Segment, &direct.url("/hand.ts"));
    assert_eq!(house.get(&by_hand).await.status(), StatusCode::OK);
    assert!(!proxy.has_seen("hand.ts"));
    assert!(!direct.asks()[0].head.contains("proxy-"));

    // What it was found with is not what it is fetched with for ever.
    house.write_site_file(
        "far",
        &format!("plugin = \"m3u\"\n{}", site.replace(&line, "")),
    );
    house.refresh().await;
    house
        .wait("a direct connection", async |house| {
            let _ = house.get(&segment).await;
            (*touched.lock().unwrap() > 0).then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_asked_for_nothing_that_the_guard_refuses() {
    let house = house().await;
    let origin = Origin::new(|ask| match ask.target.rsplit("/").next().unwrap() {
        "live.m3u8" => playlist(VOD),
        "a.ts" => {
            let to = [("Location", "http://inside.test:8080/secret.ts")];
            vec![Step::Send(head("302 Found", &to))]
        }
        _ => ok(&packets(2)),
    })
    .await;
    let proxy = Proxy::to(origin.address()).await;
    let stream =
        |id: &str, url: &str| format!("[[settings.streams]]\nid = \"{id}\"\nurl = \"{url}\"\n");
    let streams = [
        stream("good", "http://through.test:8080/live.m3u8"),
        stream("named", "http://inside.test:8080/live.m3u8"),
        stream("unknown", "http://nowhere.invalid:8080/live.m3u8"),
    ];
    add(&house, "far", "direct", &(proxy.line() + &streams.concat()));
    let entry = |id: &str| format!("/streams/far.{id}/master.m3u8");
    let good = house
        .wait("the positive control", async |house| {
            let answer = house.get(&entry("good")).await;
            (answer.status() == StatusCode::OK).then_some(answer)
        })
        .await;
    // What is at a denied address is not even listed.
    let gone = (StatusCode::NOT_FOUND, "stream_gone".to_owned());
    assert_eq!(code(&house, &entry("named")).await, gone);
    let denied = (StatusCode::FORBIDDEN, "address_denied".to_owned());
    let unknown = code(&house, &entry("unknown")).await;
    assert_eq!(unknown.1, "upstream_dns");
    let segment = uri_lines(&good.text().await.unwrap())[0].clone();
    assert_eq!(code(&house, &segment).await, denied, "a redirect");
    for word in ["inside.test", "nowhere.invalid"] {
        assert!(!proxy.has_seen(word), "{word}: {:?}", proxy.asked());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_is_ourselves_or_not_there_brings_nothing_and_names_no_password() {
    let house = house().await;
    let (address, touched) = canary().await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone_at = gone.local_addr().unwrap();
    drop(gone);
    let own = house.base.replace("http://", "http://me:hunter2@");
    let named = own.replace("127.0.0.1", "inside.test");
    let absent = format!("http://me:hunter2@{gone_at}");
    let url = format!("http://{address}/live.m3u8");
    for (key, proxy) in [("own", &own), ("named", &named), ("gone", &absent)] {
        let site =
            format!("proxy = \"{proxy}\"\n[[settings.streams]]\nid = \"one\"\nurl = \"{url}\"\n");
        add(&house, key, "direct", &site);
    }
    for (key, expect) in [
        // Refused before they are listed.
        ("own", "stream_gone"),
        ("named", "stream_gone"),
        ("gone", "upstream_connect"),
    ] {
        let entry = format!("/streams/{key}.one/master.m3u8");
        house
            .wait("a refusal", async |house| {
                let (_, code) = code(house, &entry).await;
                let left_alone = code == "upstream_down" && key == "gone";
                (code == expect || left_alone).then_some(())
            })
            .await;
    }
    assert_eq!(*touched.lock().unwrap(), 0, "nobody went there directly");
    let shown = [
        house
            .admin(Method::GET, "/api/admin/sites")
            .await
            .to_string(),
        house
            .admin(Method::GET, "/api/admin/plugins")
            .await
            .to_string(),
        house.json("/api/streams").await.to_string(),
        house.metrics.encode(),
    ];
    for text in shown {
        assert!(
            !text.contains("hunter2") && !text.contains("bWU6aHVudGVyMg"),
            "{text}"
        );
    }
}

/// An authority, and an origin whose certificate is its.
struct Secure {
    authority: String,
    address: SocketAddr,
}

async fn secure(name: &str) -> Secure {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.3:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let stream = acceptor.accept(stream).await?;
                answer(stream).await
            });
        }
    });
    Secure { authority, address }
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
    let head = head_of(&mut stream).await?;
    let body = match head.contains(".m3u8 ") {
        true => VOD.as_bytes().to_vec(),
        false => packets(2),
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body).await?;
    stream.shutdown().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_is_trusted_for_its_site_alone_and_through_its_proxy_as_well() {
    let house = house().await;
    let secure = secure("through.test").await;
    let proxy = Proxy::to(secure.address).await;
    let (elsewhere, touched) = canary().await;
    let sites = house.dir.path().join("data/sites");
    std::fs::write(sites.join("ca.pem"), &secure.authority).unwrap();
    std::fs::write(sites.join("bad.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n").unwrap();
    let site = |lines: &str, port: u16| {
        format!(
            "{lines}[[settings.streams]]\nid = \"one\"\n\
             url = \"https://through.test:{port}/live.m3u8\"\n"
        )
    };
    let port = secure.address.port();
    let ca = "ca_file = \"ca.pem\"\n";
    let through = proxy.line() + ca;
    add(&house, "trusts", "direct", &site(ca, port));
    add(&house, "far", "direct", &site(&through, elsewhere.port()));
    add(&house, "strange", "direct", &site("", port));
    add(
        &house,
        "bad",
        "direct",
        &site("ca_file = \"bad.pem\"\n", port),
    );
    house
        .wait("those that trust it", async |house| {
            let list = house.json("/api/streams").await;
            let all = list["streams"].as_array()?;
            let state = |id: &str| all.iter().find(|s| s["id"] == id).map(|s| &s["state"]);
            let up = |id| state(id).is_some_and(|state| state == "up");
            let down = state("strange.one").is_some_and(|state| state == "down");
            (up("trusts.one") && up("far.one") && down).then_some(())
        })
        .await;
    for id in ["trusts.one", "far.one"] {
        let entry = format!("/streams/{id}/master.m3u8");
        let segment = uri_lines(&house.text(&entry).await)[0].clone();
        assert_eq!(house.get(&segment).await.status(), StatusCode::OK, "{id}");
    }
    let (_, code) = code(&house, "/streams/strange.one/master.m3u8").await;
    assert!(
        ["upstream_tls", "upstream_down"].contains(&&*code),
        "{code}"
    );
    // A tunnel to the name, not to an address.
    let tunnel = format!("CONNECT through.test:{} ", elsewhere.port());
    assert!(proxy.asked().iter().all(|head| head.starts_with(&tunnel)));
    assert_eq!(*touched.lock().unwrap(), 0);
    let sites = house.admin(Method::GET, "/api/admin/sites").await;
    assert!(sites.to_string().contains("ca_file: bad.pem: "), "{sites}");
}
