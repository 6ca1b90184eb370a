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
}
