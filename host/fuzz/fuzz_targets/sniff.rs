//! Whatever the first bytes of a body are: they are judged without a panic, a
//! playlist is never taken for media, and packets are found only where they are.
#![no_main]

#[path = "../../src/media.rs"]
#[allow(dead_code)]
mod media;
#[path = "../../src/playlist/mod.rs"]
#[allow(dead_code, unused_imports)]
mod playlist;

use libfuzzer_sys::fuzz_target;
use media::{Content, ENOUGH, behind_picture, sniff};

fuzz_target!(|data: &[u8]| {
    let content = sniff(data);
    assert_eq!(
        content == Content::Playlist,
        playlist::is_playlist(data),
        "what the rewriter takes for a playlist is not handed out as another thing"
    );
    // More of the same resource does not make a page of media, or media of a page.
    if data.len() >= ENOUGH {
        let beginning = sniff(&data[..ENOUGH]);
        let markup = |content| matches!(content, Content::Markup | Content::Text);
        assert!(!(markup(content) && matches!(beginning, Content::Media(_))));
        assert!(!(markup(beginning) && matches!(content, Content::Media(_))));
    }
    if let Some(at) = behind_picture(data) {
        assert!(matches!(content, Content::Media(kind) if kind.starts_with("image/")));
        assert_eq!(sniff(&data[at..]), Content::Media("video/mp2t"));
    }
});
