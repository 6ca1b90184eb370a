//! What must never be fetched, on every way on which something is. The URLs are
//! in `tests/hostile/urls.txt`, each with the code that it is refused with.
//!
//! Each test begins with what is allowed, on the same way. A URL that fails to be
//! refused has another code (where nobody answers), is seen by the canary, or by
//! the origin that was asked for nothing.

mod corpus;
mod guests;
mod health;
mod links;
#[cfg(target_os = "linux")]
mod namespace;
mod playlists;
mod schedule;

use std::collections::BTreeMap;

use corpus::CLASSES;

#[test]
fn every_class_has_its_urls_and_none_stands_there_twice() {
    let lines = corpus::lines("127.0.0.3:1", 2);
    let mut classes: BTreeMap<&str, usize> = BTreeMap::new();
    let mut urls: Vec<&str> = lines.iter().map(|line| &*line.url).collect();
    for line in &lines {
        *classes.entry(line.class).or_default() += 1;
    }
    assert!(lines.len() >= 250, "{}", lines.len());
    assert!(classes.keys().eq(CLASSES.iter()), "{classes:?}");
    assert!(classes.values().all(|count| *count >= 20), "{classes:?}");
    urls.sort_unstable();
    urls.dedup();
    assert_eq!(urls.len(), lines.len(), "a URL stands there twice");
}
