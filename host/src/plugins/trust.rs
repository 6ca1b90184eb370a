//! Whether a file may become code: `plugins.trust`.
//!
//! Judged in the one pipeline that every file passes ([`super::load()`]), before
//! a byte of it is parsed: what the directory brings, what is uploaded, and the
//! copies of former versions, so that a stricter rule holds for those from the
//! next start on. A signature goes with its file's content wherever that goes.
//!
//! A signature says who made a file. It gives no permission, which is what
//! grants are for, and it does not say that there is no newer file: whoever can
//! write to the directory can put back an older one by the same signer. Pins
//! leave no such choice.
//!
//! Bounds: a signature is read to [`MAX_SIGNATURE`].

use std::collections::BTreeSet;
use std::sync::Arc;

use minisign_verify::{Error, PublicKey};

use crate::config;

/// What follows a plugin's file name in its signature's.
pub(crate) const SIGNATURE: &str = ".minisig";

/// minisign's own bounds: comments of 1,024 and 8,192 bytes, two short lines.
pub(crate) const MAX_SIGNATURE: u64 = 10 << 10;

/// A plugin's file as it was found.
#[derive(Clone, Debug)]
pub struct Content {
    /// All of it.
    pub bytes: Arc<[u8]>,
    /// What lies beside it, or came with it.
    pub signature: Signature,
}

/// A detached signature, not yet judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Signature {
    /// There is none, or none is asked for.
    #[default]
    Missing,
    /// A text that should be one.
    Text(Arc<str>),
    /// It cannot be read, and why.
    Unusable(String),
}

/// Why a file does not become code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// Its digest is not listed.
    #[error("its SHA-256 {0} is not in plugins.pins: add it there, or put a listed file in place")]
    Unpinned(String),
    /// No signature.
    #[error(
        "it is not signed, and plugins.trust is \"signed\": sign it with \
         `minisign -Sm {0}.wasm` and put {0}.wasm.minisig beside it, or upload both"
    )]
    Unsigned(String),
    /// A signature that cannot be read.
    #[error("its signature {0}.wasm.minisig cannot be used: {1}")]
    Unusable(String, String),
    /// One that was made the old way, over the file instead of its hash.
    #[error(
        "its signature is of minisign's legacy format: sign it with minisign 0.10 or newer, \
         without -l"
    )]
    Legacy,
    /// By somebody else.
    #[error("its signature is by none of plugins.signers")]
    Stranger,
    /// Of other bytes, or a comment that was changed.
    #[error(
        "its signature is not of this file: one of the two is older, of another plugin, or \
         changed; sign this file"
    )]
    Forged,
    /// The signer signed it as something else.
    #[error(
        "its signature's trusted comment does not name it: sign the file under the name {0}.wasm, \
         or with -t f1-streams:{0}"
    )]
    Misnamed(String),
}

/// The rule, as configured.
#[derive(Clone, Debug)]
pub(super) enum Trust {
    Any,
    Pinned(Arc<BTreeSet<String>>),
    Signed(Arc<[PublicKey]>),
}

impl Distrust {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unpinned(_) => "unpinned",
            Self::Unsigned(_) => "unsigned",
            _ => "signature",
        }
    }
}

impl Signature {
    /// What was read as one.
    pub fn new(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::Text(text.into()),
            Err(_) => Self::Unusable("it is not UTF-8".to_owned()),
        }
    }
}

impl From<Arc<[u8]>> for Content {
    fn from(bytes: Arc<[u8]>) -> Self {
        let signature = Signature::Missing;
        Self { bytes, signature }
    }
}

impl Trust {
    pub(super) fn new(config: &config::Plugins) -> Self {
        match config.trust {
            config::Trust::Any => Self::Any,
            config::Trust::Pinned => Self::Pinned(Arc::new(config.pins.iter().cloned().collect())),
            config::Trust::Signed => Self::Signed(config.signers.clone().into()),
        }
    }

    /// Whether `content` may become the plugin `key`; `digest` is its.
    pub(super) async fn judge(
        &self,
        key: &str,
        digest: &str,
        content: &Content,
    ) -> Result<(), Distrust> {
        match self {
            Self::Any => Ok(()),
            Self::Pinned(pins) if pins.contains(digest) => Ok(()),
            Self::Pinned(_) => Err(Distrust::Unpinned(digest.to_owned())),
            Self::Signed(signers) => {
                let (signers, key, content) = (signers.clone(), key.to_owned(), content.clone());
                let name = key.clone();
                // It hashes the whole file.
                let work = move || verify(&signers, &name, &content);
                let judged = tokio::task::spawn_blocking(work).await;
                judged.unwrap_or_else(|_| {
                    let why = "it could not be checked".to_owned();
                    Err(Distrust::Unusable(key, why))
                })
            }
        }
    }
}

fn verify(signers: &[PublicKey], key: &str, content: &Content) -> Result<(), Distrust> {
    let unusable = |why: &str| Distrust::Unusable(key.to_owned(), why.to_owned());
    let text = match &content.signature {
        Signature::Missing => return Err(Distrust::Unsigned(key.to_owned())),
        Signature::Unusable(why) => return Err(unusable(why)),
        Signature::Text(text) => text,
    };
    let signature = minisign_verify::Signature::decode(text)
        .map_err(|_| unusable("it is no minisign signature"))?;
    let mut why = Distrust::Stranger;
    for signer in signers {
        match signer.verify(&content.bytes, &signature, false) {
            Ok(()) if names(signature.trusted_comment(), key) => return Ok(()),
            Ok(()) => return Err(Distrust::Misnamed(key.to_owned())),
            // Another's.
            Err(Error::UnexpectedKeyId) => {}
            Err(Error::UnexpectedAlgorithm) => why = Distrust::Legacy,
            // Ids of keys are eight bytes that anybody may choose.
            Err(_) => why = Distrust::Forged,
        }
    }
    Err(why)
}

/// Whether a trusted comment is about the plugin `key`: as minisign writes it by
/// itself, or by hand. `describe` would refuse a component under another's name,
/// too, but only once its code ran.
fn names(comment: &str, key: &str) -> bool {
    comment.split_whitespace().any(|word| {
        let file = word.strip_prefix("file:");
        file.and_then(|file| file.strip_suffix(".wasm")) == Some(key)
            || word.strip_prefix("f1-streams:") == Some(key)
    })
}

#[cfg(test)]
#[path = "../../tests/it/signer.rs"]
mod signer;

#[cfg(test)]
mod tests {
    use super::signer::Signer;
    use super::*;

    const FILE: &[u8] = b"\0asm a component";

    fn public(signer: &Signer) -> PublicKey {
        PublicKey::from_base64(&signer.public()).expect("a public key")
    }

    fn judged(signers: &[PublicKey], bytes: &[u8], text: &str) -> Result<(), Distrust> {
        let content = Content {
            bytes: bytes.into(),
            signature: Signature::new(text.into()),
        };
        verify(signers, "a", &content)
    }

    #[test]
    fn only_a_signers_signature_of_these_bytes_under_this_name_counts() {
        let (ours, second, foreign) = (Signer::new(), Signer::new(), Signer::new());
        let signers = [public(&ours), public(&second)];
        let good = ours.sign(FILE, "timestamp:1\tfile:a.wasm\thashed");
        for text in [
            &good,
            &good.replace('\n', "\r\n"),
            &second.sign(FILE, "f1-streams:a"),
        ] {
            assert_eq!(judged(&signers, FILE, text), Ok(()), "{text}");
        }
        let mut changed = FILE.to_vec();
        changed[5] ^= 1;
        let misnamed = || Distrust::Misnamed("a".into());
        let by_ours = |bytes: &[u8], comment: &str| ours.sign(bytes, comment);
        let claimed = ours.claiming().sign(FILE, "file:a.wasm");
        let other_comment = good.replace("timestamp:1", "timestamp:2");
        let strangers = foreign.sign(FILE, "file:a.wasm");
        for (bytes, text, why) in [
            (&changed[..], &good, Distrust::Forged),
            (&FILE[1..], &good, Distrust::Forged),
            (FILE, &other_comment, Distrust::Forged),
            (FILE, &by_ours(b"another", "file:a.wasm"), Distrust::Forged),
            (FILE, &claimed, Distrust::Forged),
            (FILE, &strangers, Distrust::Stranger),
            (FILE, &by_ours(FILE, "file:b.wasm"), misnamed()),
            (FILE, &by_ours(FILE, "file:aa.wasm"), misnamed()),
            (FILE, &by_ours(FILE, "file:a.wasm.js"), misnamed()),
            (FILE, &by_ours(FILE, "f1-streams:ab"), misnamed()),
            (FILE, &by_ours(FILE, ""), misnamed()),
        ] {
            assert_eq!(judged(&signers, bytes, text), Err(why), "{text}");
        }
        let line = good.lines().next().expect("a line");
        for text in ["", "x", line, &good[..90]] {
            let refused = judged(&signers, FILE, text).expect_err("no signature");
            assert!(matches!(refused, Distrust::Unusable(..)), "{text:?}");
        }
        let missing = verify(&signers, "a", &Arc::<[u8]>::from(FILE).into());
        assert_eq!(missing, Err(Distrust::Unsigned("a".into())));
        assert!(matches!(Signature::new(vec![0xff]), Signature::Unusable(_)));
    }

    #[test]
    fn a_legacy_signature_is_refused_although_it_is_right() {
        let signer = Signer::new();
        let text = signer.sign_legacy(FILE, "file:a.wasm");
        let signature = minisign_verify::Signature::decode(&text).expect("a signature");
        let key = public(&signer);
        assert!(key.verify(FILE, &signature, true).is_ok(), "right");
        assert_eq!(judged(&[key], FILE, &text), Err(Distrust::Legacy));
    }

    /// Made by minisign itself, of a file of another name.
    #[test]
    fn what_minisign_signs_is_understood() {
        let key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
        let key = PublicKey::from_base64(key).expect("a public key");
        let text = "untrusted comment: signature from minisign secret key
RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=
trusted comment: timestamp:1633700835\tfile:test\tprehashed
wLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==
";
        let misnamed = Distrust::Misnamed("a".into());
        assert_eq!(
            judged(std::slice::from_ref(&key), b"test", text),
            Err(misnamed)
        );
        assert_eq!(judged(&[key], b"tests", text), Err(Distrust::Forged));
    }
}
