use http::HeaderValue;
use http::header::SET_COOKIE;

use super::*;
use crate::config::Config;

const ADMIN: &str = "admin-0123456789-0123456789-0123456789";
const ANNA: &str = "anna-0123456789abcdef";
const NOW: &str = "2026-11-22T12:00:00Z";

struct Door {
    auth: Auth,
    clock: Clock,
    _dir: tempfile::TempDir,
}

fn door(text: &str) -> Door {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    std::fs::create_dir(&data).expect("made");
    std::fs::write(data.join("admin.token"), ADMIN).expect("written");
    std::fs::write(data.join("viewers.tokens"), format!("anna {ANNA}")).expect("written");
    let config = Config::from_toml(text, dir.path()).expect("a configuration");
    let clock = Clock::fixed(NOW.parse().expect("a time"));
    let auth = Auth::open(&config.config.auth, clock.clone(), Metrics::new());
    Door {
        auth: auth.expect("tokens"),
        clock,
        _dir: dir,
    }
}

fn asker(door: &Door, peer: &str, fields: &[(&str, &str)]) -> Asker {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name: HeaderName = name.parse().expect("a name");
        let value = HeaderValue::from_bytes(value.as_bytes());
        headers.append(name, value.expect("a value"));
    }
    let mut extensions = Extensions::new();
    let peer: std::net::IpAddr = peer.parse().expect("an address");
    extensions.insert(ConnectInfo(SocketAddr::new(peer, 5)));
    door.auth.asker(&headers, &extensions).expect("no limit")
}

fn who(door: &Door, fields: &[(&str, &str)]) -> Who {
    asker(door, "192.0.2.1", fields).who
}

fn cookie(door: &Door, token: &str) -> String {
    let (value, _) = door.auth.cookie(token.as_bytes()).expect("a cookie");
    let field = format!("{LOGIN_COOKIE}={value}");
    // What a browser takes and gives back.
    let mut headers = HeaderMap::new();
    headers.insert(SET_COOKIE, HeaderValue::from_str(&field).expect("a value"));
    field
}

/// How many hours a login lasts, of a viewer and of the admin.
fn door_for(session: &str) -> [u64; 2] {
    let door = door(&format!("{TOKEN}\nsession = \"{session}\""));
    [ANNA, ADMIN].map(|token| {
        let (_, age) = door.auth.cookie(token.as_bytes()).expect("a cookie");
        age.as_secs() / 3600
    })
}

const TOKEN: &str = "[auth]\nviewers = \"token\"";

#[test]
fn a_token_says_who_one_is_and_nothing_else_does() {
    let door = door(TOKEN);
    let bearer = |token: &str| format!("Bearer {token}");
    for (field, expect) in [
        (("authorization", bearer(ADMIN)), Who::Admin),
        (("authorization", bearer(ANNA)), Who::Viewer),
        (("authorization", format!("bearer   {ANNA} ")), Who::Viewer),
        (("authorization", bearer("")), Who::Nobody),
        (("authorization", bearer(&ANNA[1..])), Who::Nobody),
        (("authorization", ANNA.to_owned()), Who::Nobody),
        (("authorization", format!("Basic {ANNA}")), Who::Nobody),
        (("x-token", bearer(ADMIN)), Who::Nobody),
        (("remote-user", "anna".to_owned()), Who::Nobody),
        (("cookie", format!("{LOGIN_COOKIE}={ANNA}")), Who::Nobody),
        (("cookie", cookie(&door, ANNA)), Who::Viewer),
        (("cookie", cookie(&door, ADMIN)), Who::Admin),
        // Beside one that another program on this host set.
        (
            ("cookie", format!("who=Zoë; {}", cookie(&door, ANNA))),
            Who::Viewer,
        ),
    ] {
        assert_eq!(who(&door, &[(field.0, &field.1)]), expect, "{field:?}");
    }
    assert!(door.auth.cookie(b"anna-0123456789abcdeX").is_none());
    // Behind many that are none, nobody looks.
    let many = format!(
        "{}{}",
        format!("{LOGIN_COOKIE}=x; ").repeat(3),
        cookie(&door, ANNA)
    );
    assert_eq!(who(&door, &[("cookie", &many)]), Who::Nobody);
    assert_eq!(
        who(
            &door,
            &[("cookie", &many[many.find(';').unwrap_or(0) + 1..])]
        ),
        Who::Viewer
    );
    let anna = asker(&door, "192.0.2.1", &[("cookie", &cookie(&door, ANNA))]);
    assert_eq!(anna.name.as_deref(), Some("anna"));
}

#[test]
fn a_cookie_alone_may_be_another_sites_doing() {
    let door = door(TOKEN);
    let cookie = cookie(&door, ADMIN);
    let alone = |fields: &[(&str, &str)]| asker(&door, "192.0.2.1", fields).by_cookie_alone;
    assert!(alone(&[("cookie", &cookie)]));
    assert!(!alone(&[("cookie", &cookie), ("f1-streams-page", "1")]));
    assert!(!alone(&[("authorization", &format!("Bearer {ADMIN}"))]));
}

#[test]
fn a_login_ends_with_its_time_and_with_its_token() {
    let door = door(&format!("{TOKEN}\nsession = \"1h\""));
    let cookies = [cookie(&door, ANNA), cookie(&door, ADMIN)];
    let whos = || cookies.each_ref().map(|c| who(&door, &[("cookie", c)]));
    let later = |seconds: i64| {
        let now: jiff::Timestamp = NOW.parse().expect("a time");
        door.clock
            .set(now + jiff::SignedDuration::from_secs(seconds));
    };
    later(3599);
    assert_eq!(whos(), [Who::Viewer, Who::Admin]);
    later(3600);
    assert_eq!(whos(), [Who::Nobody, Who::Nobody]);
    later(0);
    let day = door_for("24h");
    assert_eq!(day, [24, 12], "the admin's is shorter");
    let tokens = ViewerTokens::default();
    door.auth.0.tokens.store(Arc::new(tokens));
    assert_eq!(whos(), [Who::Nobody, Who::Admin]);
}

#[test]
fn where_all_may_watch_a_credential_is_for_the_admin() {
    for viewers in ["loopback", "open"] {
        let door = door(&format!("[auth]\nviewers = \"{viewers}\""));
        assert_eq!(who(&door, &[]), Who::Viewer);
        assert_eq!(
            who(&door, &[("authorization", "Bearer wrong")]),
            Who::Viewer
        );
        assert_eq!(who(&door, &[("cookie", &cookie(&door, ADMIN))]), Who::Admin);
        assert_eq!(who(&door, &[("cookie", &cookie(&door, ANNA))]), Who::Viewer);
    }
    let off = door("[auth]\nadmin_token_file = \"\"");
    assert!(!off.auth.has_admin());
    let bearer = format!("Bearer {ADMIN}");
    assert_eq!(who(&off, &[("authorization", &bearer)]), Who::Viewer);
}

#[test]
fn a_proxy_says_who_it_is_and_only_one_that_may() {
    let text = "[auth]\nviewers = \"forward\"\nforward_proxies = [\"10.1.0.0/16\"]\n\
                forward_header = \"X-Forwarded-User\"";
    let door = door(text);
    let said = ("x-forwarded-user", "anna@home");
    let bearer = format!("Bearer {ANNA}");
    for (peer, fields, expect) in [
        ("10.1.2.3", &[said][..], Who::Viewer),
        ("::ffff:10.1.2.3", &[said], Who::Viewer),
        ("10.2.0.1", &[said], Who::Nobody),
        ("127.0.0.1", &[said], Who::Nobody),
        ("10.1.2.3", &[], Who::Nobody),
        ("10.1.2.3", &[("x-forwarded-user", " ")], Who::Nobody),
        ("10.1.2.3", &[said, said], Who::Nobody),
        ("10.1.2.3", &[("remote-user", "anna")], Who::Nobody),
        ("10.1.2.3", &[("x-forwarded-for", "10.1.2.3")], Who::Nobody),
        // Apps that cannot log in there have tokens.
        ("10.2.0.1", &[("authorization", &bearer)], Who::Viewer),
    ] {
        assert_eq!(asker(&door, peer, fields).who, expect, "{peer} {fields:?}");
    }
    let anna = asker(&door, "10.1.2.3", &[said]);
    assert_eq!(anna.name.as_deref(), Some("anna@home"));
    assert!(!anna.by_cookie_alone);
}

#[test]
fn after_so_many_wrong_tokens_right_ones_are_refused_too_and_logins_go_on() {
    let door = door(&format!("{TOKEN}\nattempts = 3"));
    let cookie = cookie(&door, ANNA);
    let mut extensions = Extensions::new();
    extensions.insert(ClientAddress("192.0.2.1".parse().expect("an address")));
    let check = |token: &str| door.auth.check(token.as_bytes(), &extensions);
    for n in 0..3 {
        assert!(check(ANNA).is_ok_and(|asker| asker.who == Who::Viewer));
        for _ in 0..9 {
            let guess = check(&format!("wrong{n}"));
            // The last of them may be over the limit already.
            assert!(guess.is_ok_and(|asker| asker.who == Who::Nobody) || n == 2);
        }
    }
    for token in ["wrong", ANNA, ADMIN] {
        let refused = check(token).expect_err(token);
        assert_eq!(
            (refused.code, refused.retry_after),
            ("too_many_attempts", Some(60))
        );
    }
    assert_eq!(who(&door, &[("cookie", &cookie)]), Who::Viewer);
}
