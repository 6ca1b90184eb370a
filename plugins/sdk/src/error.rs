//! How what goes wrong in a plugin becomes the contract's `extract-error`.
//!
//! The case drives the host's policy (back off, mark as broken, ask the
//! operator), so every conversion chooses the case, and the message only
//! explains it. Messages can quote a hostile page: they are cut to
//! [`MAX_MESSAGE`] characters.

use crate::Error;
use crate::bindings::f1_streams::extractor::http;
use crate::decode::DecodeError;

/// Enough to find the place in a page, too little to carry a page.
const MAX_MESSAGE: usize = 200;

/// The page no longer has the expected shape at `place`.
#[must_use]
pub fn layout_changed(place: impl AsRef<str>) -> Error {
    Error::LayoutChanged(cut(place.as_ref()))
}

/// The operator's configuration is missing or wrong: `what`.
#[must_use]
pub fn bad_config(what: impl AsRef<str>) -> Error {
    Error::BadConfig(cut(what.as_ref()))
}

pub(crate) fn cut(message: &str) -> String {
    match message.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

impl From<http::Error> for Error {
    fn from(error: http::Error) -> Self {
        use http::Error as E;
        match error {
            // Only the operator can grant a host.
            E::Denied(why) => bad_config(format!("the host refused the request: {why}")),
            // The plugin's own doing: nothing an operator or the site can mend.
            E::InvalidRequest(why) => Self::Other(cut(&format!("invalid request: {why}"))),
            E::BudgetExhausted => Self::Other("the call's request budget is used up".into()),
            E::BodyTooLarge(limit) => Self::Other(format!("body is larger than {limit} bytes")),
            E::Dns => Self::Network("name does not resolve".into()),
            E::Connect => Self::Network("connection failed".into()),
            E::Tls(why) => Self::Network(cut(&format!("TLS: {why}"))),
            E::Timeout => Self::Network("timed out".into()),
            E::TooManyRedirects => Self::Network("too many redirects".into()),
            E::Protocol(why) => Self::Network(cut(&format!("protocol: {why}"))),
        }
    }
}

impl From<DecodeError> for Error {
    fn from(error: DecodeError) -> Self {
        layout_changed(error.to_string())
    }
}

impl From<url::ParseError> for Error {
    fn from(error: url::ParseError) -> Self {
        layout_changed(format!("URL: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transport_trouble_is_network_and_a_refusal_is_the_operators() {
        for (from, network) in [
            (http::Error::Dns, true),
            (http::Error::Connect, true),
            (http::Error::Timeout, true),
            (http::Error::Tls("expired".into()), true),
            (http::Error::Protocol("short".into()), true),
            (http::Error::TooManyRedirects, true),
            (http::Error::BudgetExhausted, false),
            (http::Error::BodyTooLarge(9), false),
            (http::Error::InvalidRequest("no host".into()), false),
        ] {
            let to = Error::from(from.clone());
            assert_eq!(matches!(to, Error::Network(_)), network, "{from:?} {to:?}");
        }
        assert_eq!(
            Error::from(http::Error::Denied("not granted".into())),
            Error::BadConfig("the host refused the request: not granted".into())
        );
    }

    #[test]
    fn a_message_is_cut_at_a_character() {
        let Error::LayoutChanged(place) = layout_changed("é".repeat(5000)) else {
            panic!("layout-changed expected");
        };
        assert_eq!(place.chars().count(), MAX_MESSAGE + 1);
        assert_eq!(
            layout_changed("#player"),
            Error::LayoutChanged("#player".into())
        );
    }
}
