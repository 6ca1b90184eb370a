//! What the plugin host costs, beside wasmtime alone where there is a peer.
//!
//! Run by `cargo xtask bench plugins`. Figures are medians with their range;
//! nothing here passes or fails.
#![allow(clippy::print_stdout, reason = "its output is what it is for")]
#![allow(clippy::disallowed_methods, reason = "measures a service from outside")]

mod calls;
mod figures;
#[path = "../../tests/it/guests.rs"]
#[allow(dead_code, clippy::unwrap_used, unreachable_pub)]
mod guests;
mod house;

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
