//! The part of the room that judges URLs.

#[path = "../../../src/net/address.rs"]
mod address;
#[path = "../../../src/net/guard.rs"]
mod guard;

pub(crate) use address::AddressRules;
pub(crate) use guard::Policy;

use url::Url;

/// Where a redirect leads that the guard lets through.
pub(crate) fn follow(policy: &Policy, base: &Url, location: &str) -> Option<Url> {
    let url = guard::follow(base, location).ok()?;
    policy.judge(&url).is_ok().then_some(url)
}
