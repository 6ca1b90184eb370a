//! P01 to P04, P24 to P26: guests that take time, recurse, or fail.

use super::{LATE, Lab, Row, WALL, row};
use crate::guests::{Guest, Image, LOOP_FOREVER, NOT_FOUND, TRAP};

const SPIN: &str = "(func $spin loop $l br $l end)";

pub(super) fn rows() -> Vec<Row> {
    let guest = Guest::default();
    vec![
        row(
            "P01 loops in extract",
            Guest {
                extract: LOOP_FOREVER,
                ..guest.clone()
            },
            "deadline",
            "plugins.limits.wall",
        ),
        row(
            "P02 loops in its start function",
            Guest {
                fields: "(func $spin loop $l br $l end) (start $spin)",
                ..guest.clone()
            },
            "deadline",
            "plugins.limits.describe",
        ),
        row(
            "P02 loops in describe",
            Guest {
                describe: LOOP_FOREVER,
                ..guest.clone()
            },
            "deadline",
            "plugins.limits.describe",
        ),
        row(
            "P03 loops in cabi_realloc",
            Guest {
                realloc: "loop $l br $l end",
                extract: "i32.const 8192 call $get_json i32.const 512",
                ..guest.clone()
            },
            "deadline",
            "plugins.limits.wall",
        ),
        row(
            "P03 loops in post-return",
            Guest {
                post_return: Some("call $spin"),
                fields: SPIN,
                extract: NOT_FOUND,
                ..guest.clone()
            },
            "deadline",
            "plugins.limits.wall",
        ),
        row(
            "P04 recurses without end",
            Guest {
                fields: "(func $deep (param i32) (result i32)
                    local.get 0 i32.const 1 i32.add call $deep i32.const 1 i32.add)",
                extract: "i32.const 0 call $deep",
                ..guest.clone()
            },
            "stack",
            "plugins.limits.stack",
        ),
        row(
            "P24 traps",
            Guest {
                extract: TRAP,
                ..guest.clone()
            },
            "trap",
            None,
        ),
        row(
            "P26 sleeps in the host for 49 days",
            Guest {
                extract: "i32.const -1 call $sleep i32.const 512",
                ..guest
            },
            "deadline",
            "plugins.limits.wall",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_recurses_as_deep_as_its_own_stack_lets() {
    let deep = Guest {
        fields: "(func $deep (param i32) (result i32)
            local.get 0 i32.eqz
            if (result i32) i32.const 512
            else local.get 0 i32.const 1 i32.sub call $deep end)",
        extract: "i32.const 100000 call $deep",
        ..Guest::default()
    };
    for (own, expect) in [
        ("", "stack"),
        ("[plugins.override.other]\nstack = \"16MiB\"", "stack"),
        ("[plugins.override.site-a]\nstack = \"16MiB\"", "not_found"),
    ] {
        let lab = Lab::new(own);
        let ended = lab.extract(&deep, &lab.site("")).await;
        assert_eq!(ended.result.unwrap_err().code(), expect, "{own}");
    }
}

/// Computing and waiting are different things.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_computes_ends_by_its_cpu_time_and_one_that_waits_does_not() {
    let lab = Lab::new("[plugins.override.site-a]\ncpu = \"300ms\"\nwall = \"8s\"");
    let site = lab.site("");
    let busy = Guest {
        extract: LOOP_FOREVER,
        ..Guest::default()
    };
    let ended = lab.extract(&busy, &site).await;
    assert_eq!(ended.result.unwrap_err().code(), "cpu");
    assert!(ended.used.cpu.as_millis() >= 300, "{:?}", ended.used);
    assert!(ended.used.wall < WALL + LATE, "{:?}", ended.used);
    assert_eq!(lab.metrics.limit_hits("plugins.limits.cpu"), 1);
    // Sleeps 50 times 20 ms: more waiting than it may compute.
    let patient = Guest {
        extract: "i32.const 50 local.set $i
            loop $l
                i32.const 20 call $sleep
                local.get $i i32.const 1 i32.sub local.tee $i br_if $l
            end
            i32.const 512",
        ..Guest::default()
    };
    let ended = lab.extract(&patient, &site).await;
    assert_eq!(ended.result.unwrap_err().code(), "not_found");
    assert!(ended.used.wall.as_millis() >= 1000, "{:?}", ended.used);
    assert!(ended.used.cpu.as_millis() < 300, "{:?}", ended.used);
}

/// The trap comes at most one look at the clock after the deadline.
#[tokio::test(flavor = "multi_thread")]
async fn the_deadline_is_kept_and_the_guest_is_told_of_it() {
    let lab = Lab::new("");
    for extract in [LOOP_FOREVER, "i32.const -1 call $sleep i32.const 512"] {
        let guest = Guest {
            extract,
            ..Guest::default()
        };
        let ended = lab.extract(&guest, &lab.site("")).await;
        let wall = ended.used.wall;
        assert!(wall >= WALL && wall < WALL + LATE, "{wall:?}");
    }
}

/// P24, P25, P27: a failure leaves nothing behind but what the guest was allowed
/// to keep, and the next call is a fresh start.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_failed_once_recovers_by_itself_and_finds_its_memory_fresh() {
    let lab = Lab::new("");
    let site = lab.site("");
    let mut image = Image::new();
    let key = image.put("n");
    // The first call notes that it was there and loops; a later one finds the
    // note. A global that an earlier call had changed would be seen, too.
    let extract = format!(
        "global.get $used if unreachable end
        i32.const 1 global.set $used
        i32.const {at} i32.const {len} i32.const 65536 call $state_get
        i32.const 65536 i32.load8_u
        if i32.const 512 return end
        i32.const {at} i32.const {len} i32.const {at} i32.const {len}
        i32.const 0 i32.const 0 i32.const 65536 call $state_set
        loop $l br $l end unreachable",
        at = key.0,
        len = key.1,
    );
    let guest = Guest {
        extract: extract.leak(),
        fields: "(global $used (mut i32) (i32.const 0))",
        data: image.bytes().to_vec(),
        ..Guest::default()
    };
    let plugin = lab.load(&guest).await.unwrap();
    let outcomes = ["deadline", "not_found", "not_found"];
    for expect in outcomes {
        let ended = lab.call(&plugin, &site).await;
        assert_eq!(ended.result.unwrap_err().code(), expect);
    }
}

/// The caller may go away; the call goes on to its end by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_caller_drops_no_call() {
    let lab = Lab::new(
        "max_calls = 1"
            .replace("max_calls", "[plugins]\nmax_calls")
            .as_str(),
    );
    let guest = Guest {
        extract: LOOP_FOREVER,
        ..Guest::default()
    };
    let (plugin, site) = (lab.load(&guest).await.unwrap(), lab.site(""));
    let call = lab.call(&plugin, &site);
    assert!(tokio::time::timeout(WALL / 10, call).await.is_err());
    let began = std::time::Instant::now();
    // The only place is still taken by the call that nobody waits for.
    let absent = Guest {
        extract: NOT_FOUND,
        ..Guest::default()
    };
    let ended = lab.extract(&absent, &site).await;
    assert_eq!(ended.result.unwrap_err().code(), "not_found");
    assert!(began.elapsed() > WALL / 2, "{:?}", began.elapsed());
    assert_eq!(lab.metrics.limit_hits("plugins.max_calls"), 1);
}

/// P24: the guest's frames are lines for people; the host's are in none.
#[tokio::test(flavor = "multi_thread")]
async fn a_trap_says_where_it_happened_a_frame_a_line_and_why() {
    let lab = Lab::new("");
    let deep = Guest {
        fields: "(func $inner unreachable) (func $outer call $inner)",
        extract: "call $outer unreachable",
        ..Guest::default()
    };
    let ended = lab.extract(&deep, &lab.site("")).await;
    let text = ended.result.unwrap_err().to_string();
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let at = |what: &str| lines.iter().position(|line| line.contains(what));
    assert!(at("inner").unwrap() < at("outer").unwrap(), "{text}");
    let cause = at("Caused by:").unwrap();
    assert!(cause > at("outer").unwrap(), "{text}");
    assert!(lines[cause + 1].contains("unreachable"), "{text}");
}

/// P24: every third call is a fault, and only that.
#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_traps_on_every_third_call_is_called_each_time_anew() {
    let (lab, mut image) = (Lab::new(""), Image::new());
    let (key, _) = image.put("n");
    // Counts its calls in one byte of state.
    let extract = format!(
        "i32.const {key} i32.const 1 i32.const 65536 call $state_get
        i32.const 65536 i32.load8_u
        if i32.const 65536 i32.load offset=4 i32.load8_u local.set $i end
        i32.const 65600 local.get $i i32.const 1 i32.add i32.store8
        i32.const {key} i32.const 1 i32.const 65600 i32.const 1
        i32.const 0 i32.const 0 i32.const 65536 call $state_set
        local.get $i i32.const 3 i32.rem_u i32.const 2 i32.eq if unreachable end
        i32.const 512"
    );
    let guest = Guest {
        extract: extract.leak(),
        data: image.bytes().to_vec(),
        ..Guest::default()
    };
    let (plugin, site) = (lab.load(&guest).await.unwrap(), lab.site(""));
    for expect in ["not_found", "not_found", "trap"].repeat(2) {
        let ended = lab.call(&plugin, &site).await;
        assert_eq!(ended.result.unwrap_err().code(), expect);
    }
}
