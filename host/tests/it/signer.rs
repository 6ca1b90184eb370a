//! Signs files as minisign does: Ed25519 over the file's BLAKE2b hash, and over
//! the signature with its trusted comment.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub(crate) struct Signer {
    keys: Ed25519KeyPair,
    id: [u8; 8],
}

impl Signer {
    pub(crate) fn new() -> Self {
        let mut id = [0; 8];
        aws_lc_rs::rand::fill(&mut id).expect("random numbers");
        Self::with(id)
    }

    /// Another key under the same id.
    pub(crate) fn claiming(&self) -> Self {
        Self::with(self.id)
    }

    fn with(id: [u8; 8]) -> Self {
        let keys = Ed25519KeyPair::generate().expect("a key pair");
        Self { keys, id }
    }

    /// The second line of a `minisign.pub`.
    pub(crate) fn public(&self) -> String {
        STANDARD.encode([b"Ed", &self.id[..], self.keys.public_key().as_ref()].concat())
    }

    /// A `.minisig`.
    pub(crate) fn sign(&self, bytes: &[u8], comment: &str) -> String {
        let hash = blake2b_simd::blake2b(bytes);
        self.text(*b"ED", hash.as_bytes(), comment)
    }

    /// As minisign before 0.10 did it: over the file itself.
    pub(crate) fn sign_legacy(&self, bytes: &[u8], comment: &str) -> String {
        self.text(*b"Ed", bytes, comment)
    }

    fn text(&self, algorithm: [u8; 2], signed: &[u8], comment: &str) -> String {
        let signature = self.keys.sign(signed);
        let global = self
            .keys
            .sign(&[signature.as_ref(), comment.as_bytes()].concat());
        format!(
            "untrusted comment: signature of a test\n{}\ntrusted comment: {comment}\n{}\n",
            STANDARD.encode([&algorithm, &self.id[..], signature.as_ref()].concat()),
            STANDARD.encode(global.as_ref()),
        )
    }
}
