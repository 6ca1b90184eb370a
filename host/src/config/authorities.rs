//! Certificates that one site trusts beside the built-in ones.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::text;

/// Certificates of authorities, as DER. `Debug` shows how many there are.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Authorities(Arc<[Vec<u8>]>);

/// Size of a `ca_file`: a whole system's bundle.
const MAX_FILE: u64 = 1024 * 1024;

// === impl Authorities ===

impl Authorities {
    /// All certificates of a file of PEM sections. What else is in it, such as a
    /// key, is not looked at.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let text = text::read_text(path, MAX_FILE).map_err(|error| error.to_string())?;
        let mut found = Vec::new();
        for (n, section) in (1..).zip(CertificateDer::pem_slice_iter(text.as_bytes())) {
            let bad = |why: &dyn fmt::Display| format!("its certificate {n} is none: {why}");
            let certificate = section.map_err(|error| bad(&error))?;
            webpki::anchor_from_trusted_cert(&certificate).map_err(|error| bad(&error))?;
            found.push(certificate.to_vec());
        }
        if found.is_empty() {
            return Err("holds no certificate in PEM".to_owned());
        }
        Ok(Self(found.into()))
    }

    /// Each as DER.
    pub fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(Vec::as_slice)
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorities({})", self.0.len())
    }
}
