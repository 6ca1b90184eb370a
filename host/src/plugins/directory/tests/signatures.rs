//! Signatures beside files.

use super::*;

#[test]
fn a_signature_that_comes_changes_or_goes_is_a_change_of_its_file() {
    let mut world = signed();
    world.write("b.wasm", b"1");
    world.write("a.wasm", b"1");
    assert_eq!(world.poll(), ["a=1", "b=1"]);
    world.write("a.wasm.minisig", b"s");
    assert_eq!(world.poll(), ["a=1+s"], "of this file alone");
    assert!(world.poll().is_empty(), "unchanged");
    world.write("a.wasm.minisig", b"t");
    assert_eq!(world.poll(), ["a=1+t"]);
    world.write("a.wasm.minisig", &vec![b's'; MAX_SIGNATURE as usize + 1]);
    assert_eq!(world.poll(), ["a=1!it is longer than any is"]);
    world.write("a.wasm.minisig", b"\xff");
    assert_eq!(world.poll(), ["a=1!it is not UTF-8"]);
    let signature = world.path("a.wasm.minisig");
    std::fs::remove_file(&signature).expect("removed");
    assert_eq!(world.poll(), ["a=1"]);
    world.write("other", b"s");
    std::os::unix::fs::symlink("other", &signature).expect("linked");
    assert_eq!(world.poll(), ["a=1!it is not a regular file"]);
    std::fs::remove_file(&signature).expect("removed");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, &signature, mode).expect("made");
    assert_eq!(
        world.poll(),
        ["a=1!it is not a regular file"],
        "and no wait"
    );
    // A signature alone is nothing.
    world.write("c.wasm.minisig", b"s");
    assert!(world.poll().is_empty());
    // Where none is asked for, none is looked at.
    let mut world = self::world();
    world.write("a.wasm", b"1");
    world.write("a.wasm.minisig", b"s");
    assert_eq!(world.poll(), ["a=1"]);
    world.write("a.wasm.minisig", b"t");
    assert!(world.poll().is_empty());
}

#[test]
fn a_signature_that_is_still_being_written_is_waited_for() {
    let mut world = signed();
    world.poller.coarse = Duration::ZERO;
    world.write("a.wasm", b"1");
    let path = world.path("a.wasm.minisig");
    let writing = std::thread::spawn(move || {
        use std::io::Write;
        let mut file = std::fs::File::create(path).expect("made");
        for _ in 0..60 {
            file.write_all(b"s").expect("written");
            std::thread::sleep(Duration::from_millis(2));
        }
    });
    let mut seen = Vec::new();
    while !writing.is_finished() {
        seen.extend(world.poll());
    }
    writing.join().expect("written");
    seen.extend(world.poll());
    let whole = format!("a=1+{}", "s".repeat(60));
    assert_eq!(seen.last(), Some(&whole), "{seen:?}");
}
