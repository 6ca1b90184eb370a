//! S36: ranges of bytes that cost more than they ask for.

use f1_streams::proxy::Kind;
use reqwest::header::{CONTENT_RANGE, RANGE};

use super::{PACKETS, Stand};
use crate::origin::{packets, sealed};

#[tokio::test(flavor = "multi_thread")]
async fn one_range_is_served_and_nothing_else_costs_more_than_the_whole() {
    let stand = Stand::new(|_| ()).await;
    let whole = packets(PACKETS);
    let end = whole.len() - 1;
    let link = sealed(&stand.house, Kind::Segment, &stand.origin.url("/1.ts"));
    let many = |count: usize, one: &str| format!("bytes={}", vec![one; count].join(","));
    let attack = async {
        for (range, status, span) in [
            ("bytes=0-99".to_owned(), 206, Some((0, 99))),
            ("bytes=100-".to_owned(), 206, Some((100, end))),
            ("bytes=-100".to_owned(), 206, Some((end - 99, end))),
            (
                "bytes=0-18446744073709551615".to_owned(),
                206,
                Some((0, end)),
            ),
            (
                "bytes=0-99999999999999999999999999".to_owned(),
                206,
                Some((0, end)),
            ),
            (
                "bytes=-18446744073709551616".to_owned(),
                206,
                Some((0, end)),
            ),
            // Several.
            ("bytes=0-0,2-2".to_owned(), 416, None),
            (many(3000, "0-"), 416, None),
            (many(3000, "0-9"), 416, None),
            // Just within the listener's bound on a head.
            (many(10_000, "-1"), 416, None),
            ("bytes=0-,0-,0-".to_owned(), 416, None),
            ("bytes=,0-9".to_owned(), 416, None),
            // Beyond its end.
            ("bytes=188000-".to_owned(), 416, None),
            ("bytes=18446744073709551615-".to_owned(), 416, None),
            ("bytes=99999999999999999999999999-".to_owned(), 416, None),
            ("bytes=-0".to_owned(), 416, None),
            // No ranges of bytes: as if nothing were asked.
            ("bytes=5-2".to_owned(), 200, None),
            ("bytes=--5".to_owned(), 200, None),
            ("bytes=0x0-0x9".to_owned(), 200, None),
            ("bytes=+0-9".to_owned(), 200, None),
            ("bytes=-".to_owned(), 200, None),
            ("bytes=".to_owned(), 200, None),
            ("items=0-9".to_owned(), 200, None),
            ("bytes 0-9".to_owned(), 200, None),
            ("BYTES=0-9".to_owned(), 200, None),
        ] {
            let url = format!("{}{link}", stand.house.base);
            let request = stand.house.client.get(url).header(RANGE, &range);
            let response = request.send().await.unwrap();
            let short = &range[..range.len().min(60)];
            assert_eq!(response.status(), status, "{short}");
            let said = response.headers().get(CONTENT_RANGE).cloned();
            let body = response.bytes().await.unwrap();
            match (status, span) {
                (206, Some((first, last))) => {
                    assert!(body == whole[first..=last], "{short}");
                    let expect = format!("bytes {first}-{last}/{}", whole.len());
                    assert_eq!(said.unwrap(), expect, "{short}");
                }
                (200, _) => assert!(body == whole, "{short}"),
                _ => assert!(body.len() < 200, "{short}"),
            }
        }
    };
    tokio::join!(attack, stand.assert_plays());
}
