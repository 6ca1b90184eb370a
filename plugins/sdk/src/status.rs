//! What a status means for the host's policy. The one place where an HTTP
//! answer becomes an `extract-error`; pure, so that every row can be tested.

use crate::bindings::f1_streams::extractor::http::Response;
use crate::{BlockReason, Error, layout_changed};

/// Words of the bot checks in use. They are looked for only where a check is
/// plausible (403, 429, 503), because ordinary pages mention captchas too.
const CHALLENGE_WORDS: [&str; 8] = [
    "captcha",
    "challenge-platform",
    "cf-chl",
    "ddos-guard",
    "just a moment",
    "checking your browser",
    "verify you are human",
    "are you a robot",
];

/// A check says what it is near its beginning.
const CHALLENGE_WINDOW: usize = 64 * 1024;

/// Is this an answer to work with?
pub(crate) fn judge(response: &Response) -> Result<(), Error> {
    if header(response, "cf-mitigated") == Some("challenge") {
        return Err(Error::Blocked(BlockReason::Challenge));
    }
    Err(match response.status {
        // 3xx comes only to a plugin that asked for redirects itself.
        200..=399 => return Ok(()),
        403 | 429 | 503 if is_challenge(response) => Error::Blocked(BlockReason::Challenge),
        401 | 407 => Error::Blocked(BlockReason::LoginRequired),
        403 => Error::Blocked(BlockReason::Forbidden),
        404 | 410 => Error::NotFound,
        429 => Error::RateLimited(retry_after(response)),
        451 => Error::Blocked(BlockReason::Geo),
        503 if retry_after(response).is_some() => Error::RateLimited(retry_after(response)),
        status @ (408 | 425 | 500..=599) => Error::Network(format!("the site answered {status}")),
        // The site no longer understands what the plugin asks.
        status => layout_changed(format!("status {status}")),
    })
}

pub(crate) fn header<'r>(response: &'r Response, name: &str) -> Option<&'r str> {
    let mut all = response.headers.iter();
    all.find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

/// Seconds only: a date would need trust in the site's clock.
fn retry_after(response: &Response) -> Option<u32> {
    let seconds: u32 = header(response, "retry-after")?.trim().parse().ok()?;
    Some(seconds.saturating_mul(1000))
}

fn is_challenge(response: &Response) -> bool {
    let window = &response.body[..response.body.len().min(CHALLENGE_WINDOW)];
    let text = String::from_utf8_lossy(window).to_ascii_lowercase();
    CHALLENGE_WORDS.iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, headers: &[(&str, &str)], body: &str) -> Result<(), Error> {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()));
        judge(&Response {
            status,
            headers: headers.collect(),
            final_url: "http://s.test/".into(),
            body: body.into(),
        })
    }

    #[test]
    fn each_status_has_its_case() {
        use BlockReason::{Forbidden, Geo, LoginRequired};
        let network = |status| Error::Network(format!("the site answered {status}"));
        for (status, expected) in [
            (200, None),
            (204, None),
            (302, None),
            (401, Some(Error::Blocked(LoginRequired))),
            (403, Some(Error::Blocked(Forbidden))),
            (404, Some(Error::NotFound)),
            (410, Some(Error::NotFound)),
            (405, Some(layout_changed("status 405"))),
            (419, Some(layout_changed("status 419"))),
            (429, Some(Error::RateLimited(None))),
            (451, Some(Error::Blocked(Geo))),
            (500, Some(network(500))),
            (503, Some(network(503))),
        ] {
            assert_eq!(judged(status, &[], "nothing").err(), expected, "{status}");
        }
    }

    #[test]
    fn the_wait_a_site_asks_for_is_passed_on() {
        for (status, value, expected) in [
            (429, "30", Error::RateLimited(Some(30_000))),
            (503, " 2 ", Error::RateLimited(Some(2_000))),
            (429, "4294967295", Error::RateLimited(Some(u32::MAX))),
            (429, "-1", Error::RateLimited(None)),
            (
                429,
                "Fri, 01 Jan 2027 00:00:00 GMT",
                Error::RateLimited(None),
            ),
        ] {
            assert_eq!(
                judged(status, &[("Retry-After", value)], ""),
                Err(expected),
                "{value}"
            );
        }
    }

    #[test]
    fn a_bot_check_is_told_from_a_refusal() {
        let challenge = Err(Error::Blocked(BlockReason::Challenge));
        assert_eq!(
            judged(403, &[], "<title>Just a Moment...</title>"),
            challenge
        );
        assert_eq!(
            judged(503, &[("retry-after", "9")], "Checking your browser"),
            challenge
        );
        assert_eq!(judged(200, &[("cf-mitigated", "challenge")], ""), challenge);
        assert_eq!(judged(200, &[], "solve the captcha to comment"), Ok(()));
        let late = format!("{}captcha", " ".repeat(CHALLENGE_WINDOW));
        assert_eq!(
            judged(403, &[], &late),
            Err(Error::Blocked(BlockReason::Forbidden))
        );
    }
}
