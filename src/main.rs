//! The command line: parse, dispatch, print, exit. The only place that prints results or ends the process.
fn main() {}
