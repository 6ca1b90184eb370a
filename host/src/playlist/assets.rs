//! Asset lists: what an interstitial plays, one after the other.

use url::Url;

use super::child::{ChildKind, Linker};
use super::json::{BadJson, Event, RewrittenJson, Walk, Writer, object, quote, string};
use super::problem::Limits;
use super::rewrite::UNUSABLE;

/// Puts a link in the place of the URI of every asset. One that has none is
/// unusable: a player goes on with the next.
pub fn asset_list(
    body: &[u8],
    base: &Url,
    limits: &Limits,
    linker: &mut dyn Linker,
) -> Result<RewrittenJson, BadJson> {
    let text = object(body)?;
    let mut walk = Walk::of(&text);
    let mut writer = Writer::new(&text, base, limits, linker);
    while let Some(event) = walk.next()? {
        match event {
            Event::Text(span) if walk.is_at(&["ASSETS", "[]", "URI"]) => {
                let uri = string(&text[span.clone()]).unwrap_or_default();
                let link = writer.link_to(ChildKind::AssetPlaylist, &uri)?;
                writer.replace(&span, &quote(link.as_deref().unwrap_or(UNUSABLE)))?;
            }
            Event::Text(span) | Event::Key(span) => writer.keep(&span)?,
            Event::Word | Event::Open | Event::Close => {}
        }
    }
    writer.finish()
}
