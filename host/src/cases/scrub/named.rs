//! Values with a name of their own, in documents that a site or a plugin
//! wrote: JSON, and `name=value` pairs. Nothing is built of them.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use url::form_urlencoded;

/// Calls `found` with each text of a JSON document and its field's name; items
/// of a list have the list's. Of what is no JSON, or cut, as far as it goes.
pub(super) fn json(text: &[u8], found: &mut dyn FnMut(&str, &str)) {
    if text.trim_ascii_start().starts_with(b"{") || text.trim_ascii_start().starts_with(b"[") {
        let mut document = serde_json::Deserializer::from_slice(text);
        let _ = Field { name: "", found }.deserialize(&mut document);
    }
}

/// Calls `found` with the name and value of each pair, decoded and, where that
/// is something else, as it stands.
pub(super) fn pairs(text: &str, found: &mut dyn FnMut(&str, &str)) {
    for pair in text.split('&') {
        for (name, value) in form_urlencoded::parse(pair.as_bytes()) {
            found(&name, &value);
            if let Some((_, raw)) = pair.split_once('=').filter(|(_, raw)| *raw != value) {
                found(&name, raw);
            }
        }
    }
}

/// Calls `found` with the pairs of each query and fragment that stands in `text`:
/// a URL, a page, a playlist.
pub(super) fn pairs_in(text: &str, found: &mut dyn FnMut(&str, &str)) {
    if !text.contains(['?', '&', '#']) {
        return;
    }
    let ends = |c: char| c.is_whitespace() || c.is_control() || "\"'`\\<>(){}".contains(c);
    // As it stands in a page, and in its scripts.
    let text = text.replace("&amp;", "&").replace("\\u0026", "&");
    for pair in text.replace("\\/", "/").split(['?', '&', '#']).skip(1) {
        pairs(pair.split(ends).next().unwrap_or_default(), found);
    }
}

struct Field<'f> {
    name: &'f str,
    found: &'f mut dyn FnMut(&str, &str),
}

impl<'de> DeserializeSeed<'de> for Field<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Field<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        (self.found)(self.name, text);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let (name, found) = (&*name, &mut *self.found);
            map.next_value_seed(Field { name, found })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let name = self.name;
        loop {
            let found = &mut *self.found;
            if items.next_element_seed(Field { name, found })?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_with_their_values_as_far_as_it_goes() {
        let text = br#" {"a":{"token":"t\n","n":1.5,"x":null},"keys":["k","l"],"b":true,"c":"cu"#;
        let mut all = Vec::new();
        json(text, &mut |name, value| all.push(format!("{name}={value}")));
        pairs("a=b%2Fc&d&e=f", &mut |name, value| {
            all.push(format!("{name}={value}"));
        });
        let expect = [
            "token=t\n",
            "keys=k",
            "keys=l",
            "a=b/c",
            "a=b%2Fc",
            "d=",
            "e=f",
        ];
        assert_eq!(all, expect);
    }

    #[test]
    fn the_pairs_of_urls_are_found_wherever_they_stand() {
        for (text, expect) in [
            ("https://a.example/b?c=d%2F&e=f#g=h", "c=d/ c=d%2F e=f g=h"),
            (r#"<a href="/?c=d&amp;e=f">c=d</a>?"#, "c=d e=f"),
            (r#"load('\/x?c=d\/e\u0026f=g', "?t="+t)"#, "c=d/e f=g"),
            ("url(x?c=d) #EXTM3U\n#EXT-X-KEY:URI=\"k?e=f\"", "c=d e=f"),
            ("c=d; e=f", ""),
        ] {
            let mut all = Vec::new();
            pairs_in(text, &mut |name, value| all.push(format!("{name}={value}")));
            all.retain(|pair| !pair.ends_with('='));
            assert_eq!(all.join(" "), expect, "{text}");
        }
    }
}
