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
    // More of the same resource does not make text of a medium, or a medium of
    // text; subtitles are text, behind however much blank.
    if data.len() >= ENOUGH {
        let is_text = |content| match content {
            Content::Markup | Content::Text => Some(true),
            Content::Media(kind) => Some(kind.starts_with("text/")),
            _ => None,
        };
        let (beginning, all) = (is_text(sniff(&data[..ENOUGH])), is_text(content));
        assert!(beginning.is_none() || all.is_none() || beginning == all);
    }
    if let Some(at) = behind_picture(data) {
        assert!(matches!(content, Content::Media(kind) if kind.starts_with("image/")));
        assert_eq!(sniff(&data[at..]), Content::Media("video/mp2t"));
    }
});
