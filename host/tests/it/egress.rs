//! The guard under real requests: an address that is denied sees no
//! connection, whichever way it is named.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use f1_streams::config::Config;
use f1_streams::proxy::Kind;
use reqwest::StatusCode;
use tokio::net::TcpListener;

use crate::house::{House, uri_lines};
use crate::origin::{Origin, Step, code, head, ok, sealed};

/// 127.0.0.3 is allowed to everybody in these houses, 127.0.0.1 to nobody.
const ALLOWED: &str = "127.0.0.3:0";
const DENIED: &str = "127.0.0.1:0";

/// A listener that nobody may reach.
pub(crate) struct Canary {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Canary {
    pub(crate) async fn new() -> Self {
        let listener = TcpListener::bind(DENIED).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let seen = connections.clone();
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                seen.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self {
            address,
            connections,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn is_untouched(&self) -> bool {
        self.connections.load(Ordering::Relaxed) == 0
    }
}

async fn origin(app: Router) -> String {
    serve(TcpListener::bind(ALLOWED).await.unwrap(), app)
}

fn serve(listener: TcpListener, app: Router) -> String {
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

fn packets() -> Vec<u8> {
    crate::origin::packets(2)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_a_denied_address_is_still_refused() {
    let house = House::empty("").await;
    let good = origin(Router::new().route("/a.ts", get(async || packets()))).await;
    let (status, _) = code(
        &house,
        &sealed(&house, Kind::Segment, &format!("{good}/a.ts")),
    )
    .await;
    assert_eq!(status, StatusCode::OK, "the positive control");

    let canary = Canary::new().await;
    for url in [
        canary.url("/a.ts"),
        canary.url("/a.ts").replace("127.0.0.1", "2130706433"),
        canary
            .url("/a.ts")
            .replace("127.0.0.1", "[::ffff:127.0.0.1]"),
        "http://169.254.169.254/latest/meta-data".to_owned(),
    ] {
        for kind in [Kind::Segment, Kind::Playlist, Kind::Key] {
            let (status, code) = code(&house, &sealed(&house, kind, &url)).await;
            assert_eq!(
                (status, code.as_str()),
                (StatusCode::FORBIDDEN, "address_denied"),
                "{url} {kind:?}"
            );
        }
    }
    // Whether a resolver knows the absolute name "localhost." is its business.
    let by_name = canary.url("/a.ts").replace("127.0.0.1", "localhost");
    let (_, code) = code(&house, &sealed(&house, Kind::Segment, &by_name)).await;
    assert!(
        ["address_denied", "upstream_dns"].contains(&code.as_str()),
        "{code}"
    );
    assert!(canary.is_untouched());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_a_denied_address_is_refused_at_that_hop() {
    let house = House::empty("").await;
    let canary = Canary::new().await;
    let target = canary.url("/a.ts");
    // They would lead to what is allowed: it is how they are written.
    let listener = TcpListener::bind(ALLOWED).await.unwrap();
    let address = listener.local_addr().unwrap();
    let user = format!("http://@{address}/a.ts");
    let slashes = format!("///{address}/a.ts");
    let good = serve(
        listener,
        Router::new()
            .route("/a.ts", get(async || packets()))
            .route("/fine", get(async || Redirect::temporary("/a.ts")))
            .route("/trap", get(async move || Redirect::temporary(&target)))
            .route(
                "/scheme",
                get(async || Redirect::temporary("file:///etc/passwd")),
            )
            .route("/user", get(async move || Redirect::temporary(&user)))
            .route("/slashes", get(async move || Redirect::temporary(&slashes)))
            .route("/none", get(async || Redirect::temporary("http:a.ts")))
            .route("/loop", get(async || Redirect::temporary("/loop"))),
    );
    let ask = async |path: &str| {
        code(
            &house,
            &sealed(&house, Kind::Segment, &format!("{good}{path}")),
        )
        .await
    };
    assert_eq!(ask("/fine").await.0, StatusCode::OK, "the positive control");
    assert_eq!(
        ask("/trap").await,
        (StatusCode::FORBIDDEN, "address_denied".into())
    );
    assert_eq!(
        ask("/scheme").await,
        (StatusCode::FORBIDDEN, "scheme_denied".into())
    );
    for path in ["/user", "/slashes", "/none"] {
        let refused = (StatusCode::FORBIDDEN, "url_denied".into());
        assert_eq!(ask(path).await, refused, "{path}");
    }
    assert_eq!(
        ask("/loop").await,
        (StatusCode::BAD_GATEWAY, "upstream_redirects".into())
    );
    assert!(canary.is_untouched());
}

#[tokio::test(flavor = "multi_thread")]
async fn all_hops_and_tries_of_a_fetch_have_one_deadline() {
    let house = House::edited(|config: &mut Config| {
        config.net.connect_timeout = Duration::from_millis(500);
        config.net.first_byte_timeout = Duration::from_secs(1);
        config.net.total_timeout = Duration::from_secs(2);
    })
    .await;
    let origin = Origin::new(|ask| {
        let late = Step::Wait(Duration::from_millis(800));
        let to = |path: &str| Step::Send(head("302 Found", &[("Location", path)]));
        match ask.path() {
            "/slow/1" => vec![late, to("/slow/2")],
            "/slow/2" => vec![late, Step::Reset],
            "/endless" => vec![late, to("/endless")],
            "/never" => vec![Step::Wait(Duration::from_secs(30))],
            _ => [vec![late], ok(&packets())].concat(),
        }
    })
    .await;
    let ask = async |path: &str| {
        let (link, began) = (
            sealed(&house, Kind::Segment, &origin.url(path)),
            Instant::now(),
        );
        (code(&house, &link).await, began.elapsed())
    };
    let ((status, _), _) = ask("/fine").await;
    assert_eq!(status, StatusCode::OK, "the positive control");
    let late = (StatusCode::GATEWAY_TIMEOUT, "upstream_timeout".to_owned());
    for (n, path) in ["/endless", "/slow/1"].iter().enumerate() {
        let (failed, took) = ask(path).await;
        assert_eq!(failed, late, "{path}");
        assert!(took < Duration::from_millis(2500), "{path} took {took:?}");
        let hits = house.metrics.limit_hits("net.total_timeout");
        assert_eq!(hits, n as u64 + 1, "{path}");
    }
    assert_eq!(house.metrics.limit_hits("net.first_byte_timeout"), 0);
    assert_eq!(ask("/never").await.0, late);
    assert_eq!(house.metrics.limit_hits("net.first_byte_timeout"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_beside_a_transfer_coding_is_no_promise() {
    let house = House::empty("").await;
    let origin = Origin::new(|ask| {
        let coding = ask.path().strip_suffix(".ts").unwrap()[1..].to_owned();
        let fields = [("Content-Length", "188"), ("Transfer-Encoding", &*coding)];
        let body = match &*coding {
            "chunked" => [b"178\r\n", &packets()[..], b"\r\n0\r\n\r\n"].concat(),
            _ => packets(),
        };
        vec![Step::Send(head("200 OK", &fields)), Step::Send(body)]
    })
    .await;
    // Where only the end of the connection ends a body, nobody knows that it is whole.
    for (path, kept) in [("/chunked.ts", true), ("/identity.ts", false)] {
        let link = sealed(&house, Kind::Segment, &origin.url(path));
        let asked = origin.asked();
        for times in 1..=2 {
            let answer = house.get(&link).await;
            let cache = answer.headers()["cache-control"].to_str().unwrap();
            assert_eq!(cache == "no-store", !kept, "{path}: {cache}");
            assert!(answer.bytes().await.unwrap() == packets(), "{path}");
            let fetches = if kept { 1 } else { times };
            assert_eq!(origin.asked() - asked, fetches, "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_are_too_large_are_not_asked_for_again() {
    let house = House::empty("").await;
    let origin = Origin::new(|ask| {
        let (count, length) = match ask.path() {
            "/few.ts" => (20, 10),
            "/many.ts" => (120, 10),
            "/large.ts" => (20, 5_000),
            _ => (1, 500_000),
        };
        let value = "v".repeat(length);
        let name = |n: usize| format!("X-{n}");
        let names: Vec<String> = (0..count).map(name).collect();
        let fields = names.iter().map(|name| (&**name, &*value));
        let fields: Vec<(&str, &str)> = fields.collect();
        vec![Step::Send(head("200 OK", &fields)), Step::Send(packets())]
    })
    .await;
    let link = |path: &str| sealed(&house, Kind::Segment, &origin.url(path));
    assert_eq!(house.get(&link("/few.ts")).await.status(), StatusCode::OK);
    let too_large = (StatusCode::BAD_GATEWAY, "upstream_headers".to_owned());
    for (n, path) in (1..).zip(["/many.ts", "/large.ts", "/huge.ts"]) {
        assert_eq!(code(&house, &link(path)).await, too_large, "{path}");
        assert_eq!(origin.asked(), n + 1, "{path}");
        assert_eq!(house.metrics.limit_hits("net.max_headers"), n as u64);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playlist_cannot_lead_to_a_denied_address() {
    let house = House::empty("").await;
    let canary = Canary::new().await;
    let text = format!(
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n",
        canary.url("/a.ts")
    );
    let good = origin(Router::new().route("/live.m3u8", get(async move || text))).await;
    let playlist = house
        .text(&sealed(
            &house,
            Kind::Playlist,
            &format!("{good}/live.m3u8"),
        ))
        .await;
    assert!(!playlist.contains("127.0.0.1"), "{playlist}");
    let (status, code) = code(&house, &uri_lines(&playlist)[0]).await;
    assert_eq!(
        (status, code.as_str()),
        (StatusCode::FORBIDDEN, "address_denied")
    );
    assert!(canary.is_untouched());
}

#[tokio::test(flavor = "multi_thread")]
async fn markup_is_never_served_from_our_address() {
    let house = House::empty("").await;
    let good = origin(
        Router::new()
            .route("/a.ts", get(async || "<html><script>alert(1)</script>"))
            .route("/b.ts", get(async || "#EXTM3U\n#EXTINF:2,\nx.ts\n"))
            .route("/live.m3u8", get(async || "<html>sorry</html>")),
    )
    .await;
    let ask = async |kind, path: &str| {
        code(&house, &sealed(&house, kind, &format!("{good}{path}"))).await
    };
    assert_eq!(
        ask(Kind::Segment, "/a.ts").await,
        (StatusCode::BAD_GATEWAY, "upstream_not_media".into())
    );
    assert_eq!(
        ask(Kind::Playlist, "/live.m3u8").await,
        (StatusCode::BAD_GATEWAY, "upstream_not_a_playlist".into())
    );
    // A playlist under a segment's name is rewritten like any other.
    let playlist = house
        .text(&sealed(&house, Kind::Segment, &format!("{good}/b.ts")))
        .await;
    assert!(uri_lines(&playlist)[0].starts_with("/relay/"), "{playlist}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_never_asks_itself() {
    let house = House::edited(|config: &mut Config| {
        let (local, name) = ("127.0.0.0/8", "self.test");
        config.net.allow_addresses.push(local.parse().unwrap());
        let ip = "127.0.0.1".parse().unwrap();
        config.net.hosts.insert(name.to_owned(), ip);
    })
    .await;
    // The positive control: another listener on the same address.
    let beside = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let beside = serve(
        beside,
        Router::new().route("/a.ts", get(async || packets())),
    );
    let segment = |url: &str| sealed(&house, Kind::Segment, url);
    let (status, _) = code(&house, &segment(&format!("{beside}/a.ts"))).await;
    assert_eq!(status, StatusCode::OK);

    let own = house.base.clone();
    let named = own.replace("127.0.0.1", "self.test");
    let mapped = own.replace("127.0.0.1", "[::ffff:127.0.0.1]");
    let target = format!("{own}/healthz");
    let app = Router::new().route("/to", get(async move || Redirect::temporary(&target)));
    let redirect = format!("{}/to", origin(app).await);
    for url in [
        format!("{own}/healthz"),
        format!("{named}/healthz"),
        format!("{mapped}/healthz"),
        redirect,
    ] {
        for kind in [Kind::Segment, Kind::Playlist, Kind::Key] {
            let refused = code(&house, &sealed(&house, kind, &url)).await;
            assert_eq!(refused.0, StatusCode::FORBIDDEN, "{kind:?} {url}");
        }
    }
    let text = house.metrics.encode();
    assert!(text.contains("outcome=\"own_address\""), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exception_that_is_taken_back_ends_for_what_was_found_with_it() {
    let house = crate::clients::house_of(&["ts"]).await;
    let entry = "/streams/kinds.ts/master.m3u8";
    let rendition = uri_lines(&house.text(entry).await)[0].clone();
    house.text(&rendition).await;
    let site = std::fs::read_to_string(house.dir.path().join("data/sites/kinds.toml")).unwrap();
    assert!(site.contains("allow_addresses"));
    let lines = site
        .lines()
        .filter(|line| !line.starts_with("allow_addresses"));
    house.write_site_file("kinds", &lines.collect::<Vec<_>>().join("\n"));
    house.refresh().await;
    house
        .wait("a refusal", async |house| {
            let (status, code) = code(house, &rendition).await;
            (status == StatusCode::FORBIDDEN && code == "address_denied").then_some(())
        })
        .await;
}
