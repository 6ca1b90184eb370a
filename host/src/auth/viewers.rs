//! The viewers' tokens: a file with a name and a token on each line.
//!
//! A token stands in URLs, so it has the letters of base64url; the name is for
//! the operator, to know whose line to delete. Several people may share one.

use std::path::Path;
use std::sync::Arc;

use super::token::{self, Sent, Token, TokenError};
use crate::files;

const MAX_FILE: u64 = 64 << 10;
const MAX_TOKENS: usize = 256;
/// 12 bytes in base64url: with `auth.attempts` nobody guesses it.
const MIN: usize = 16;
/// It is a part of a path.
const MAX: usize = 128;

/// What is on a first start's file.
const HEAD: &str = "# Who may watch: a name and a token on each line. A line that is deleted ends\n\
                    # that token, and the logins made with it. Tokens are 16 to 128 letters,\n\
                    # digits, - and _ (for one: openssl rand -hex 16).\n";

/// All that are valid.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ViewerTokens(Vec<(Arc<str>, Token)>);

/// Makes the file with one token for everybody, unless it is there.
pub(super) fn make(path: &Path) -> Result<(), TokenError> {
    let io = |error| TokenError::Io {
        path: path.to_owned(),
        error,
    };
    if path.exists() {
        return Ok(());
    }
    let text = format!("{HEAD}everybody {}\n", token::random().map_err(io)?);
    if files::create(path, text.as_bytes()).map_err(io)? {
        tracing::info!(path = %path.display(), "viewers' token made");
    }
    Ok(())
}

impl ViewerTokens {
    /// What the file says; without one there are none. Blocking.
    pub(super) fn open(path: &Path) -> Result<Self, TokenError> {
        match Self::read(path) {
            Err(error) if error.is_missing() => Ok(Self::default()),
            read => read,
        }
    }

    /// The same of a file that must be there: a mount that went away takes no
    /// login with it. Blocking.
    pub(super) fn read(path: &Path) -> Result<Self, TokenError> {
        let text = files::read(path, MAX_FILE).map_err(|error| TokenError::Io {
            path: path.to_owned(),
            error,
        })?;
        let wrong = |line, what| TokenError::Line {
            path: path.to_owned(),
            line,
            what,
        };
        let mut tokens: Vec<(Arc<str>, Token)> = Vec::new();
        for (line, text) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            let text = text.trim_ascii();
            if text.is_empty() || text.starts_with(b"#") {
                continue;
            }
            let text = std::str::from_utf8(text).map_err(|_| wrong(line, "is not UTF-8"))?;
            let mut words = text.split_ascii_whitespace();
            let (Some(name), Some(token), None) = (words.next(), words.next(), words.next()) else {
                return Err(wrong(line, "is not a name and a token"));
            };
            let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            if !(MIN..=MAX).contains(&token.len()) || !token.bytes().all(fits) {
                let what = "has a token that is not 16 to 128 letters, digits, - and _";
                return Err(wrong(line, what));
            }
            let token = Token::new(token.as_bytes());
            if tokens.iter().any(|(_, known)| *known == token) {
                return Err(wrong(line, "has a token that another line has, too"));
            }
            if tokens.len() == MAX_TOKENS {
                return Err(wrong(line, "is the token after the 256th"));
            }
            tokens.push((name.into(), token));
        }
        Ok(Self(tokens))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Token)> {
        self.0.iter().map(|(name, token)| (name, token))
    }

    pub(super) fn get(&self, sent: Sent) -> Option<&Token> {
        self.entry(sent).map(|(_, token)| token)
    }

    /// Whose it is.
    pub(super) fn find(&self, sent: Sent) -> Option<Arc<str>> {
        self.entry(sent).map(|(name, _)| name.clone())
    }

    /// Every one is compared, wherever the right one stands.
    fn entry(&self, sent: Sent) -> Option<&(Arc<str>, Token)> {
        let found = self.0.iter().filter(|(_, token)| token.is(sent));
        found.reduce(|_, later| later)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ViewerTokens, TokenError> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("viewers.tokens");
        std::fs::write(&path, text).expect("written");
        ViewerTokens::read(&path)
    }

    #[test]
    fn a_first_start_has_a_token_for_everybody_and_a_second_the_same() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("viewers.tokens");
        assert_eq!(ViewerTokens::open(&path).expect("no file").len(), 0);
        assert!(ViewerTokens::read(&path).is_err());
        make(&path).expect("made");
        let made = std::fs::read_to_string(&path).expect("read");
        let token = made.trim_end().rsplit(' ').next().expect("a token");
        let tokens = ViewerTokens::read(&path).expect("read");
        assert_eq!(
            tokens.find(Sent::new(token.as_bytes())).as_deref(),
            Some("everybody")
        );
        make(&path).expect("kept");
        assert_eq!(std::fs::read_to_string(&path).expect("read"), made);
    }

    #[test]
    fn a_line_is_a_name_and_a_token() {
        let tokens =
            read("# who\n\n anna  0123456789abcdef \r\ntv 0123456789-ABCDEF_").expect("two");
        assert_eq!(tokens.len(), 2);
        assert_eq!(
            tokens.find(Sent::new(b"0123456789abcdef")).as_deref(),
            Some("anna")
        );
        assert_eq!(
            tokens.find(Sent::new(b"0123456789-ABCDEF_")).as_deref(),
            Some("tv")
        );
        for other in [
            "",
            "0123456789abcde",
            "0123456789ABCDEF",
            "0123456789abcdef ",
        ] {
            assert!(
                tokens.find(Sent::new(other.as_bytes())).is_none(),
                "{other}"
            );
        }
        assert!(read("").expect("none").find(Sent::new(b"")).is_none());
    }

    #[test]
    fn what_is_no_token_is_named_by_its_line_and_not_repeated() {
        let same = "a 0123456789abcdef\nb 0123456789abcdef";
        let many: Vec<_> = (0..257).map(|n| format!("a {n:032}")).collect();
        let many = many.join("\n");
        let long = format!("a {}", "x".repeat(129));
        for (text, line) in [
            ("0123456789abcdef", 1),
            ("#\na 0123456789abcde", 2),
            ("a 0123456789abcdef b", 1),
            ("a 0123456789abcde/", 1),
            ("a 0123456789abcdeé", 1),
            (same, 2),
            (&many, 257),
            (&long, 1),
        ] {
            let refused = read(text).expect_err(text).to_string();
            assert!(refused.contains(&format!("line {line} ")), "{refused}");
            assert!(!refused.contains("0123456789"), "{refused}");
        }
    }
}
