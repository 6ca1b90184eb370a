//! One token: what proves that somebody is who a file says, kept as digests.

use std::path::{Path, PathBuf};

use aws_lc_rs::{digest, hmac, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

use crate::files;

/// Why a token file cannot be used. No error repeats what stands in it.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It cannot be read or made.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What failed.
        error: std::io::Error,
    },
    /// The admin's token is too easy to guess.
    #[error("{path}: the token is shorter than {ADMIN} characters")]
    Short {
        /// The file.
        path: PathBuf,
    },
    /// A line of the viewers' tokens is none.
    #[error("{path}: line {line} {what}")]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong.
        what: &'static str,
    },
}

impl TokenError {
    /// No file is there.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Io { error, .. } if error.kind() == std::io::ErrorKind::NotFound)
    }
}

/// Fewest characters of the admin's token: 24 bytes in base64url.
const ADMIN: usize = 32;

/// What a client sent as one, as a digest: of equal length whatever it was, so that
/// comparing tells nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sent([u8; 32]);

/// A token that is valid. Its text is not kept.
#[derive(Clone)]
pub(super) struct Token {
    digest: Sent,
    /// What its cookies are sealed with.
    key: hmac::Key,
    /// What its cookies say whose they are by.
    pub(super) id: [u8; 8],
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.is(other.digest)
    }
}

impl Sent {
    pub(super) fn new(text: &[u8]) -> Self {
        let digest = digest::digest(&digest::SHA256, text);
        Self(digest.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}

impl Token {
    pub(super) fn new(text: &[u8]) -> Self {
        let of = hmac::Key::new(hmac::HMAC_SHA256, text);
        let key = hmac::sign(&of, b"f1-streams login cookie");
        let name = hmac::sign(&of, b"f1-streams login cookie's token");
        let id = name.as_ref().first_chunk();
        Self {
            digest: Sent::new(text),
            key: hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()),
            id: *id.expect("HMAC-SHA-256 has 32 bytes"),
        }
    }

    pub(super) fn is(&self, sent: Sent) -> bool {
        self.digest.0.ct_eq(&sent.0).into()
    }

    pub(super) fn sign(&self, message: &[u8]) -> hmac::Tag {
        hmac::sign(&self.key, message)
    }

    pub(super) fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        hmac::verify(&self.key, message, tag).is_ok()
    }
}

/// 32 random bytes in base64url.
pub(super) fn random() -> std::io::Result<String> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|_| std::io::Error::other("no random numbers"))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Reads the admin's token, or makes it on first start.
pub(super) fn open_admin(path: &Path) -> Result<Token, TokenError> {
    let io = |error| TokenError::Io {
        path: path.to_owned(),
        error,
    };
    if !path.exists() {
        let text = format!("{}\n", random().map_err(io)?);
        if files::create(path, text.as_bytes()).map_err(io)? {
            tracing::info!(path = %path.display(), "admin token made");
        }
    }
    if files::is_exposed(path) {
        tracing::warn!(path = %path.display(), "others may read the admin's token: chmod 600");
    }
    let text = files::read(path, 4096).map_err(io)?;
    let token = text.trim_ascii();
    if token.len() < ADMIN {
        let path = path.to_owned();
        return Err(TokenError::Short { path });
    }
    Ok(Token::new(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_admins_token_is_made_once_and_a_short_one_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("admin.token");
        let first = open_admin(&path).expect("made");
        let text = std::fs::read_to_string(&path).expect("read");
        assert!(first.is(Sent::new(text.trim().as_bytes())));
        assert!(!first.is(Sent::new(b"another")));
        assert!(open_admin(&path).expect("read") == first);
        std::fs::write(&path, "short").expect("written");
        let refused = open_admin(&path).expect_err("too short");
        assert!(!refused.to_string().contains("short\n"), "{refused}");
        assert!(matches!(refused, TokenError::Short { .. }));
    }

    #[test]
    fn a_token_that_everybody_may_read_is_told_and_used() {
        use std::os::unix::fs::PermissionsExt;
        let (lines, _, _, _guard) = crate::log::tests::started("");
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("admin.token");
        open_admin(&path).expect("made");
        assert!(!lines.text().contains("chmod"), "{}", lines.text());
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(&path, open).expect("set");
        open_admin(&path).expect("read");
        let text = lines.text();
        let token = std::fs::read_to_string(&path).expect("read");
        assert!(
            text.contains("chmod 600") && !text.contains(token.trim()),
            "{text}"
        );
    }
}
