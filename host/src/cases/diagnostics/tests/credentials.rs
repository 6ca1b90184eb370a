//! Where credentials stand, besides cookies and the names of JSON.

use super::*;

fn expect(text: &str, gone: &[&str], kept: &[&str]) {
    for gone in gone {
        assert!(!text.contains(gone), "{gone}: {text}");
    }
    for kept in kept {
        assert!(text.contains(kept), "{kept}: {text}");
    }
}

/// The bundle of a call on a site with `settings`.
fn exchanged(settings: &str, exchanges: Vec<Exchange>) -> String {
    let transcript = Transcript {
        exchanges,
        ..Transcript::default()
    };
    bundle(settings, &transcript)
}

#[test]
fn of_settings_urls_and_headers_are_looked_into() {
    let settings = r#"
        [[settings.streams]]
        url = "https://cam-user:p%40ss&word@camera.example/x.m3u8?token=tulip&view=garage"
        headers = { Cookie = "lily", X-Badge = "daisy", Referer = "https://feed.example/?sig=roses" }
        [[settings.streams]]
        url = "rtsp://orchid@camera.example/"
        [settings.login]
        pwd = "violet"
        sid = "peony"
    "#;
    let answer = "the p@ss&word of cam-user is p%40ss&word";
    let hops = vec![hop("https://feed.example/?a=tulip", &[], answer)];
    expect(
        &exchanged(settings, hops),
        &[
            "p%40ss", "p@ss", "tulip", "lily", "daisy", "roses", "orchid", "violet", "peony",
        ],
        &[
            "view=garage",
            "token=setting-token",
            "camera.example",
            "feed.example",
            "a=setting-token",
        ],
    );
}

#[test]
fn of_a_page_the_queries_of_its_urls_are_looked_into() {
    let page = r#"<source src="https://cdn.example/live.m3u8?view=garage&amp;token=t0k3n-of-page&amp;sig=s1gn/it">
        <script>load("https:\/\/cdn.example\/x?sid=s1d-1\u0026jwt=j0w0t0")</script>"#;
    let json = r#"{"url":"https://cdn.example/?token=t0k3n-of-json\u0026x=y"}"#;
    let mut asked = hop(
        "https://site.example/go?to=https%3A%2F%2Fcdn.example%2F%3Fpwd%3Dn3st3d-url",
        &[],
        "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"k?auth=p14yl1st\"",
    );
    asked.headers.insert(
        "referer",
        HeaderValue::from_static("https://site.example/?sid=r3f3rr3r"),
    );
    let hops = vec![
        hop("https://site.example/", &[], page),
        hop("https://site.example/streams", &[], json),
        asked,
    ];
    expect(
        &exchanged("", hops),
        &[
            "t0k3n",
            "s1gn",
            "s1d-1",
            "j0w0t0",
            "n3st3d-url",
            "p14yl1st",
            "r3f3rr3r",
        ],
        &["view=garage", "METHOD=AES-128", "sid=token-"],
    );
}

#[test]
fn headers_of_questions_and_answers_are_looked_into() {
    let mut hop = hop("https://site.example/", &[], "t0k3n-of-header");
    for (name, value) in [("x-jwt", "j0w0t0"), ("x-signature", "s1gn3d")] {
        hop.headers.insert(name, HeaderValue::from_static(value));
    }
    let Answer::Response { headers, .. } = &mut hop.answer else {
        unreachable!("it is one")
    };
    for (name, value) in [
        ("x-auth-token", "t0k3n-of-header"),
        ("authorization", "Bearer b3ar3r-of-header"),
        ("link", "<https://cdn.example/?token=l1nk3d>"),
        ("location", "/next?token=l0cat3d"),
        ("www-authenticate", "Basic realm=\"members of 2026\""),
        ("server", "nginx"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    expect(
        &exchanged("", vec![hop]),
        &["t0k3n", "b3ar3r", "l1nk3d", "l0cat3d", "j0w0t0", "s1gn3d"],
        &["members of 2026", "nginx", "Bearer authorization-"],
    );
}
