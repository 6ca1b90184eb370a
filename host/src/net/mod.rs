//! Egress: the only code that opens outbound sockets.
//!
//! Guests, relay, health and schedule all fetch through an [`Egress`], which
//! holds one [`Policy`] and one connection pool: a pooled connection is never
//! shared across policies. Every hop of a redirect is judged anew: the string,
//! the scheme, the port, the host's resolved addresses, the caller's own
//! [`Rules`]. The connection is made only to addresses that were judged.
//!
//! What a party exchanged can be noted on a [`Tape`], and a [`Replay`] can stand
//! in for the sockets; neither changes what is judged above it.
//!
//! Bounded by `[net]` of the configuration: time per phase and over all hops,
//! redirects, requests under way, per origin and class and in all, requests and
//! bytes a second per origin, lookups of names, size of URL and
//! header block. An origin that does not answer is left alone for a while. Bodies are bounded by whoever reads them.

mod address;
mod breaker;
mod client;
mod connect;
mod error;
mod guard;
mod jar;
mod lookups;
mod own;
mod patience;
mod places;
mod profile;
mod rate;
mod redirect;
mod request;
mod resolver;
mod response;
mod tape;

pub use address::AddressRules;
pub use client::{Egress, Net};
pub use error::FetchError;
pub use guard::{Denied, Policy};
pub use jar::Jar;
pub use lookups::{Names, SystemNames};
pub use places::Class;
pub use profile::{HeaderRule, InvalidHeader, Profile, check_header};
pub use request::{Plain, Request, Rules};
pub use response::{Response, retry_after};
pub use tape::{Answer, Exchange, Failure, Missed, Replay, Tape};
