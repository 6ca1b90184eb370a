//! Variables: a name of the playlist's own, one of the playlist above, and a
//! parameter of its own address, without which nothing is served.

use std::fmt::Write as _;

use http::StatusCode;

use super::{Asked, Found, LINE, TS};
use crate::cdn::playlist::date;

/// The parameter that every address of this kind must carry, with any value.
const TOKEN: &str = "token";

pub(super) fn variables(asked: &Asked<'_>) -> Option<Found> {
    if asked.parameter(TOKEN).is_none_or(str::is_empty) {
        return Some(Found::Refused(StatusCode::FORBIDDEN, "no token\n"));
    }
    match asked.path[..] {
        ["master.m3u8"] => {
            let mut text = format!(
                "#EXTM3U\n#EXT-X-VERSION:11\n#EXT-X-DEFINE:NAME=\"base\",VALUE=\"{}\"\n#EXT-X-DEFINE:NAME=\"name\",VALUE=\"segment\"\n#EXT-X-DEFINE:QUERYPARAM=\"{TOKEN}\"\n",
                asked.base
            );
            for one in asked.renditions() {
                asked.variant_line(&mut text, &one, "");
                let name = one.variant.name;
                let _ = writeln!(text, "{{$base}}{name}/index.m3u8?{TOKEN}={{${TOKEN}}}");
            }
            Some(Found::Playlist(text))
        }
        [quality, file] => {
            let one = asked.rendition(quality)?;
            if file == "index.m3u8" {
                let more = format!(
                    "#EXT-X-DEFINE:IMPORT=\"name\"\n#EXT-X-DEFINE:QUERYPARAM=\"{TOKEN}\"\n#EXT-X-DEFINE:NAME=\"tail\",VALUE=\"ts?{TOKEN}={{${TOKEN}}}\"\n"
                );
                return Some(asked.list(&more, |text, number| {
                    let _ = writeln!(
                        text,
                        "#EXT-X-PROGRAM-DATE-TIME:{}\n#EXTINF:{}.000,\n{{$name}}-{number}.{{$tail}}",
                        date(number * LINE.seconds),
                        LINE.seconds
                    );
                }));
            }
            let number = asked.number(LINE, file, "segment", "ts")?;
            Some(Found::Media(TS, one.looped.segment(number)))
        }
        _ => None,
    }
}
