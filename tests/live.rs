//! The checks as tests for `cargo nextest run --test live`.
fn main() {}
