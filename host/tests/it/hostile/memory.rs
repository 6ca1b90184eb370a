//! P05 to P08: guests that want more of the machine than they may have.

use super::{Lab, Row, row};
use crate::guests::{ALLOCATE, Guest, NOT_FOUND};

pub(super) fn rows() -> Vec<Row> {
    let guest = Guest::default();
    let beside = |id, beside, expect, limit: Option<&'static str>| {
        let guest = Guest {
            beside,
            extract: NOT_FOUND,
            ..Guest::default()
        };
        row(id, guest, expect, limit)
    };
    vec![
        row(
            "P05 grows its memory step by step",
            Guest {
                extract: ALLOCATE,
                ..guest.clone()
            },
            "memory",
            "plugins.limits.memory",
        ),
        row(
            "P05 grows its memory to 4 GiB at once",
            Guest {
                extract: "i32.const 65532 memory.grow drop unreachable",
                ..guest.clone()
            },
            "memory",
            "plugins.limits.memory",
        ),
        row(
            "P05 mixes growth that no memory can have with growth that it can",
            Guest {
                extract: "loop $l
                    i32.const -1 memory.grow drop
                    i32.const 16 memory.grow i32.const -1 i32.ne br_if $l
                end unreachable",
                ..guest.clone()
            },
            "memory",
            "plugins.limits.memory",
        ),
        beside(
            "P05 has memories that are small each and large together",
            &[("(module (memory 500))", 6)],
            "memory",
            Some("plugins.limits.memory"),
        ),
        beside(
            "P05 has many memories",
            &[("(module (memory 0))", 100)],
            "resources",
            Some("plugins.limits.memories"),
        ),
        row(
            "P06 grows a table to 2^32",
            Guest {
                fields: "(table $wide 1 funcref)",
                extract: "ref.null func i32.const -2 table.grow $wide drop unreachable",
                ..guest.clone()
            },
            "resources",
            "plugins.limits.table_elements",
        ),
        beside(
            "P06 has tables that are small each and large together",
            &[("(module (table 20000 funcref))", 20)],
            "resources",
            Some("plugins.limits.table_elements"),
        ),
        beside(
            "P06 has thousands of tables",
            &[("(module (table 0 funcref) (table 0 funcref))", 100)],
            "resources",
            Some("plugins.limits.tables"),
        ),
        // More than this does not even compile.
        beside(
            "P07 has 900 core instances",
            &[("(module)", 900)],
            "resources",
            Some("plugins.limits.instances"),
        ),
        beside(
            "P07 has 10,000 core instances",
            &[("(module)", 10_000)],
            "compile",
            None,
        ),
        row(
            "P08 declares more memory at the start than it may have",
            Guest {
                pages: 8000,
                ..guest
            },
            "memory",
            "plugins.limits.memory",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_can_have_limits_of_its_own() {
    let lab = Lab::new("[plugins.override.large]\nmemory = \"768MiB\"");
    let guest = |key| Guest {
        key,
        pages: 8000,
        extract: NOT_FOUND,
        ..Guest::default()
    };
    assert_eq!(
        lab.load(&guest("small")).await.unwrap_err().code(),
        "memory"
    );
    let plugin = lab.load(&guest("large")).await.unwrap();
    let ended = lab.call(&plugin, &lab.site("")).await;
    assert_eq!(ended.result.unwrap_err().code(), "not_found");
    assert_eq!(ended.used.memory, 8000 << 16);
}
