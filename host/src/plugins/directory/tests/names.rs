//! Which names are looked at, shown or passed by.

use super::*;

#[test]
fn what_is_no_plugin_file_is_told_once_and_never_followed() {
    type Make = fn(&PathBuf);
    let cases: [(&str, Make); 6] = [
        ("link", |path| {
            std::os::unix::fs::symlink("/etc/passwd", path).expect("linked");
        }),
        ("pipe", |path| {
            let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
            rustix::fs::mkfifoat(rustix::fs::CWD, path, mode).expect("made");
        }),
        ("to-pipe", |path| {
            std::os::unix::fs::symlink("pipe.wasm", path).expect("linked");
        }),
        ("folder", |path| std::fs::create_dir(path).expect("made")),
        ("socket", |path| {
            std::os::unix::net::UnixListener::bind(path).expect("bound");
        }),
        ("big", |path| {
            std::fs::write(path, [0; 2000]).expect("written");
        }),
    ];
    for (name, make) in cases {
        let mut world = world();
        make(&world.path(&format!("{name}.wasm")));
        assert_eq!(world.poll(), [format!("!{name}")]);
        assert!(world.poll().is_empty(), "{name}: told once");
    }
    // A device, where the test may make one.
    let mut world = world();
    let device = rustix::fs::makedev(1, 3);
    let made = rustix::fs::mknodat(
        rustix::fs::CWD,
        world.path("null.wasm"),
        rustix::fs::FileType::CharacterDevice,
        rustix::fs::Mode::RUSR,
        device,
    );
    if made.is_ok() {
        assert_eq!(world.poll(), ["!null"]);
    }
    // A hard link is a file: what it says counts, and its changes, too.
    let mut world = self::world();
    world.write("note.txt", b"1");
    std::fs::hard_link(world.path("note.txt"), world.path("hard.wasm")).expect("linked");
    assert_eq!(world.poll(), ["hard=1"]);
    world.write("note.txt", b"22");
    assert_eq!(world.poll(), ["hard=22"]);
}

#[test]
fn a_name_that_is_none_is_shown_and_looks_like_no_other() {
    let long = format!("{}.wasm", "x".repeat(250));
    for (name, shown) in [
        (b"a\nb.wasm".to_vec(), "!a\\nb".to_owned()),
        (b"a\n.wasm".to_vec(), "!a\\n".to_owned()),
        (b"\x1b[31m.wasm".to_vec(), "!\\u{1b}[31m".to_owned()),
        (b"Upper.wasm".to_vec(), "!Upper".to_owned()),
        (b"x.wasm.wasm".to_vec(), "!x.wasm".to_owned()),
        (b"-x.wasm".to_vec(), "!-x".to_owned()),
        (b" a.wasm".to_vec(), "!\" a\"".to_owned()),
        (b"a .wasm".to_vec(), "!\"a \"".to_owned()),
        (b"\xff\xfe.wasm".to_vec(), "!\u{fffd}\u{fffd}".to_owned()),
        // Longer than a name may be once it is made readable.
        (
            [&[0xff; 84][..], b".wasm"].concat(),
            format!("!{}", "\u{fffd}".repeat(26)),
        ),
        (long.into_bytes(), format!("!{}", "x".repeat(80))),
    ] {
        let mut world = world();
        let name = std::ffi::OsString::from_vec(name);
        std::fs::write(world.dir.path().join("plugins").join(&name), b"1").expect("written");
        world.write("a.wasm", b"1");
        let mut seen = world.poll();
        seen.sort();
        assert_eq!(seen, [shown.clone(), "a=1".into()], "{name:?}");
        assert!(world.poll().is_empty(), "told once: {name:?}");
        std::fs::remove_file(world.dir.path().join("plugins").join(&name)).expect("removed");
        world.poll();
        std::thread::sleep(POLL + Duration::from_millis(10));
        assert_eq!(world.poll(), [shown.replacen('!', "-", 1)], "{name:?}");
    }
}

#[test]
fn a_flood_of_files_hides_none_that_is_known() {
    let mut world = world();
    world.write("zz.wasm", b"1");
    assert_eq!(world.poll(), ["zz=1"]);
    for n in 0..10_000 {
        world.write(&format!("f{n}.wasm"), b"x");
    }
    assert_eq!(world.poll().len(), 2, "as many as plugins.max_files");
    world.write("zz.wasm", b"2");
    assert_eq!(world.poll(), ["zz=2"]);
    assert!(world.metrics.limit_hits("plugins.max_files") > 0);
    std::fs::remove_file(world.path("f0.wasm")).expect("removed");
    std::thread::sleep(POLL + Duration::from_millis(10));
    let seen = world.poll();
    assert!(seen.iter().all(|word| !word.starts_with('-')), "{seen:?}");
    std::thread::sleep(POLL + Duration::from_millis(10));
    assert_eq!(world.poll(), ["-f0"], "removal is seen all the same");
    assert_eq!(world.poll().len(), 1, "and another has its place");
}

#[test]
fn names_that_are_none_take_no_place_from_files() {
    let mut world = world();
    for round in 0..3 {
        for n in 0..20 {
            world.write(&format!("Junk{round}-{n}.wasm"), b"x");
        }
        assert!(world.poll().len() <= 3);
        assert!(world.poller.known.len() <= 3, "bounded");
        for n in 0..20 {
            let path = world.path(&format!("Junk{round}-{n}.wasm"));
            std::fs::remove_file(path).expect("removed");
        }
        world.write("Stays.wasm", b"x");
        world.poll();
        std::thread::sleep(POLL + Duration::from_millis(10));
        world.poll();
    }
    for n in 0..20 {
        world.write(&format!("Junk{n}.wasm"), b"x");
    }
    world.poll();
    for key in ["a", "b", "c"] {
        world.write(&format!("{key}.wasm"), b"1");
    }
    assert_eq!(world.poll(), ["a=1", "b=1", "c=1"]);
}

#[test]
fn files_that_went_hide_none_that_is_there() {
    let mut world = world();
    world
        .poller
        .remember(vec!["a".into(), "b".into(), "c".into()]);
    world.write("x.wasm", b"1");
    world.poll();
    assert_eq!(world.error(), None, "it is not empty");
    std::thread::sleep(POLL + Duration::from_millis(10));
    assert_eq!(world.poll(), ["-a", "-b", "-c"]);
    assert_eq!(world.poll(), ["x=1"]);
}
