//! The list of channels for television apps: M3U with the attributes that Kodi's
//! IPTV Simple, TiviMate, Jellyfin and VLC read. Fixed channels and fixed
//! addresses: nothing that comes from a site is in it.

use std::fmt::Write as _;

use super::Base;
use super::channels::Channel;

/// The list; the guide it names is [`super::listings()`].
pub fn playlist(channels: &[Channel], base: &Base) -> String {
    let guide = base.entry("epg.xml");
    // Kodi reads x-tvg-url, others url-tvg.
    let mut text = format!("#EXTM3U url-tvg=\"{guide}\" x-tvg-url=\"{guide}\"\n");
    let logo = base.page("favicon.svg");
    for channel in channels {
        let Channel {
            number,
            slot,
            id,
            name,
        } = channel;
        // Where Kodi compares names it has underscores for spaces.
        let underscored = name.replace(' ', "_");
        let url = base.entry(&format!("channels/{slot}/master.m3u8"));
        let _ = writeln!(
            text,
            "#EXTINF:-1 tvg-id=\"{id}\" tvg-name=\"{underscored}\" tvg-chno=\"{number}\" \
             tvg-logo=\"{logo}\" group-title=\"Formula 1\",{name}\n{url}"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::channels;
    use super::*;

    #[test]
    fn each_channel_has_its_address_with_prefix_and_token() {
        let root = "https://tv.example/f1/".parse().expect("a URL");
        let text = playlist(&channels(2), &Base::new(&root, Some("abc")));
        assert_eq!(
            text,
            "#EXTM3U url-tvg=\"https://tv.example/f1/t/abc/epg.xml\" \
             x-tvg-url=\"https://tv.example/f1/t/abc/epg.xml\"\n\
             #EXTINF:-1 tvg-id=\"f1.1\" tvg-name=\"F1_Best\" tvg-chno=\"1\" \
             tvg-logo=\"https://tv.example/f1/favicon.svg\" group-title=\"Formula 1\",F1 Best\n\
             https://tv.example/f1/t/abc/channels/best/master.m3u8\n\
             #EXTINF:-1 tvg-id=\"f1.2\" tvg-name=\"F1_2\" tvg-chno=\"2\" \
             tvg-logo=\"https://tv.example/f1/favicon.svg\" group-title=\"Formula 1\",F1 2\n\
             https://tv.example/f1/t/abc/channels/2/master.m3u8\n"
        );
    }
}
