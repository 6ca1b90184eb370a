//! Requests to the site. All of them go through the host, which owns the
//! allow-list, the address guard, the cookie jar and the budgets.

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::f1_streams::extractor::http::{self as host, Body, Method, Redirects};
use crate::{Error, Json, Page, json, layout_changed, page, status};

/// Browsers follow 20; a page that hides a stream needs two or three, and
/// every hop counts against the call's budget.
const REDIRECTS: u8 = 8;

/// A playlist is what a destination answers with; nothing larger is read.
const DESTINATION_BODY: u32 = 1024 * 1024;

/// A page in another encoding than UTF-8 has some hundred kilobytes.
const MAX_BROKEN_TEXT: usize = 4 * 1024 * 1024;

/// A request being built: cookies on, redirects followed.
#[derive(Clone, Debug, PartialEq)]
pub struct Request(host::Request);

/// A GET request.
#[must_use]
pub fn get(url: impl Into<String>) -> Request {
    Request::new(Method::Get, url.into())
}

/// A POST request; its body is a form, JSON or text.
#[must_use]
pub fn post(url: impl Into<String>) -> Request {
    Request::new(Method::Post, url.into())
}

impl Request {
    fn new(method: Method, url: String) -> Self {
        Self(host::Request {
            method,
            url,
            headers: Vec::new(),
            body: Body::Empty,
            redirects: Redirects::Follow(REDIRECTS),
            timeout: None,
            max_body: None,
            cookies: true,
        })
    }

    /// One header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.0.headers.push((name.into(), value.into()));
        self
    }

    /// Several headers.
    #[must_use]
    pub fn headers<K: ToString, V: ToString>(
        mut self,
        headers: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let headers = headers.into_iter();
        self.0
            .headers
            .extend(headers.map(|(name, value)| (name.to_string(), value.to_string())));
        self
    }

    /// One field of a form body. Replaces a body of another kind.
    #[must_use]
    pub fn form(mut self, name: &str, value: &str) -> Self {
        let field = (name.to_owned(), value.to_owned());
        match &mut self.0.body {
            Body::Form(fields) => fields.push(field),
            other => *other = Body::Form(vec![field]),
        }
        self
    }

    /// A JSON body, with its content type.
    ///
    /// # Errors
    /// `other` where the value has no JSON form.
    pub fn json(mut self, value: &impl Serialize) -> Result<Self, Error> {
        let text = serde_json::to_string(value)
            .map_err(|error| Error::Other(format!("request body: {error}")))?;
        self.0.body = Body::Text(text);
        Ok(self.header("content-type", "application/json"))
    }

    /// A text body.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.0.body = Body::Text(text.into());
        self
    }

    /// Returns a 3xx itself.
    #[must_use]
    pub fn manual_redirects(mut self) -> Self {
        self.0.redirects = Redirects::Manual;
        self
    }

    /// Neither sends nor keeps cookies.
    #[must_use]
    pub fn without_cookies(mut self) -> Self {
        self.0.cookies = false;
        self
    }

    /// Shorter than the host's ceiling.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.0.timeout = Some(u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX));
        self
    }

    /// Fails where the body is longer.
    #[must_use]
    pub fn max_body(mut self, bytes: u32) -> Self {
        self.0.max_body = Some(bytes);
        self
    }

    /// Sends it; only an answer to work with is `Ok`.
    ///
    /// # Errors
    /// The case that fits the trouble on the way or the site's status.
    pub fn send(self) -> Result<Response, Error> {
        Response::judged(host::send(&self.0)?)
    }

    /// Sends it; an answer with any status is `Ok`.
    ///
    /// # Errors
    /// The case that fits the trouble on the way.
    pub fn send_any(self) -> Result<Response, Error> {
        Ok(Response(host::send(&self.0)?))
    }
}

/// The value of an `Authorization` header for a secret `user:password`.
#[must_use]
pub fn basic(user_and_password: &str) -> String {
    let user_and_password = user_and_password.trim();
    format!("Basic {}", BASE64_STANDARD.encode(user_and_password))
}

/// Sends all of them at once; answers come in request order.
#[must_use]
pub fn send_all(requests: Vec<Request>) -> Vec<Result<Response, Error>> {
    let requests: Vec<_> = requests.into_iter().map(|request| request.0).collect();
    let answers = host::send_all(&requests).into_iter();
    answers.map(|answer| Response::judged(answer?)).collect()
}

/// An answer of an address that every server of its kind has: where it is not
/// found, this is another server, or another version of it.
///
/// # Errors
/// `layout-changed` with the place where the answer was `not-found`; another
/// error as it is.
pub fn always_there<T>(answer: Result<T, Error>, place: &str) -> Result<T, Error> {
    answer.map_err(|error| match error {
        Error::NotFound => layout_changed(format!("{place} is not there")),
        other => other,
    })
}

/// Where a link leads after its redirects. A link that the host refuses to
/// follow comes back as it is: the stream is reported with it, and the host's
/// own door refuses it where the operator can see it.
///
/// # Errors
/// The case that fits the trouble on the way or the last status.
pub fn destination<K: ToString, V: ToString>(
    url: &str,
    headers: impl IntoIterator<Item = (K, V)>,
) -> Result<String, Error> {
    let request = get(url).headers(headers).max_body(DESTINATION_BODY);
    match host::send(&request.0) {
        Ok(response) => Ok(Response::judged(response)?.0.final_url),
        Err(host::Error::Denied(_)) => Ok(url.into()),
        Err(error) => Err(error.into()),
    }
}

/// The site's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Response(host::Response);

impl Response {
    fn judged(response: host::Response) -> Result<Self, Error> {
        status::judge(&response)?;
        Ok(Self(response))
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// The first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        status::header(&self.0, name)
    }

    /// Its address after redirects.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.final_url
    }

    /// The body's bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0.body
    }

    /// The body as UTF-8. What is not becomes U+FFFD, three bytes for one: of
    /// such a body only the first 4 MiB are read.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match std::str::from_utf8(&self.0.body) {
            Ok(text) => text.into(),
            Err(_) => {
                let end = self.0.body.len().min(MAX_BROKEN_TEXT);
                String::from_utf8_lossy(&self.0.body[..end])
            }
        }
    }

    /// The body as HTML.
    #[must_use]
    pub fn page(&self) -> Page {
        Page::parse(&self.0.final_url, &self.text())
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// `layout-changed` saying what is missing or of another type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        json::read(&self.json_name(), &self.0.body)
    }

    /// The body as JSON without a type, to be read by pointers.
    ///
    /// # Errors
    /// `layout-changed` naming the address's path where it is no JSON.
    pub fn value(&self) -> Result<Json<'static>, Error> {
        Json::parse(
            &format!("JSON of {}", path(&self.0.final_url)),
            &self.0.body,
        )
    }

    /// A link in the body, made absolute as a browser does.
    ///
    /// # Errors
    /// `layout-changed` where it is no address.
    pub fn join(&self, link: &str) -> Result<String, Error> {
        page::join(&self.0.final_url, link)
    }
}

impl Response {
    fn json_name(&self) -> String {
        format!("JSON of {}", path(&self.0.final_url))
    }
}

/// A query can hold a token, and messages are shown.
fn path(url: &str) -> String {
    url::Url::parse(url)
        .map(|url| url.path().to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(body: &str) -> Response {
        Response(host::Response {
            status: 200,
            headers: vec![("content-type".into(), "text/html".into())],
            final_url: "http://s.test/api/player?token=secret".into(),
            body: body.into(),
        })
    }

    #[test]
    fn form_fields_gather_and_the_defaults_are_a_browsers() {
        let Request(request) = post("http://s.test/").form("a", "1").form("b", "2 & 3");
        assert_eq!(
            request.body_fields(),
            Some(&[("a".into(), "1".into()), ("b".into(), "2 & 3".into())][..])
        );
        assert!(request.cookies && matches!(request.redirects, Redirects::Follow(8)));
        let Request(request) = get("x")
            .timeout(Duration::from_secs(u64::MAX))
            .without_cookies();
        assert_eq!((request.timeout, request.cookies), (Some(u32::MAX), false));
    }

    impl host::Request {
        fn body_fields(&self) -> Option<&[(String, String)]> {
            match &self.body {
                Body::Form(fields) => Some(fields),
                _ => None,
            }
        }
    }

    #[test]
    fn json_of_another_shape_says_where_and_hides_the_query() {
        #[derive(Debug, PartialEq, serde::Deserialize)]
        struct Player {
            id: String,
        }
        assert_eq!(
            response(r#"{"id":"main"}"#).json(),
            Ok(Player { id: "main".into() })
        );
        for body in ["{}", "<html>", "", r#"{"id":7}"#] {
            match response(body).json::<Player>() {
                Err(Error::LayoutChanged(place)) => {
                    assert!(place.starts_with("JSON of /api/player: "), "{place}");
                    assert!(!place.contains("secret"), "{place}");
                }
                other => panic!("{body}: {other:?}"),
            }
        }
    }

    #[test]
    fn of_a_large_body_that_is_no_text_the_beginning_is_read() {
        let Response(mut raw) = response("");
        raw.body = vec![0xff; MAX_BROKEN_TEXT + 1];
        assert_eq!(Response(raw.clone()).text().len(), MAX_BROKEN_TEXT * 3);
        raw.body = vec![b'x'; MAX_BROKEN_TEXT + 1];
        assert_eq!(Response(raw).text().len(), MAX_BROKEN_TEXT + 1);
    }

    #[test]
    fn bytes_that_are_no_text_still_make_a_page() {
        let Response(mut raw) = response("");
        raw.body = b"<p id=x>\xff\xfe</p>".to_vec();
        let page = Response(raw).page();
        assert_eq!(
            page.one("#x").map(|p| p.text()),
            Ok("\u{fffd}\u{fffd}".into())
        );
    }
}
