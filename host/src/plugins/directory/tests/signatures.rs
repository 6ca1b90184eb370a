//! Signatures beside files.

use super::mount::{Trouble, mounted_with};
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
    let seen = while_it_grows(&mut world, "a.wasm.minisig");
    let whole = format!("a=1+{}", "x".repeat(60));
    assert_eq!(seen.last(), Some(&whole), "{seen:?}");
}

#[test]
fn a_signature_that_comes_behind_its_file_is_never_missing() {
    let (mut world, trouble) = mounted_with(asking());
    world.poller.coarse = Duration::ZERO;
    world.write("a.wasm", b"1");
    let signature = world.path("a.wasm.minisig");
    let sign = move || std::fs::write(&signature, b"s").expect("written");
    trouble.send(Trouble::Behind(Box::new(sign))).expect("sent");
    let mut seen = world.poll();
    seen.extend(world.poll());
    assert_eq!(seen, ["a=1+s"], "and never without");
}
