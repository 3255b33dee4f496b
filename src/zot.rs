//! zot's own configuration, understood without zot: read, evaluated, linted and matched against releases.
//!
//! Everything here is pure: text goes in, values come out. It opens no file that a configuration names, so no
//! credential can pass through it, and it shares no code with zot, so that a disagreement between the two is news.

pub mod advisory;
pub(crate) mod api;
mod cel;
pub mod compare;
pub mod config;
mod decode;
mod duration;
mod enclosed;
pub mod expect;
pub mod format;
pub mod glob;
mod json;
pub mod lint;
mod number;
pub mod policy;
mod regex;
pub mod release;
pub(crate) mod schema;
mod start;
mod toml;
pub mod tree;
mod yaml;

pub use decode::NewKey;
pub use schema::NEWEST;
