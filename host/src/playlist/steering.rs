//! Content steering: which pathway (CDN) a player should take, and pathways made
//! from others by exchanging hosts.
//!
//! A player can't exchange the host of a link. So each clone is made here, from
//! what the multivariant playlist offers on its base pathway, and handed out as
//! the links of its single playlists. That needs their stable ids; a clone that
//! can't be told so is left out.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use url::{Url, form_urlencoded};

use super::child::{ChildKind, Linker, MediaKind};
use super::json::{BadJson, Event, RewrittenJson, Walk, Writer, object, quote, string};
use super::multivariant::Named;
use super::problem::{Limits, Problem};
use super::variables::Variables;

/// Pathways made from others. There are as many as CDNs.
const MOST_CLONES: usize = 16;

#[derive(Deserialize)]
struct Wanted {
    #[serde(rename = "BASE-ID")]
    base: String,
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "URI-REPLACEMENT")]
    replacement: Replacement,
}

#[derive(Deserialize)]
struct Replacement {
    #[serde(rename = "HOST")]
    host: Option<String>,
    #[serde(rename = "PARAMS", default)]
    params: BTreeMap<String, String>,
    #[serde(rename = "PER-VARIANT-URIS", default)]
    variants: BTreeMap<String, String>,
    #[serde(rename = "PER-RENDITION-URIS", default)]
    renditions: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Told {
    #[serde(rename = "BASE-ID")]
    base: String,
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "URI-REPLACEMENT")]
    replacement: Links,
}

#[derive(Default, Serialize)]
struct Links {
    #[serde(
        rename = "PER-VARIANT-URIS",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    variants: BTreeMap<String, String>,
    #[serde(
        rename = "PER-RENDITION-URIS",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    renditions: BTreeMap<String, String>,
}

/// A playlist of a pathway.
#[derive(Clone)]
struct Member {
    kind: ChildKind,
    stable_id: String,
    url: Url,
}

/// Puts links in the place of all URIs. `offered` is what the multivariant playlist
/// names that this document steers through, and `variables` what it defines.
///
/// Some players take no relative URI for a clone's playlist: links should be whole
/// URLs here.
pub fn steering(
    body: &[u8],
    base: &Url,
    offered: &[Named],
    variables: &Variables,
    limits: &Limits,
    linker: &mut dyn Linker,
) -> Result<RewrittenJson, BadJson> {
    let text = object(body)?;
    let mut walk = Walk::of(&text);
    let mut writer = Writer::new(&text, base, limits, linker);
    (writer.variables, _) = variables.within(limits.variables);
    while let Some(event) = walk.next()? {
        match event {
            Event::Key(_) if walk.is_at(&["PATHWAY-CLONES"]) => {
                let span = walk.value()?;
                let clones = clones(&text[span.clone()], offered, &mut writer)?;
                writer.replace(&span, &clones)?;
            }
            Event::Text(span) if walk.is_at(&["RELOAD-URI"]) => {
                let uri = string(&text[span.clone()]).unwrap_or_default();
                let link = writer.link_to(ChildKind::Steering, &uri)?;
                // Without one, a player asks again where it asked before.
                let link = link.map_or_else(|| "null".to_owned(), |link| quote(&link));
                writer.replace(&span, &link)?;
            }
            Event::Text(span) | Event::Key(span) => writer.keep(&span)?,
            Event::Word | Event::Open | Event::Close => {}
        }
    }
    writer.finish()
}

fn clones(text: &str, offered: &[Named], writer: &mut Writer<'_>) -> Result<String, BadJson> {
    let listed: Vec<serde_json::Value> = serde_json::from_str(text).unwrap_or_default();
    let mut pathways: BTreeMap<String, Vec<Member>> = BTreeMap::new();
    let mut told = Vec::new();
    for (i, clone) in listed.into_iter().enumerate() {
        let wanted = serde_json::from_value::<Wanted>(clone).ok();
        let made = match wanted.filter(|_| i < MOST_CLONES) {
            Some(clone) => {
                let base = pathways
                    .entry(clone.base.clone())
                    .or_insert_with(|| members(&clone.base, offered));
                let made = made(&clone.replacement, base, writer)?;
                made.map(|(links, members)| (clone, links, members))
            }
            None => None,
        };
        let Some((clone, replacement, members)) = made else {
            writer.problems.add(Problem::LostClone);
            continue;
        };
        pathways.insert(clone.id.clone(), members);
        told.push(Told {
            base: writer.clean(&clone.base).unwrap_or(clone.base),
            id: writer.clean(&clone.id).unwrap_or(clone.id),
            replacement,
        });
    }
    Ok(serde_json::to_string(&told).unwrap_or_else(|_| "[]".to_owned()))
}

/// The playlists of a pathway: its variants, and the renditions that these use.
/// None if one has no stable id.
fn members(pathway: &str, offered: &[Named]) -> Vec<Member> {
    let variants = offered.iter().filter(|named| named.pathway == pathway);
    let groups = variants.clone().flat_map(|named| &named.groups);
    let groups: HashSet<(MediaKind, &str)> =
        groups.map(|(kind, name)| (*kind, name.as_str())).collect();
    let used = |named: &&Named| match (named.kind, &named.group) {
        (ChildKind::Rendition(kind), Some(group)) => groups.contains(&(kind, group.as_str())),
        _ => false,
    };
    let variants = variants.filter(|named| match named.kind {
        ChildKind::Variant => true,
        // Players that know no clones of these keep what there is.
        ChildKind::IFrame => named.stable_id.is_some(),
        _ => false,
    });
    let all: Option<Vec<_>> = variants
        .chain(offered.iter().filter(used))
        .map(|named| {
            Some(Member {
                kind: named.kind,
                stable_id: named.stable_id.clone()?,
                url: named.url.clone(),
            })
        })
        .collect();
    all.filter(|all| all.iter().any(|member| member.kind == ChildKind::Variant))
        .unwrap_or_default()
}

/// A clone's links, and its playlists for clones of it; `None` if one of them
/// can't be told.
fn made(
    replacement: &Replacement,
    base: &[Member],
    writer: &mut Writer<'_>,
) -> Result<Option<(Links, Vec<Member>)>, BadJson> {
    let mut links = Links::default();
    let mut members = Vec::new();
    for member in base {
        let (given, put) = match member.kind {
            ChildKind::Rendition(_) => (&replacement.renditions, &mut links.renditions),
            _ => (&replacement.variants, &mut links.variants),
        };
        let url = match (given.get(&member.stable_id), &replacement.host) {
            (Some(uri), _) => writer.resolve(member.kind, uri),
            (None, Some(host)) => on_host(&member.url, host),
            (None, None) => Some(member.url.clone()),
        };
        let Some(mut url) = url else {
            return Ok(None);
        };
        set_params(&mut url, &replacement.params);
        let Some(link) = writer.link(member.kind, &url)? else {
            return Ok(None);
        };
        // One id for two playlists can't be told.
        let other = put.insert(member.stable_id.clone(), link.clone());
        if other.is_some_and(|other| other != link) {
            return Ok(None);
        }
        members.push(Member {
            url,
            ..member.clone()
        });
    }
    Ok(Some((links, members)).filter(|_| !base.is_empty()))
}

/// The same URL on another host, which may have a port.
fn on_host(url: &Url, host: &str) -> Option<Url> {
    let other = Url::parse(&format!("{}://{host}", url.scheme())).ok()?;
    let plain = other.path() == "/"
        && other.query().is_none()
        && other.fragment().is_none()
        && other.username().is_empty()
        && other.password().is_none();
    let mut url = url.clone();
    url.set_host(other.host_str().filter(|_| plain)).ok()?;
    if other.port().is_some() {
        url.set_port(other.port()).ok()?;
    }
    Some(url)
}

/// Each parameter stands once in the query then, at its end.
fn set_params(url: &mut Url, params: &BTreeMap<String, String>) {
    if params.is_empty() {
        return;
    }
    let is_other = |pair: &&str| {
        let mut parsed = form_urlencoded::parse(pair.as_bytes());
        let name = parsed.next().map(|(name, _)| name);
        !pair.is_empty() && name.is_none_or(|name| !params.contains_key(&*name))
    };
    let query = url.query().unwrap_or_default();
    let kept = query.split('&').filter(is_other);
    let kept: String = kept.flat_map(|pair| [pair, "&"]).collect();
    let end = kept.len();
    let query = form_urlencoded::Serializer::for_suffix(kept, end)
        .extend_pairs(params)
        .finish();
    url.set_query(Some(&query));
}
