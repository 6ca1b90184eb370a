//! What viewers share, and what each of them gets of it: the relay against
//! origins made by hand ([`crate::origin`]).

mod content;
mod cors;
mod faults;
mod front;
mod latency;
mod places;
mod playlists;
mod ranges;
mod renditions;
mod sharing;

use f1_streams::proxy::Kind;
use reqwest::{Response, StatusCode};

use crate::house::House;
use crate::origin::{Origin, sealed};

/// A GET with these header fields.
async fn ask(house: &House, path: &str, fields: &[(&str, &str)]) -> Response {
    let request = house.client.get(format!("{}{path}", house.base));
    let add = |request: reqwest::RequestBuilder, (name, value): &(&str, &str)| {
        request.header(*name, *value)
    };
    fields.iter().fold(request, add).send().await.unwrap()
}

fn segment(house: &House, origin: &Origin) -> String {
    sealed(house, Kind::Segment, &origin.url("/a.ts"))
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap())
}

/// The body of a good answer.
async fn body(response: Response) -> Vec<u8> {
    assert!(response.status().is_success(), "{}", response.status());
    response.bytes().await.unwrap().to_vec()
}

/// The status and the error code of an answer.
async fn refusal(response: Response) -> (StatusCode, String) {
    let status = response.status();
    let body: serde_json::Value =
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default();
    let code = body["error"]["code"].as_str().unwrap_or_default();
    (status, code.to_owned())
}
