//! A plugin that fetches all of them in one call, and one that lists them.

use std::fmt::Write as _;

use f1_streams::plugins::{CallError, ExtractError};
use reqwest::StatusCode;

use super::corpus::{Ground, Line, compare, names};
use crate::guests::{Guest, Image, Record};
use crate::hostile::Lab;

/// Enough for all lines in one call.
const ROOM: &str = "[plugins.override.site-a]\n\
    requests = 5000\nstreams = 5000\nbody = \"64MiB\"\nbytes = \"64MiB\"\n\
    text = \"512KiB\"\nwall = \"60s\"\ncpu = \"30s\"\n";
/// Where the guest writes what came of its requests.
const OUT: u32 = 256 << 10;

fn lab(ground: &Ground) -> Lab {
    let mut lab = Lab::new(ROOM);
    let mut net = format!(
        "[net]\nports = {:?}\nallow_addresses = [\"127.0.0.3\"]\n[net.hosts]\n",
        ground.ports()
    );
    for (name, ip) in names(&ground.lines) {
        writeln!(net, "\"{name}\" = \"{ip}\"").unwrap();
    }
    lab.set_net(&net);
    lab
}

/// What the plugin asks for, so that no host is refused for its name alone.
fn hosts(ground: &Ground) -> Vec<String> {
    let [good, canary] = [ground.url(""), format!(":{}", ground.canary.address.port())];
    let known = [
        "localhost",
        "foo.localhost",
        "denied.test",
        "xn--denid-esa.test",
    ];
    let mut hosts = vec![good];
    for name in known {
        hosts.extend([format!("http://{name}"), format!("http://{name}{canary}")]);
    }
    let more = [
        "*.v4.test",
        "*.v6.test",
        "*.v6.test:8443",
        "router.lan",
        "metadata.google.internal",
    ];
    hosts.extend(more.iter().map(|name| format!("http://{name}")));
    hosts.push("http://kubernetes.default.svc.cluster.local".into());
    hosts
}

fn guest(ground: &Ground, image: &Image, extract: String) -> Guest {
    Guest {
        extract: extract.leak(),
        data: image.bytes().to_vec(),
        pages: 16,
        hosts: hosts(ground),
        ..Guest::default()
    }
}

/// What the guest was answered, as one word: the code, or that it was.
fn word(answer: &str) -> &'static str {
    let (case, message) = answer.split_at(1);
    // `http.error`'s cases from `a` on; `denied` says why.
    let words = [
        ("not an acceptable URL", "url_denied"),
        ("scheme ", "scheme_denied"),
        ("port ", "port_denied"),
    ];
    let by_start = words.iter().find(|(start, _)| message.starts_with(start));
    match case {
        "!" => "answered",
        "g" => "upstream_redirects",
        "b" if message.contains(" is at a denied address, ") => "address_denied",
        "b" => by_start.map_or("host_denied", |(_, code)| code),
        "e" => "tls",
        "d" => "connect",
        "c" => "dns",
        _ => "other",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_plugin_fetches_one() {
    fetches(&Ground::new().await).await;
}

pub(super) async fn fetches(ground: &Ground) {
    let mut urls = vec![ground.url("/fine.ts")];
    urls.extend(ground.lines.iter().map(|line| line.url.clone()));
    let mut image = Image::new();
    let (requests, count) = image.requests_of(&urls);
    let result = image.other((OUT, 0));
    let answers = image.end() + 64;
    assert!(answers < OUT, "{answers}");
    // Of each answer of 40 bytes: whether it is an error, which, and its text.
    let extract = format!(
        "i32.const {requests} i32.const {count} i32.const {answers} call $send_all
        i32.const {answers} i32.load local.set $i
        i32.const {count} local.set 0
        i32.const {OUT} local.set 1
        loop $l
            local.get 1
            local.get $i i32.load8_u
            if (result i32) local.get $i i32.load8_u offset=8 i32.const 97 i32.add
            else i32.const 33 end
            i32.store8
            local.get 1 i32.const 1 i32.add local.set 1
            local.get $i i32.load8_u
            local.get $i i32.load8_u offset=8 i32.const 1 i32.eq
            i32.and
            if
                local.get 1
                local.get $i i32.load offset=16
                local.get $i i32.load offset=20
                memory.copy
                local.get 1 local.get $i i32.load offset=20 i32.add local.set 1
            end
            local.get 1 i32.const 124 i32.store8
            local.get 1 i32.const 1 i32.add local.set 1
            local.get $i i32.const 40 i32.add local.set $i
            local.get 0 i32.const 1 i32.sub local.tee 0 br_if $l
        end
        i32.const {length} local.get 1 i32.const {OUT} i32.sub i32.store
        i32.const {result}",
        length = result + 12,
    );
    let lab = lab(ground);
    let ended = lab
        .extract(&guest(ground, &image, extract), &lab.site(""))
        .await;
    let Err(CallError::Guest(ExtractError::Other(text))) = ended.result else {
        panic!("{:?}", ended.result);
    };
    let mut words = text.split_terminator('|').map(word);
    assert_eq!(words.next(), Some("answered"), "the positive control");
    let lines = ground.lines.iter().zip(words);
    let refused = lines.map(|(line, word)| {
        // A name with a dot at its end is none that was granted.
        let url = url::Url::parse(&line.url).ok();
        let ends_in_dot = url.is_some_and(|url| url.domain().is_some_and(|d| d.ends_with('.')));
        let by_name = ends_in_dot && line.code == "address_denied";
        let code = if by_name { "host_denied" } else { line.code };
        (line, code, (line.status(), word.to_owned()))
    });
    compare("a plugin's fetch", refused);
    ground.assert_untouched(&["/fine.ts"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_plugin_lists_one() {
    lists(&Ground::new().await).await;
}

pub(super) async fn lists(ground: &Ground) {
    // What redirects is found out when it is checked.
    let lines: Vec<&Line> = ground
        .lines
        .iter()
        .filter(|line| line.class != "S05")
        .collect();
    let mut records = vec![Record::new("fine", &ground.url("/fine.m3u8"))];
    let listed = lines.iter().enumerate();
    records.extend(listed.map(|(n, line)| Record::new(&n.to_string(), &line.url)));
    let mut image = Image::new();
    let streams = image.streams(&records);
    let lab = lab(ground);
    let guest = guest(ground, &image, format!("i32.const {streams}"));
    let found = lab.extract(&guest, &lab.site("")).await.result.unwrap();
    let fine: Vec<&str> = found.streams.iter().map(|stream| &*stream.id).collect();
    assert_eq!(fine, ["fine"], "the positive control, and nothing else");
    let refused = found.refused.iter().map(|refused| {
        let line = lines[refused.id.parse::<usize>().unwrap()];
        (
            line,
            line.code,
            (StatusCode::FORBIDDEN, refused.code.to_owned()),
        )
    });
    compare("a stream", refused);
    assert_eq!(found.refused.len(), lines.len());
    ground.assert_untouched(&[]);
}
