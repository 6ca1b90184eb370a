//! The whole service against the simulated internet: a real listener, real
//! plugins, a real client. One binary, so that it links once.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]
#![allow(clippy::disallowed_methods, reason = "tests make clients of their own")]

mod admin;
mod alerts;
mod away;
mod breaker;
mod cases;
mod clients;
mod clients_kinds;
mod clients_wire;
mod command_line;
mod compile;
mod contract;
mod diagnostics;
mod egress;
mod files;
mod floods;
mod grants;
mod guests;
mod health;
mod hostile;
mod hostile_playlists;
mod hostile_urls;
mod house;
mod listener;
mod logins;
mod names;
mod origin;
mod playback;
mod plugins;
mod probes;
mod program;
mod relay;
mod removed;
mod rules;
mod schedule;
mod secrets;
mod service;
mod signer;
mod sites_b;
mod swaps;
mod trust;
mod viewers;
mod ways;
