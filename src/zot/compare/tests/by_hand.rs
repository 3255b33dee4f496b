//! Hand-made pairs.
