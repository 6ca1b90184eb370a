//! S32: many who take nothing, and what that costs the real program.

use std::time::Duration;

use f1_streams::proxy::Kind;

use super::{Client, LONG, PACKETS};
use crate::origin::{Origin, ok, packets};
use crate::program::Program;

const READERS: usize = 100;

/// A hundred bodies of 19 MB, of which nobody takes a byte: beside
/// `relay.in_flight` each costs the buffers of its connections, not its body.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn slow_readers_cost_buffers_and_no_bodies() {
    let body = packets(PACKETS).repeat(100);
    let origin = Origin::new(move |_| ok(&body)).await;
    let program = Program::start(
        "write_timeout = \"4s\"",
        "[net]\nports = []\nper_origin = 200\nallow_addresses = [\"127.0.0.3\"]\n\
         [relay]\nin_flight = \"16MiB\"\nwindow = \"16MiB\"\n",
        |_| (),
    )
    .await;
    let before = program.memory("VmRSS:");
    let mut readers = Vec::new();
    for n in 0..READERS {
        let link = program.sealed(Kind::Segment, origin.url(&format!("/{n}.ts")));
        let mut client = Client::new(program.address, Some(4096)).await;
        let host = program.address;
        client
            .send(format!("GET {link} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
            .await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        readers.push(client);
    }
    let mut most = 0;
    let cut = format!("limit=\"server.write_timeout\"}} {READERS}\n");
    let all_cut = async {
        loop {
            most = most.max(program.memory("VmRSS:"));
            let url = format!("http://{}/metrics", program.metrics);
            let text = program.client.get(url).send().await.unwrap();
            if text.text().await.unwrap().contains(&cut) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(LONG, all_cut)
        .await
        .expect("all are cut");
    drop(readers);
    let grown = most.saturating_sub(before) >> 20;
    // Both bounds, and what each reader's two connections hold: one piece that is
    // being sent and one that was read ahead, both in buffers of hyper's, which it
    // makes up to 408 KiB large; the allocator's share is as much again at most.
    let bound = 16 + 16 + 2 * READERS as u64;
    assert!(grown < bound, "{grown} MiB more");
}
