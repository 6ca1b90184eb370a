//! What others subscribe to: a calendar for phones (RFC 5545), and for television
//! a list of channels (M3U) with a programme guide (XMLTV). Text made of the
//! schedule; nothing here knows who asks or what plays.

mod calendar;
mod channels;
mod line;
mod listings;
mod playlist;
#[cfg(test)]
mod sample;

use url::Url;

pub use calendar::{BadChoice, Choice, calendar};
pub use channels::{Channel, channels};
pub use listings::listings;
pub use playlist::playlist;

/// Where links lead. It has no `Debug`: there may be a token in it.
pub struct Base {
    root: String,
    /// `t/TOKEN/`, for apps that cannot log in.
    personal: String,
}

impl Base {
    /// `root` is where the page is, path prefix included. What apps ask for has
    /// `token` in its path, where there is one.
    pub fn new(root: &Url, token: Option<&str>) -> Self {
        Self {
            root: format!("{}/", root.as_str().trim_end_matches('/')),
            personal: token.map_or_else(String::new, |token| format!("t/{token}/")),
        }
    }

    /// The address of something that browsers show.
    fn page(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }

    /// The address of something that apps ask for.
    fn entry(&self, path: &str) -> String {
        format!("{}{}{path}", self.root, self.personal)
    }
}
