//! f1-streams: finds live streams on the sites its operator may use, proves
//! that they play, and plays them through its own proxy.
//!
//! ARCHITECTURE.md draws the rooms; dependencies point downwards only:
//! `cli → api → auth, proxy, extraction, health → alerts, cases, schedule, catalog, plugins →
//! playlist, net → config, clock`.

mod answer;
mod files;
pub mod media;

pub mod alerts;
pub mod api;
pub mod app;
pub mod auth;
pub mod cases;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod config;
pub mod extraction;
pub mod guide;
pub mod health;
pub mod log;
pub mod metrics;
pub mod net;
pub mod playlist;
pub mod plugins;
pub mod proxy;
pub mod schedule;
pub mod server;
