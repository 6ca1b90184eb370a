//! What the service leaves on disk, and what it makes of what it finds there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use f1_streams_testbed::Faults;
use http::StatusCode;

use crate::house::House;

/// Everything below `dir`, with its mode.
fn below(dir: &Path) -> Vec<(PathBuf, u32, bool)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let meta = entry.metadata().unwrap();
        found.push((
            entry.path(),
            meta.permissions().mode() & 0o777,
            meta.is_dir(),
        ));
        if meta.is_dir() {
            found.extend(below(&entry.path()));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn what_holds_secrets_is_its_owners_alone() {
    let often = "[extraction]\ninterval = \"1s\"";
    let house = House::start_with(often, "/event/live").await;
    house.stream().await;
    // The failed run leaves a bundle.
    house.testbed.set_faults(Faults {
        site_status: Some(StatusCode::FORBIDDEN),
        ..Faults::default()
    });
    let dir = house.dir.path();
    let wanted = [
        "data/admin.token",
        "data/links.key",
        "cache/compiled/key",
        "cache/plugins/site-a.wasm",
        "data/diagnostics",
        "data/state/plugins/site-a.json",
    ];
    house
        .wait("all that is written", async |_| {
            let bundles = fs::read_dir(dir.join("data/diagnostics")).ok()?.count();
            let there = wanted.iter().all(|path| dir.join(path).exists());
            (there && bundles > 0).then_some(())
        })
        .await;
    let (data, cache) = (dir.join("data"), dir.join("cache"));
    let own = [data.join("state"), data.join("diagnostics"), cache];
    for (path, mode, is_dir) in below(dir) {
        let is_key = ["admin.token", "links.key"]
            .map(|name| data.join(name))
            .contains(&path);
        if is_key || own.iter().any(|own| path.starts_with(own)) {
            let expect = if is_dir { 0o700 } else { 0o600 };
            assert_eq!(mode, expect, "{}: {mode:o}", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_half_written_goes_at_the_next_start() {
    let house = House::start().await;
    house.stream().await;
    let dir = house.dir.path().to_owned();
    let places = [
        "data",
        "data/plugins",
        "data/state",
        "data/state/plugins",
        "data/diagnostics",
        "cache/compiled",
        "cache/plugins",
    ];
    let left = |place: &str, name: &str| dir.join(place).join(name);
    for place in places {
        fs::create_dir_all(dir.join(place)).unwrap();
        for (name, age) in [
            (".tmp-old", Duration::from_hours(48)),
            (".tmp-new", Duration::ZERO),
        ] {
            let file = fs::File::create(left(place, name)).unwrap();
            let now = file.metadata().unwrap().modified().unwrap();
            file.set_modified(now - age).unwrap();
        }
    }
    let house = house.restart().await;
    house
        .wait("old ones to go", async |_| {
            let gone = |place: &&str| !left(place, ".tmp-old").exists();
            places.iter().all(gone).then_some(())
        })
        .await;
    for place in places {
        assert!(left(place, ".tmp-new").exists(), "{place}: another's");
    }
}
