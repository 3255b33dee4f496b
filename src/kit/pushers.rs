//! Everybody who is promised to push: a promise to several is proven for each.

use crate::check::context::Cx;
use crate::http::Client;

impl Cx {
    /// Everybody who is promised to push, by name, as `Need::Writer` promises: at least one.
    pub(crate) fn writers(&self) -> anyhow::Result<Vec<(&str, Client)>> {
        self.each(self.scenario().writers(), "no identity may create")
    }

    /// Everybody who may create and nothing more, by name, as `Need::Creator` promises: at least one.
    pub(crate) fn creators(&self) -> anyhow::Result<Vec<(&str, Client)>> {
        self.each(self.scenario().creators(), "no identity may create without update and delete")
    }

    /// Says that the identity which pushes for checks of one push came through.
    pub(crate) fn pushed_by_the_writer(&self) {
        self.proven(format!("pushed by {}", self.scenario().writer().unwrap_or_default()));
    }

    fn each<'a>(&'a self, names: Vec<&'a str>, none: &'static str) -> anyhow::Result<Vec<(&'a str, Client)>> {
        anyhow::ensure!(!names.is_empty(), none);
        names.into_iter().map(|name| Ok((name, self.identity(name)?))).collect()
    }
}
