//! A segment's answer: ranges, and bytes that arrive slowly when the faults
//! say so. Memory: one segment per request.

use std::{ops::Range, time::Duration};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::{HeaderMap, StatusCode, header};
use tokio::time::{Instant, sleep, sleep_until};

use super::{Cdn, KEPT, WINDOW, newest, not_found};
use crate::{faults::Faults, ts::Loop};

/// How often a slow body moves.
const TICK: Duration = Duration::from_millis(50);

pub(super) async fn answer(cdn: &Cdn, looped: &Loop, number: u64, headers: &HeaderMap) -> Response {
    // A frozen playlist's segments stay as long as they would have: the
    // origin is stuck, not its disk.
    let newest = newest(cdn.clock.stream());
    if number > newest || number + WINDOW + KEPT <= newest {
        return not_found();
    }
    let bytes = Bytes::from(looped.segment(number));
    served(&cdn.faults.get(), bytes, "video/mp2t", headers).await
}

/// Media with the faults of segments, or the range that was asked for.
pub(crate) async fn served(
    faults: &Faults,
    bytes: Bytes,
    media_type: &'static str,
    headers: &HeaderMap,
) -> Response {
    if faults.segment_first_byte_delay_ms > 0 {
        sleep(Duration::from_millis(faults.segment_first_byte_delay_ms)).await;
    }
    if let Some(status) = faults.segment_status {
        return status.into_response();
    }

    let whole = bytes.len();
    let (status, bytes, content_range) = match requested(headers, whole) {
        Requested::All => (StatusCode::OK, bytes, None),
        Requested::Part(range) => {
            let named = format!("bytes {}-{}/{whole}", range.start, range.end - 1);
            (StatusCode::PARTIAL_CONTENT, bytes.slice(range), Some(named))
        }
        Requested::Nothing => {
            let named = format!("bytes */{whole}");
            return (
                StatusCode::RANGE_NOT_SATISFIABLE,
                [(header::CONTENT_RANGE, named)],
            )
                .into_response();
        }
    };
    let length = bytes.len().to_string();
    let fixed = [
        (header::CONTENT_TYPE, media_type),
        (header::ACCEPT_RANGES, "bytes"),
        (header::CACHE_CONTROL, "max-age=60"),
    ];
    let body = spread(bytes, Duration::from_millis(faults.segment_duration_ms));
    let mut response = (status, fixed, [(header::CONTENT_LENGTH, length)], body).into_response();
    if let Some(value) = content_range.and_then(|named| named.parse().ok()) {
        response.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    response
}

/// Equal pieces, the first at once and the last when the time is over.
fn spread(bytes: Bytes, over: Duration) -> Body {
    let steps = (over.as_millis() / TICK.as_millis()) as usize;
    if steps == 0 {
        return Body::from(bytes);
    }
    let start = Instant::now();
    let piece = bytes.len().div_ceil(steps + 1).max(1);
    let pieces = bytes.len().div_ceil(piece).max(2) - 1;
    let parts = stream::iter((0..bytes.len()).step_by(piece).enumerate());
    Body::from_stream(parts.then(move |(index, at)| {
        let part = bytes.slice(at..bytes.len().min(at + piece));
        async move {
            sleep_until(start + over.mul_f64(index as f64 / pieces as f64)).await;
            Ok::<_, std::convert::Infallible>(part)
        }
    }))
}

/// What a request's range names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Requested {
    All,
    Part(Range<usize>),
    Nothing,
}

/// One range in bytes; several, or another unit, are answered whole.
pub(crate) fn requested(headers: &HeaderMap, whole: usize) -> Requested {
    let value = headers
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok());
    let Some((first, last)) = value
        .and_then(|value| value.strip_prefix("bytes="))
        .and_then(|range| range.split_once('-'))
    else {
        return Requested::All;
    };
    let range = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) if last < first => return Requested::All,
        (Ok(first), Ok(last)) => first..whole.min(last.saturating_add(1)),
        (Ok(first), Err(_)) if last.is_empty() => first..whole,
        (Err(_), Ok(length)) if first.is_empty() => whole.saturating_sub(length)..whole,
        _ => return Requested::All,
    };
    if range.is_empty() {
        Requested::Nothing
    } else {
        Requested::Part(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let part = Requested::Part;
        let cases = [
            ("bytes=0-9", part(0..10)),
            ("bytes=90-", part(90..100)),
            ("bytes=-10", part(90..100)),
            ("bytes=-1000", part(0..100)),
            ("bytes=95-1000", part(95..100)),
            ("bytes=0-18446744073709551615", part(0..100)),
            ("bytes=100-", Requested::Nothing),
            ("bytes=-0", Requested::Nothing),
            ("bytes=9-0", Requested::All),
            ("bytes=0-1,5-6", Requested::All),
            ("bytes=-", Requested::All),
            ("items=0-1", Requested::All),
        ];
        for (value, expected) in cases {
            let headers = HeaderMap::from_iter([(header::RANGE, value.parse().unwrap())]);
            assert_eq!(requested(&headers, 100), expected, "{value}");
        }
        assert_eq!(requested(&HeaderMap::new(), 100), Requested::All);
    }
}
