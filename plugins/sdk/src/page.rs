//! HTML, read with CSS selectors. A miss names the selector and becomes
//! `layout-changed` by `?`. The parser takes any text: there is no HTML that it
//! refuses, and of a page of hostile size it takes the beginning.

mod bound;

use scraper::{ElementRef, Html, Selector};
use url::Url;

use crate::{Error, Json, decode, layout_changed};

/// A parsed page and the address it came from.
#[derive(Debug)]
pub struct Page {
    url: String,
    html: Html,
}

impl Page {
    /// A page from its text; `url` is what its relative links are joined to.
    #[must_use]
    pub fn parse(url: &str, text: &str) -> Self {
        Self {
            url: url.into(),
            html: Html::parse_document(bound::affordable(text)),
        }
    }

    /// The first element that matches.
    ///
    /// # Errors
    /// `layout-changed` with the selector where none does.
    pub fn one(&self, selector: &str) -> Result<Element<'_>, Error> {
        first(self.all(selector)?, selector)
    }

    /// Every element that matches, in document order; none is no error.
    ///
    /// # Errors
    /// `other` where the selector itself is wrong.
    pub fn all(&self, selector: &str) -> Result<Vec<Element<'_>>, Error> {
        let parsed = parse(selector)?;
        let elements = self.html.select(&parsed);
        Ok(elements
            .map(|element| Element::new(element, selector))
            .collect())
    }

    /// The text of the first inline script that contains `needle`.
    ///
    /// # Errors
    /// `layout-changed` where none does.
    pub fn script(&self, needle: &str) -> Result<String, Error> {
        self.all("script")?
            .iter()
            .map(Element::text)
            .find(|text| text.contains(needle))
            .ok_or_else(|| layout_changed(format!("script with {needle}")))
    }

    /// The JSON that an inline script assigns to `name`: `window.name = {…}`,
    /// also through `JSON.parse("…")`.
    ///
    /// # Errors
    /// `layout-changed` where no script does.
    pub fn assigned(&self, name: &str) -> Result<Json<'static>, Error> {
        let scripts = self.all("script")?;
        let texts = scripts.iter().map(Element::text);
        texts
            .filter(|text| text.contains(name))
            .find_map(|text| decode::json_assigned(&text, name).ok())
            .map(|value| Json::new(&format!("script's {name}"), value))
            .ok_or_else(|| layout_changed(format!("script's {name}")))
    }

    /// Every JSON-LD object in the page, those in lists and in an `@graph`
    /// singly. What is no JSON is passed over, as search engines do.
    #[must_use]
    pub fn json_ld(&self) -> Vec<Json<'static>> {
        let scripts = self.all("script[type='application/ld+json']");
        let mut found = Vec::new();
        for script in scripts.unwrap_or_default() {
            let Ok(document) = script.json() else {
                continue;
            };
            let value = document.value();
            let listed = value.get("@graph").unwrap_or(value).as_array();
            let single = listed.is_none().then_some(value);
            let objects = listed.into_iter().flatten().chain(single);
            found.extend(objects.map(|object| Json::new("JSON-LD", object.clone())));
        }
        found
    }

    /// What `<meta property="…">` or `<meta name="…">` says.
    #[must_use]
    pub fn meta(&self, name: &str) -> Option<&str> {
        let named = |element: &Element<'_>| {
            ["property", "name", "itemprop"]
                .iter()
                .any(|key| element.attr(key).is_ok_and(|value| value == name))
        };
        let elements = self.all("meta[content]").unwrap_or_default();
        let element = elements.into_iter().find(named)?;
        element.attr("content").ok()
    }

    /// Its address, after redirects.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// An address in the page, made absolute as a browser does.
    ///
    /// # Errors
    /// `layout-changed` where it is no address.
    pub fn join(&self, link: &str) -> Result<String, Error> {
        join(&self.url, link)
    }
}

/// One element of a [`Page`].
#[derive(Clone, Debug)]
pub struct Element<'p> {
    element: ElementRef<'p>,
    place: String,
}

fn parse(selector: &str) -> Result<Selector, Error> {
    Selector::parse(selector)
        .map_err(|_| Error::Other(format!("the plugin's selector is wrong: {selector}")))
}

fn first<'p>(elements: Vec<Element<'p>>, place: &str) -> Result<Element<'p>, Error> {
    let mut elements = elements.into_iter();
    elements.next().ok_or_else(|| layout_changed(place))
}

impl<'p> Element<'p> {
    fn new(element: ElementRef<'p>, place: &str) -> Self {
        Self {
            element,
            place: place.into(),
        }
    }

    /// The first element inside that matches.
    ///
    /// # Errors
    /// `layout-changed` with both selectors where none does.
    pub fn one(&self, selector: &str) -> Result<Element<'p>, Error> {
        let place = format!("{} {selector}", self.place);
        first(self.all(selector)?, &place)
    }

    /// Every element inside that matches, in document order.
    ///
    /// # Errors
    /// `other` where the selector itself is wrong.
    pub fn all(&self, selector: &str) -> Result<Vec<Element<'p>>, Error> {
        let parsed = parse(selector)?;
        let place = format!("{} {selector}", self.place);
        let elements = self.element.select(&parsed);
        Ok(elements
            .map(|element| Element::new(element, &place))
            .collect())
    }

    /// An attribute's value.
    ///
    /// # Errors
    /// `layout-changed` naming selector and attribute where it is missing.
    pub fn attr(&self, name: &str) -> Result<&'p str, Error> {
        self.element
            .attr(name)
            .ok_or_else(|| layout_changed(format!("{} [{name}]", self.place)))
    }

    /// All text inside.
    #[must_use]
    pub fn text(&self) -> String {
        self.element.text().collect()
    }

    /// Its text as JSON, as in `<script type="application/json">`.
    ///
    /// # Errors
    /// `layout-changed` naming the selector where it is none.
    pub fn json(&self) -> Result<Json<'static>, Error> {
        Json::parse(&format!("JSON in {}", self.place), self.text())
    }

    /// An attribute's value as JSON.
    ///
    /// # Errors
    /// `layout-changed` naming selector and attribute where it is missing or no
    /// JSON.
    pub fn json_attr(&self, name: &str) -> Result<Json<'static>, Error> {
        Json::parse(
            &format!("JSON in {} [{name}]", self.place),
            self.attr(name)?,
        )
    }
}

pub(crate) fn join(base: &str, link: &str) -> Result<String, Error> {
    Ok(Url::parse(base)?.join(link)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Page {
        Page::parse(
            "http://site.test/a/b?c#d",
            "<meta name=csrf-token content='t&amp;1'><div id=player data-event=e>Live <b>now</b></div>\
             <script>var a=1</script><script>var b=2</script>",
        )
    }

    #[test]
    fn a_miss_names_the_place() {
        let page = page();
        assert_eq!(page.one("#gone").map(|_| ()), Err(layout_changed("#gone")));
        assert_eq!(
            page.one("#player")
                .and_then(|div| div.attr("data-x").map(String::from)),
            Err(layout_changed("#player [data-x]"))
        );
        assert_eq!(
            page.script("var c"),
            Err(layout_changed("script with var c"))
        );
        assert!(matches!(page.one("##"), Err(Error::Other(_))));
    }

    #[test]
    fn elements_attributes_and_text() {
        let page = page();
        let token = page
            .one("meta[name=csrf-token]")
            .and_then(|meta| meta.attr("content"));
        assert_eq!(token, Ok("t&1"));
        assert_eq!(
            page.one("#player").map(|div| div.text()),
            Ok("Live now".into())
        );
        assert_eq!(page.all("script").map(|all| all.len()), Ok(2));
        assert_eq!(
            page.one("script").map(|one| one.text()),
            Ok("var a=1".into())
        );
        assert_eq!(page.script("var b"), Ok("var b=2".into()));
    }

    #[test]
    fn elements_inside_of_elements() {
        let page = Page::parse(
            "http://site.test/",
            "<form id=a><input name=q></form><form id=b><p><input name=user><input type=password></form>",
        );
        let form = page.one("form:has([type=password])").expect("there");
        assert_eq!(form.attr("id"), Ok("b"));
        assert_eq!(form.all("input").map(|all| all.len()), Ok(2));
        assert_eq!(
            form.one("input").and_then(|input| input.attr("name")),
            Ok("user")
        );
        assert_eq!(
            form.one("select").map(drop),
            Err(layout_changed("form:has([type=password]) select"))
        );
        assert!(matches!(form.all("##"), Err(Error::Other(_))));
    }

    #[test]
    fn data_in_scripts_and_attributes() {
        let page = Page::parse(
            "http://site.test/",
            r#"<meta property="og:video" content="/v.mp4"><meta name=robots content=none>
            <script id="__NEXT_DATA__" type="application/json">{"props":{"url":"a"}}</script>
            <script>var x; window.__STATE__ = {"url":"b"};</script>
            <script type="application/ld+json">{"@graph":[{"@type":"VideoObject","n":1},{"n":2}]}</script>
            <script type="application/ld+json">[{"n":3}]</script>
            <script type="application/ld+json">{"n":4}</script>
            <script type="application/ld+json">no JSON</script>
            <div id=app data-page="{&quot;url&quot;:&quot;c&amp;d&quot;}"></div>"#,
        );
        let text = |json: Result<Json<'_>, Error>, pointer: &str| {
            json.and_then(|json| Ok(json.at(pointer)?.text()?.to_owned()))
        };
        let next = page.one("#__NEXT_DATA__").and_then(|script| script.json());
        assert_eq!(text(next, "/props/url"), Ok("a".into()));
        assert_eq!(text(page.assigned("__STATE__"), "/url"), Ok("b".into()));
        let app = page.one("#app").expect("there");
        assert_eq!(text(app.json_attr("data-page"), "/url"), Ok("c&d".into()));
        let numbers: Vec<_> = page
            .json_ld()
            .iter()
            .filter_map(|object| object.maybe("/n")?.number().ok())
            .collect();
        assert_eq!(numbers, [1, 2, 3, 4]);
        assert_eq!(page.meta("og:video"), Some("/v.mp4"));
        assert_eq!(page.meta("robots"), Some("none"));
        assert_eq!(page.meta("og:title"), None);
        assert_eq!(
            page.assigned("__GONE__").map(drop),
            Err(layout_changed("script's __GONE__"))
        );
        assert_eq!(app.json().map(drop), Err(layout_changed("JSON in #app")));
        assert_eq!(
            text(app.json_attr("data-page"), "/gone"),
            Err(layout_changed("JSON in #app [data-page]: /gone"))
        );
    }

    #[test]
    fn links_join_as_in_a_browser() {
        let page = page();
        for (link, expected) in [
            ("x", "http://site.test/a/x"),
            ("/api?q=1", "http://site.test/api?q=1"),
            (" //other.test/y ", "http://other.test/y"),
            ("https://z.test", "https://z.test/"),
        ] {
            assert_eq!(page.join(link), Ok(expected.into()));
        }
        assert!(matches!(page.join("http://"), Err(Error::LayoutChanged(_))));
    }

    #[test]
    fn cut_and_deeply_nested_pages_are_misses_not_panics() {
        for text in ["", "<div id=pla", "\u{0}<", &"<div>".repeat(20_000)] {
            let page = Page::parse("http://site.test/", text);
            assert_eq!(
                page.one("#player").map(|_| ()),
                Err(layout_changed("#player"))
            );
        }
    }
}
