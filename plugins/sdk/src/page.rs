//! HTML, read with CSS selectors. A miss names the selector and becomes
//! `layout-changed` by `?`. The parser takes any bytes: there is no HTML that
//! it refuses.

use scraper::{ElementRef, Html, Selector};
use url::Url;

use crate::{Error, layout_changed};

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
            html: Html::parse_document(text),
        }
    }

    /// The first element that matches.
    ///
    /// # Errors
    /// `layout-changed` with the selector where none does.
    pub fn one(&self, selector: &str) -> Result<Element<'_>, Error> {
        self.all(selector)?
            .into_iter()
            .next()
            .ok_or_else(|| layout_changed(selector))
    }

    /// Every element that matches, in document order; none is no error.
    ///
    /// # Errors
    /// `other` where the selector itself is wrong.
    pub fn all(&self, selector: &str) -> Result<Vec<Element<'_>>, Error> {
        let parsed = Selector::parse(selector)
            .map_err(|_| Error::Other(format!("the plugin's selector is wrong: {selector}")))?;
        let elements = self.html.select(&parsed).map(|element| Element {
            element,
            place: selector.into(),
        });
        Ok(elements.collect())
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

impl<'p> Element<'p> {
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
