//! What a site gives out so that nothing is kept of it, or does by chance.

use super::*;

fn kept(settings: &str, url: &str, cookies: &[String], body: &str) -> serde_json::Value {
    let transcript = Transcript {
        exchanges: vec![hop(url, cookies, body)],
        ..Transcript::default()
    };
    serde_json::from_str(&bundle(settings, &transcript)).expect("JSON")
}

fn asked(bundle: &serde_json::Value) -> &str {
    bundle["exchanges"][0]["request"]["url"]
        .as_str()
        .expect("a URL")
}

#[test]
fn who_was_asked_is_no_secret() {
    let url = "https://streams.site.example/live";
    let settings = "settings.token_url = \"https://streams.site.example\"";
    let cookies = ["a=streams.site.example".into()];
    for origin in ["https://streams.site.example", "https://id.other.example/"] {
        let body = format!("{{\"token_endpoint\":\"{origin}\"}}");
        let bundle = kept(settings, url, &cookies, &body);
        assert_eq!(asked(&bundle), url);
        assert_eq!(bundle["exchanges"][0]["response"]["body"], body);
    }
}

#[test]
fn a_part_of_a_url_that_is_a_cookie_keeps_nothing_from_being_kept() {
    let url = "https://live-stream24.example/page";
    let settings = "base_url = \"https://live-stream24.example/\"\n\
                    settings.event = \"live-stream24.example\"";
    let many: Vec<_> = (0..300).map(|n| format!("s{n}=session-of-{n}")).collect();
    for values in [
        &["ttps://live-stream24.example"][..],
        &["24.example/scrubbed", "lid/scrubbed"],
        // One that comes to be where the other is replaced.
        &["stream24", "live-cookie-1.example"],
        &["left out: the site gave out", "it did not end within"],
    ] {
        let mut cookies: Vec<_> = values.iter().map(|value| format!("a={value}")).collect();
        for overfull in [false, true] {
            let bundle = kept(settings, url, &cookies, "the page");
            assert_eq!(bundle["exchanges"][0]["response"]["status"], 403);
            assert!(asked(&bundle).starts_with("https://"), "{bundle}");
            let left = bundle["site_file"].to_string() + &bundle["exchanges"].to_string();
            let mut left_in = values.iter().filter(|value| left.contains(**value));
            assert!(
                left_in.all(|value| "https://scrubbed.invalid/scrubbed".contains(value)),
                "{bundle}"
            );
            assert_eq!(bundle["exchanges"][0]["response"]["cut"] == true, overfull);
            cookies.extend(many.iter().cloned());
        }
    }
}

#[test]
fn a_bundle_that_is_bare_says_why_the_run_failed() {
    let cookies = ["a=abcdefgh1".into(), "b=x-cookie-1-y".into()];
    let bundle = kept("", "https://site.example/", &cookies, "x-abcdefgh1-y");
    assert_eq!(bundle["exchanges"][0]["response"]["cut"], true);
    assert_eq!(bundle["outcome"]["message"], "it did not end within 1s");
}
