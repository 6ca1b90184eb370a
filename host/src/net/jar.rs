//! One site's cookies, by ordinary domain and path matching (RFC 6265).
//!
//! Bounded: a cookie of more than 4 KiB is ignored, as browsers do, and so is
//! a new one beyond 64 of a host and 256 in all, once expired ones have made room.
//! What is there can always be renewed and taken back: a jar that is full must not
//! keep a session from going on.

use std::sync::{Arc, Mutex, PoisonError};

use cookie_store::{Cookie, CookieDomain, CookieStore};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use url::Url;

const MAX_COOKIES: usize = 256;
/// The media hosts of a stream share the jar with its site.
const MAX_OF_HOST: usize = 64;
const MAX_COOKIE_BYTES: usize = 4096;

/// A cookie jar; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Jar(Arc<Mutex<CookieStore>>);

impl Jar {
    /// Keeps what a response from `url` sets.
    pub fn receive(&self, url: &Url, headers: &HeaderMap) {
        let mut store = self.lock();
        for value in headers.get_all(SET_COOKIE) {
            let Ok(text) = value.to_str() else { continue };
            if text.len() > MAX_COOKIE_BYTES {
                continue;
            }
            // A malformed one is ignored, and so is one for a foreign domain.
            if let Ok(cookie) = Cookie::parse(text, url)
                && has_room(&mut store, &cookie)
            {
                let _ = store.insert(cookie.into_owned(), url);
            }
        }
    }

    /// As if a response from `url` had the header `Set-Cookie: line`.
    pub fn set(&self, url: &Url, line: &str) {
        if let Ok(value) = HeaderValue::from_str(line) {
            self.receive(url, &HeaderMap::from_iter([(SET_COOKIE, value)]));
        }
    }

    /// What it holds: for each cookie a URL and the line that [`Jar::set`]
    /// would read it from. How long it still lasts is not told.
    pub fn lines(&self) -> Vec<(String, String)> {
        let store = self.lock();
        let lines = store.iter_unexpired().filter_map(|cookie| {
            let (host, domain) = match &cookie.domain {
                CookieDomain::HostOnly(host) => (host, String::new()),
                CookieDomain::Suffix(host) => (host, format!("; Domain={host}")),
                _ => return None,
            };
            let secure = cookie.secure().unwrap_or(false);
            let scheme = if secure { "https" } else { "http" };
            let (name, value) = cookie.name_value();
            let (path, secure) = (&*cookie.path, if secure { "; Secure" } else { "" });
            let line = format!("{name}={value}; Path={path}{domain}{secure}");
            Some((format!("{scheme}://{host}/"), line))
        });
        lines.collect()
    }

    /// The `Cookie` header for a request to `url`.
    pub fn header(&self, url: &Url) -> Option<HeaderValue> {
        let store = self.lock();
        let pairs: Vec<String> = store
            .get_request_values(url)
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if pairs.is_empty() {
            None
        } else {
            HeaderValue::from_str(&pairs.join("; ")).ok()
        }
    }

    /// One cookie's value as it would go to `url`.
    pub fn get(&self, url: &Url, name: &str) -> Option<String> {
        let store = self.lock();
        let value = store.get_request_values(url).find(|(n, _)| *n == name)?.1;
        Some(value.to_owned())
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, CookieStore> {
        // A panic while holding the lock leaves the store whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether there is room for it, after expired ones have gone. What replaces or
/// expires another takes none.
fn has_room(store: &mut CookieStore, cookie: &Cookie<'_>) -> bool {
    let Some(host) = cookie.domain.as_cow() else {
        return false;
    };
    if cookie.is_expired() || store.contains_any(&host, &cookie.path, cookie.name()) {
        return true;
    }
    let is_full = |store: &CookieStore| {
        let of_host = store
            .iter_any()
            .filter(|known| known.domain.as_cow().as_ref() == Some(&host));
        of_host.count() >= MAX_OF_HOST || store.iter_any().count() >= MAX_COOKIES
    };
    if !is_full(store) {
        return true;
    }
    let expired = store.iter_any().filter(|known| known.is_expired());
    let expired: Vec<_> = expired
        .map(|known| {
            let host = known.domain.as_cow().unwrap_or_default().into_owned();
            (host, known.path.to_string(), known.name().to_owned())
        })
        .collect();
    for (host, path, name) in expired {
        store.remove(&host, &path, &name);
    }
    !is_full(store)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(SET_COOKIE, HeaderValue::from_str(value).expect("header"));
        }
        headers
    }

    #[test]
    fn cookies_go_back_where_they_came_from_and_nowhere_else() {
        let jar = Jar::default();
        let home = Url::parse("http://site.test/a").expect("url");
        jar.receive(
            &home,
            &set(&[
                "session=1; Path=/; HttpOnly",
                "b=2; Path=/",
                "x=3; Domain=other.test",
            ]),
        );
        let header = jar.header(&home).expect("cookies");
        let text = header.to_str().expect("ascii");
        assert!(
            text.contains("session=1") && text.contains("b=2") && !text.contains('3'),
            "{text}"
        );
        assert_eq!(jar.get(&home, "session").as_deref(), Some("1"));
        assert!(
            jar.header(&Url::parse("http://other.test/").expect("url"))
                .is_none()
        );
        jar.clear();
        assert!(jar.header(&home).is_none());
    }

    #[test]
    fn a_jar_made_of_its_lines_is_the_same() {
        let jar = Jar::default();
        let home = Url::parse("https://a.site.test/x/y").expect("url");
        jar.receive(
            &home,
            &set(&[
                "a=1; Path=/x; Secure",
                "b=2; Domain=site.test; Path=/",
                "c=3",
            ]),
        );
        let again = Jar::default();
        for (url, line) in jar.lines() {
            again.set(&Url::parse(&url).expect("url"), &line);
        }
        let mut lines = (jar.lines(), again.lines());
        lines.0.sort();
        lines.1.sort();
        assert_eq!(lines.0, lines.1);
        assert_eq!(lines.0.len(), 3);
        let other = Url::parse("http://b.site.test/x/").expect("url");
        assert_eq!(again.header(&other).expect("cookies"), "b=2");
    }

    #[test]
    fn the_jar_is_bounded() {
        let jar = Jar::default();
        let home = Url::parse("http://site.test/").expect("url");
        jar.set(&home, &format!("big={}; Path=/", "v".repeat(5000)));
        assert!(jar.get(&home, "big").is_none());
        for n in 0..400 {
            let host = Url::parse(&format!("http://h{}.test/", n % 10)).expect("url");
            jar.set(&host, &format!("c{n}=v; Path=/"));
        }
        assert_eq!(jar.lock().iter_any().count(), MAX_COOKIES);
    }

    #[test]
    fn a_full_jar_lets_what_is_there_be_renewed_and_taken_back() {
        let jar = Jar::default();
        let home = Url::parse("http://site.test/").expect("url");
        jar.set(&home, "session=1; Path=/");
        jar.set(&home, "old=1; Path=/");
        for n in 0..300 {
            jar.set(&home, &format!("c{n}=v; Path=/"));
        }
        assert_eq!(jar.lock().iter_any().count(), MAX_OF_HOST);
        jar.set(&home, "session=2; Path=/");
        assert_eq!(jar.get(&home, "session").as_deref(), Some("2"));
        jar.set(&home, "late=1; Path=/");
        assert!(jar.get(&home, "late").is_none(), "it is full");
        jar.set(&home, "old=; Path=/; Max-Age=0");
        assert!(jar.get(&home, "old").is_none());
        jar.set(&home, "late=1; Path=/");
        assert_eq!(jar.get(&home, "late").as_deref(), Some("1"));
    }

    #[test]
    fn a_host_that_sets_many_leaves_room_for_others() {
        let jar = Jar::default();
        let (media, home) = ("http://media.test/", "http://site.test/");
        let [media, home] = [media, home].map(|url| Url::parse(url).expect("url"));
        for n in 0..300 {
            jar.set(&media, &format!("c{n}=v; Path=/{n}"));
        }
        jar.set(&home, "session=1; Path=/");
        assert_eq!(jar.get(&home, "session").as_deref(), Some("1"));
    }
}
