//! Small things of an upstream, whole: playlists, keys, JSON.

use std::borrow::Cow;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use url::Url;

use super::{Proxy, Upstream, fetch};
use crate::answer::Failure;
use crate::net::{self, FetchError};
use crate::playlist::{self, DecodeError};

/// All of a body, as it came.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) body: Bytes,
    /// Where it came from in the end: what it names is relative to this.
    pub(super) base: Url,
    encoding: Option<String>,
}

impl Document {
    /// What `request` brings in `limit`, from the asking to the last byte.
    pub(super) async fn fetch(
        proxy: &Proxy,
        upstream: &Upstream,
        request: net::Request,
        limit: Duration,
        purpose: &'static str,
    ) -> Result<Self, Failure> {
        let fetching = async {
            let response = fetch::send(upstream, request, purpose).await?;
            // Nobody asked for a part.
            if response.status != StatusCode::OK {
                return Err(Failure::upstream(response.status, &response.headers));
            }
            Self::read(proxy, response, &[]).await
        };
        in_time(proxy, limit, fetching).await
    }

    /// All of `response`, of which `begun` was read, in the time of a playlist.
    pub(super) async fn rest(
        proxy: &Proxy,
        response: net::Response,
        begun: &[Bytes],
    ) -> Result<Self, Failure> {
        let limit = proxy.0.config.playlist_timeout;
        in_time(proxy, limit, Self::read(proxy, response, begun)).await
    }

    async fn read(
        proxy: &Proxy,
        mut response: net::Response,
        begun: &[Bytes],
    ) -> Result<Self, Failure> {
        let max = proxy.0.config.playlist.as_u64();
        let (base, encoding) = (response.url.clone(), response.encoding());
        let mut body = BytesMut::from(&*begun.concat());
        while let Some(piece) = response.chunk().await? {
            if (body.len() + piece.len()) as u64 > max {
                proxy.0.metrics.limit("relay.playlist");
                return Err(FetchError::BodyTooLarge(max).into());
            }
            body.extend_from_slice(&piece);
        }
        Ok(Self {
            body: body.freeze(),
            base,
            encoding,
        })
    }

    /// Without its compression.
    pub(super) fn decoded(self, proxy: &Proxy) -> Result<Self, Failure> {
        let max = proxy.0.config.playlist.as_u64();
        let decoded = playlist::decompress(&self.body, self.encoding.as_deref(), max);
        let decoded = decoded.map_err(|error| match error {
            DecodeError::TooLarge(_) => {
                proxy.0.metrics.limit("relay.playlist");
                FetchError::BodyTooLarge(max).into()
            }
            // Its words may be the upstream's.
            _ => Failure::upstream_is("upstream_encoding", "the upstream's encoding is broken"),
        });
        let body = match decoded? {
            Cow::Owned(body) => body.into(),
            Cow::Borrowed(_) => self.body.clone(),
        };
        Ok(Self {
            body,
            encoding: None,
            ..self
        })
    }
}

async fn in_time<T>(
    proxy: &Proxy,
    limit: Duration,
    exchange: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(limit, exchange).await {
        Ok(result) => result,
        Err(_) => {
            proxy.0.metrics.limit("relay.playlist_timeout");
            Err(FetchError::Timeout("relay.playlist_timeout").into())
        }
    }
}
