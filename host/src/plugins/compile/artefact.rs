//! Compiled code that is taken back only from ourselves.
//!
//! Loading code runs it, so a file of it counts only with a MAC under the key
//! of this `cache_dir` over what it was made from (the component's digest) and
//! by (the engine's settings, this build of the host). The one place with
//! `unsafe` in the host.

use aws_lc_rs::hmac;
use wasmtime::component::Component;

use super::fingerprint;

const FORMAT: &[u8; 16] = b"f1-streams code1";
const TAG: usize = 32;
/// What stands before the code in a sealed file.
pub(super) const FRONT: usize = FORMAT.len() + TAG;

/// Who makes code here: the engine's settings and the build.
pub(super) struct Maker {
    engine: u64,
    build: String,
}

/// Code that this host made, or that carries its MAC.
pub(super) struct Made<'a>(&'a [u8]);

impl Maker {
    pub(super) fn new(engine: &wasmtime::Engine, build: &str) -> Self {
        Self {
            engine: fingerprint(engine),
            build: build.to_owned(),
        }
    }

    /// Fresh from the compiler.
    pub(super) fn made<'a>(&self, code: &'a [u8]) -> Made<'a> {
        Made(code)
    }

    /// The code in `sealed`, if this host made it from the component `digest`.
    pub(super) fn open<'a>(
        &self,
        key: &hmac::Key,
        digest: &str,
        sealed: &'a [u8],
    ) -> Option<Made<'a>> {
        let rest = sealed.strip_prefix(FORMAT)?;
        let (tag, code) = rest.split_at_checked(TAG)?;
        let expected = self.tag(key, digest, code);
        aws_lc_rs::constant_time::verify_slices_are_equal(tag, expected.as_ref()).ok()?;
        Some(Made(code))
    }

    /// Makes a file's content of code that has [`FRONT`] bytes of room before
    /// it: there may be much of it.
    pub(super) fn seal(&self, key: &hmac::Key, digest: &str, file: &mut [u8]) {
        let (front, code) = file.split_at_mut(FRONT);
        let tag = self.tag(key, digest, code);
        front[..FORMAT.len()].copy_from_slice(FORMAT);
        front[FORMAT.len()..].copy_from_slice(tag.as_ref());
    }

    fn tag(&self, key: &hmac::Key, digest: &str, code: &[u8]) -> hmac::Tag {
        let mut mac = hmac::Context::with_key(key);
        mac.update(FORMAT);
        mac.update(&self.engine.to_le_bytes());
        // With their lengths, so that nothing moves from one to the next.
        for part in [self.build.as_bytes(), digest.as_bytes(), code] {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac.sign()
    }
}

impl Made<'_> {
    /// `None`: not for this engine.
    #[allow(unsafe_code, reason = "the one place that takes compiled code back")]
    pub(super) fn load(&self, engine: &wasmtime::Engine) -> Option<Component> {
        // SAFETY: `deserialize` must get what `precompile_component` of a like
        // engine returned, unchanged. A `Made` is only built from a pipe of
        // the child that runs our own program, or from bytes whose MAC this
        // host's key made over them; wasmtime itself checks version and
        // settings. The bytes are copied into memory of the engine's own, so
        // nobody changes them later.
        unsafe { Component::deserialize(engine, self.0) }.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_this_host_made_from_this_component_opens() {
        let engine = wasmtime::Engine::default();
        let maker = Maker::new(&engine, "1.0 a");
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[1; 32]);
        let mut sealed = [&[0; FRONT][..], b"code"].concat();
        maker.seal(&key, "d1", &mut sealed);
        assert!(maker.open(&key, "d1", &sealed).is_some());
        assert!(maker.open(&key, "d2", &sealed).is_none(), "another file's");
        let other = hmac::Key::new(hmac::HMAC_SHA256, &[2; 32]);
        assert!(maker.open(&other, "d1", &sealed).is_none(), "another key");
        let later = Maker::new(&engine, "1.0 b");
        assert!(later.open(&key, "d1", &sealed).is_none(), "another build");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(maker.open(&key, "d1", &changed).is_none(), "byte {at}");
            assert!(maker.open(&key, "d1", &sealed[..at]).is_none(), "cut {at}");
        }
    }
}
