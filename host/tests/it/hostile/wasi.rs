//! P22: guests that look for a machine behind WASI and find none.

use jiff::Timestamp;

use f1_streams::clock::Clock;

use super::{Lab, Row, row};
use crate::guests::{Guest, Image, NOT_FOUND};

/// Where answers of imports go.
const AT: u32 = 65536;

fn guest(extract: impl Into<String>) -> Guest {
    Guest {
        extract: extract.into().leak(),
        wasi: true,
        ..Guest::default()
    }
}

/// Traps unless the byte at `AT + offset` is `expect`.
fn byte_is(offset: u32, expect: u32) -> String {
    format!(
        "i32.const {AT} i32.load8_u offset={offset} i32.const {expect} i32.ne if unreachable end "
    )
}

pub(super) fn rows() -> Vec<Row> {
    let empty = |import: &str| {
        format!(
            "i32.const {AT} call {import}
            i32.const {AT} i32.load offset=4 if unreachable end i32.const 512"
        )
    };
    // err(access-denied), the second of `error-code`.
    let refused = |import: &str| {
        format!(
            "i32.const 0 i32.const {AT} call {import} {} {} i32.const 512",
            byte_is(0, 1),
            byte_is(4, 1)
        )
    };
    let mut image = Image::new();
    let name = image.put("example.org");
    let path = image.put("/");
    let address = format!(
        "i32.const 1 i32.const {} i32.const {} call $authority drop
        local.get $i i32.const 1 i32.const {} i32.const {} call $path drop",
        name.0, name.1, path.0, path.1
    );
    let lookup = Guest {
        data: image.bytes().to_vec(),
        ..guest(format!(
            "call $network i32.const {} i32.const {} i32.const {AT} call $resolve {} i32.const 512",
            name.0,
            name.1,
            byte_is(0, 1)
        ))
    };
    // Sends the request, waits for the answer: some(ok(err(HTTP-request-denied))).
    let http = Guest {
        data: image.bytes().to_vec(),
        ..guest(format!(
            "call $fields call $request local.tee $i {address}
            local.get $i i32.const 0 i32.const 0 i32.const {AT} call $handle {}
            i32.const {AT} i32.load offset=8 local.tee $i call $answered call $block
            local.get $i i32.const {AT} call $answer
            {} {} {} {} i32.const 512",
            byte_is(0, 0),
            byte_is(0, 1),
            byte_is(8, 0),
            byte_is(16, 1),
            byte_is(24, 15)
        ))
    };
    vec![
        row(
            "P22 reads its environment",
            guest(empty("$environment")),
            "not_found",
            None,
        ),
        row(
            "P22 reads its arguments",
            guest(empty("$arguments")),
            "not_found",
            None,
        ),
        row(
            "P22 looks for directories",
            guest(empty("$directories")),
            "not_found",
            None,
        ),
        row(
            "P22 makes a TCP socket",
            guest(refused("$tcp")),
            "not_found",
            None,
        ),
        row(
            "P22 makes a UDP socket",
            guest(refused("$udp")),
            "not_found",
            None,
        ),
        row("P22 looks up a name", lookup, "not_found", None),
        row(
            "P22 sends a request with wasi:http",
            http,
            "not_found",
            None,
        ),
        row(
            "P22 reads its standard input",
            // err(closed)
            guest(format!(
                "call $stdin i64.const 10 i32.const {AT} call $read {} {} i32.const 512",
                byte_is(0, 1),
                byte_is(4, 1)
            )),
            "not_found",
            None,
        ),
        row(
            "P22 exits",
            guest("i32.const 1 call $exit unreachable"),
            "trap",
            None,
        ),
        row(
            "P22 takes 64 MiB of random bytes at once",
            guest("i64.const 67108864 i32.const 65536 call $random i32.const 512"),
            "invalid_output",
            None,
        ),
        row(
            "P22 takes handles without end",
            guest("loop $l i64.const 1 call $timer drop br $l end unreachable"),
            "resources",
            "plugins.limits.handles",
        ),
        row(
            "P23 prints 8 MiB of line ends at once",
            // Each would be a line of its own until it is counted.
            guest(
                "i32.const 200 memory.grow drop
                i32.const 1048576 i32.const 10 i32.const 8388608 memory.fill
                call $stdout i32.const 1048576 i32.const 8388608 i32.const 65536
                call $print_at_once i32.const 512",
            ),
            "invalid_output",
            None,
        ),
        row(
            "P26 blocks on a timer for ever",
            guest("i64.const -1 call $timer call $block i32.const 512"),
            "deadline",
            "plugins.limits.wall",
        ),
        row(
            "P26 polls a timer for ever",
            guest(format!(
                "i32.const {AT} i64.const -1 call $timer i32.store
                i32.const {AT} i32.const 1 i32.const {AT} call $poll i32.const 512"
            )),
            "deadline",
            "plugins.limits.wall",
        ),
    ]
}

/// A runtime that looks at clocks, random numbers and its environment before
/// it does anything is no impure plugin.
#[tokio::test(flavor = "multi_thread")]
async fn describe_may_initialise_a_runtime_and_call_nothing_of_ours() {
    let lab = Lab::new("");
    let init = Guest {
        fields: "(func $init call $monotonic drop call $random_word drop) (start $init)",
        extract: NOT_FOUND,
        describe: "i64.const 32 i32.const 65536 call $random i32.const 65536 call $wall
            i32.const 65536 call $environment i32.const 65536 call $directories",
        wasi: true,
        ..Guest::default()
    };
    let ended = lab.extract(&init, &lab.site("")).await;
    assert_eq!(ended.result.unwrap_err().code(), "not_found");
    let impure = Guest {
        describe: "call $now drop",
        ..init
    };
    assert_eq!(lab.load(&impure).await.unwrap_err().code(), "impure");
    let blocks = Guest {
        describe: "i64.const -1 call $timer call $block",
        wasi: true,
        ..Guest::default()
    };
    assert_eq!(lab.load(&blocks).await.unwrap_err().code(), "deadline");
}

/// The clocks are the host's, in whole milliseconds; they and what is random
/// stand still where the host's stand still and it is seeded.
#[tokio::test(flavor = "multi_thread")]
async fn a_seeded_host_with_a_fixed_clock_repeats_itself() {
    let clock = Clock::fixed(Timestamp::from_millisecond(1_700_000_000_123).unwrap());
    let lab = Lab::at("", clock);
    // Both clocks, then a random word, as hexadecimal of one letter a half byte.
    let hex = "(func $hex (param $from i32) (param $to i32) (param $n i32)
        loop $l
            local.get $to local.get $from i32.load8_u i32.const 4 i32.shr_u i32.const 97 i32.add
            i32.store8
            local.get $to local.get $from i32.load8_u i32.const 15 i32.and i32.const 97 i32.add
            i32.store8 offset=1
            local.get $from i32.const 1 i32.add local.set $from
            local.get $to i32.const 2 i32.add local.set $to
            local.get $n i32.const 1 i32.sub local.tee $n br_if $l
        end)";
    let mut image = Image::new();
    let other = image.other((AT + 64, 56));
    let tells = Guest {
        fields: hex,
        data: image.bytes().to_vec(),
        ..guest(format!(
            "i32.const {AT} call $monotonic i64.store
            i32.const {wall} call $wall
            i32.const {word} call $random_word i64.store
            i32.const {AT} i32.const {text} i32.const 28 call $hex
            i32.const {other}",
            wall = AT + 8,
            word = AT + 24 - 4,
            text = AT + 64,
        ))
    };
    let plugin = lab.load(&tells).await.unwrap();
    let site = lab.site("");
    let told = async |host: &f1_streams::plugins::Host| {
        let hint = f1_streams::plugins::Hint::default();
        let error = plugin.extract(host, &site, &hint).await.unwrap_err();
        let text = error.to_string();
        assert_eq!(text.len(), 56, "{text}");
        let byte = |pair: &[u8]| (pair[0] - b'a') << 4 | (pair[1] - b'a');
        let bytes: Vec<u8> = text.as_bytes().chunks(2).map(byte).collect();
        let (monotonic, rest) = bytes.split_at(8);
        let seconds = u64::from_le_bytes(rest[..8].try_into().unwrap());
        let nanos = u32::from_le_bytes(rest[8..12].try_into().unwrap());
        assert_eq!(monotonic, [0; 8], "no time has passed");
        assert_eq!((seconds, nanos), (1_700_000_000, 123_000_000));
        rest[12..].to_vec()
    };
    let seeded = lab.host.clone().seeded(7);
    assert_eq!(told(&seeded).await, told(&seeded).await);
    assert_ne!(told(&lab.host).await, told(&lab.host).await);
}
