//! What the plugin host costs, beside wasmtime alone where there is a peer.
//!
//! Run by `cargo xtask bench plugins`. Figures are medians with their range;
//! nothing here passes or fails.
#![allow(clippy::print_stdout, reason = "its output is what it is for")]
#![allow(clippy::disallowed_methods, reason = "measures a service from outside")]

mod calls;
mod figures;
mod house;
#[path = "../../tests/it"]
#[allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    reason = "the tests' guests, few of which are used here"
)]
mod it {
    pub(crate) mod guests;
}

use anyhow::Result;

#[tokio::main]
async fn main() -> Result<()> {
    println!("{:<52} {:>10}   (range)", "one call", "median");
    calls::empty().await?;
    calls::fetches().await?;
    calls::memory().await?;
    for plugins in [1, 20, 200] {
        println!();
        println!("{:<52} {:>10}", format!("{plugins} plugins"), "");
        house::measure(plugins).await?;
    }
    Ok(())
}
