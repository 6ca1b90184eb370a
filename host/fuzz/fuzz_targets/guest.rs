//! Whatever a guest returns, says or keeps: it passes the one door without a panic,
//! and what comes out is within the limits, by the grammars, printable, and free of
//! the site's secrets.
//!
//! The first byte chooses what the guest does; in what follows 0xff stands between
//! texts.
#![no_main]

#[path = "../../src/config/mod.rs"]
#[allow(dead_code, unused_imports)]
mod config;
#[path = "../../src/files.rs"]
#[allow(dead_code)]
mod files;
#[path = "guest/log.rs"]
mod log;
#[path = "../../src/metrics.rs"]
#[allow(dead_code)]
mod metrics;
#[path = "../../src/net/mod.rs"]
#[allow(dead_code, unused_imports)]
mod net;
#[path = "guest/plugins.rs"]
#[allow(dead_code, unused_imports)]
mod plugins;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| plugins::pass(data));
