//! The checks as tests for `cargo nextest run --test live`, each in a separate process.
//!
//! Only the program: `live/front_end.rs` is what it does, and `tests/it/cli` runs that too.

#[path = "live/front_end.rs"]
mod front_end;

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    ExitCode::from(front_end::run(&Arguments::from_args()))
}
