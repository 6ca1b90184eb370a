//! Recorded calls of plugins: kept as files, played back without a network,
//! mutated, and made from life.
//!
//! A case is what one call asked and got, hop by hop, with the site's settings,
//! the time, and the outcome that its author accepted. Playing it back runs the
//! built `.wasm` through everything that production has but the socket. It
//! knows no format of any site.
//!
//! Nothing is written before a [`scrub`] has gone over it.

mod bundle;
mod case;
mod diagnostics;
mod exchanges;
mod mutate;
mod outcome;
mod pretty;
mod record;
mod replay;
mod report;
mod scrub;
mod site_file;

pub use case::{CallKind, Case};
pub use diagnostics::{BundleInfo, Diagnostics, Failure, Pending};
pub use record::Recorded;
pub use replay::Stage;
pub use report::{Options, Report};
