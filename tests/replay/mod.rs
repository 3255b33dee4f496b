//! Parts of the replay of recordings, by idea.

pub mod browser;
pub mod compare;
