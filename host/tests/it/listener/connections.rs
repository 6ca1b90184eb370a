//! S31 and S34: clients that say nothing, little by little, or all at once.

use std::time::Duration;

use futures::future::join_all;

use super::{Client, Stand};

const SHORT: Duration = Duration::from_millis(400);

#[tokio::test(flavor = "multi_thread")]
async fn whoever_brings_no_request_is_closed() {
    let stand = Stand::new(|config| {
        config.server.header_timeout = SHORT;
        config.server.idle_timeout = 3 * SHORT;
    })
    .await;
    stand.assert_plays().await;
    let attack = async {
        let silent = join_all((0..50).map(async |_| {
            let mut client = stand.connect().await;
            client.rest().await
        }));
        let dripping = join_all((0..50).map(async |_| {
            let mut client = stand.connect().await;
            client.send("GET / HTTP/1.1\r\nX-A: ").await;
            // Never quiet for as long as the limit.
            loop {
                tokio::select! {
                    rest = client.rest() => break rest,
                    () = tokio::time::sleep(SHORT / 4) => {}
                }
                client.send("a").await;
            }
        }));
        let (silent, dripping) = tokio::join!(silent, dripping);
        for rest in silent.iter().chain(&dripping) {
            assert_eq!(rest, "", "nobody is answered who asked nothing");
        }
    };
    tokio::join!(attack, stand.assert_plays());
    // Players open connections that they do not need, too.
    assert!(stand.hits("server.header_timeout") >= 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_in_time_does_so_on_the_same_connection() {
    let stand = Stand::new(|config| {
        config.server.header_timeout = SHORT;
        config.server.idle_timeout = 3 * SHORT;
    })
    .await;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", stand.host());
    let mut client = stand.connect().await;
    for _ in 0..3 {
        client.send(&request).await;
        assert!(client.head().await.starts_with("HTTP/1.1 200"));
        let mut body = [0; 15];
        tokio::io::AsyncReadExt::read_exact(&mut client.0, &mut body)
            .await
            .unwrap();
        assert_eq!(&body, b"{\"status\":\"ok\"}");
        // Longer than a head may take, shorter than one may be idle.
        tokio::time::sleep(SHORT * 3 / 2).await;
    }
    assert_eq!(stand.hits("server.header_timeout"), 0);
    // The next head has the time of a head, not what was left of the wait.
    client.send("GET /healthz HTTP/1.1\r\n").await;
    assert_eq!(client.rest().await, "");
    assert_eq!(stand.hits("server.header_timeout"), 1);

    let mut idle = stand.connect().await;
    idle.send(&request).await;
    assert!(idle.rest().await.starts_with("HTTP/1.1 200"));
    assert_eq!(stand.hits("server.idle_timeout"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_client_takes_no_more_than_its_connections() {
    let stand = Stand::new(|config| config.server.max_connections_per_client = 60).await;
    stand.assert_plays().await;
    let mut held = Vec::new();
    for _ in 0..60 {
        held.push(stand.connect().await);
    }
    for n in 1..=50 {
        assert_eq!(stand.connect().await.rest().await, "");
        assert_eq!(stand.hits("server.max_connections_per_client"), n);
    }
    stand.assert_plays().await;
    // Whoever leaves makes room.
    held.pop();
    let request = format!(
        "GET /healthz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        stand.host()
    );
    stand
        .house
        .wait("a place", async |_| {
            let mut client = stand.connect().await;
            let sent = tokio::io::AsyncWriteExt::write_all(&mut client.0, request.as_bytes());
            let _ = sent.await;
            client
                .rest()
                .await
                .starts_with("HTTP/1.1 200")
                .then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_connections_together_are_bounded_and_the_next_waits() {
    let stand = Stand::new(|config| config.server.max_connections = 8).await;
    let request = format!(
        "GET /healthz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        stand.host()
    );
    let mut held = Vec::new();
    for _ in 0..8 {
        let mut client = stand.connect().await;
        client.send("GET").await;
        held.push(client);
    }
    stand.counts("server.max_connections", 1).await;
    let mut waiting = stand.connect().await;
    waiting.send(&request).await;
    let early = tokio::time::timeout(SHORT, waiting.0.readable()).await;
    assert!(early.is_err(), "there is no place yet");
    held.pop();
    assert!(waiting.rest().await.starts_with("HTTP/1.1 200"));
}

/// One connection, very many requests: answered in turn, and only as fast as they
/// are taken.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_pipelined_requests_is_answered_one_after_the_other() {
    let stand = Stand::new(|config| config.server.write_timeout = 2 * SHORT).await;
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", stand.host());
    let last = request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let flood = request.repeat(4999) + &last;
    let attack = async {
        let client = stand.connect().await;
        let (mut read, mut write) = client.0.into_split();
        let sending = tokio::io::AsyncWriteExt::write_all(&mut write, flood.as_bytes());
        let mut answers = String::new();
        let reading = tokio::io::AsyncReadExt::read_to_string(&mut read, &mut answers);
        let (sent, got) = tokio::join!(sending, reading);
        sent.unwrap();
        got.unwrap();
        assert_eq!(answers.matches("HTTP/1.1 200").count(), 5000);
        // Who takes no answer is not asked for more.
        let mut deaf = Client::new(stand.address(), Some(4096)).await;
        let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", stand.host());
        let endless = request.repeat(1000);
        let sent = async {
            loop {
                let sent = tokio::io::AsyncWriteExt::write_all(&mut deaf.0, endless.as_bytes());
                if sent.await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(super::LONG, sent)
            .await
            .expect("it is cut");
    };
    tokio::join!(attack, stand.assert_plays());
    stand.counts("server.write_timeout", 1).await;
}
