//! The comparison against brute force: every name up to a length, every client, every action, asked of the evaluator.

mod brute;
mod by_hand;
mod mutants;
mod random;
