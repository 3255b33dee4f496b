//! Clients for one purpose alone: the private scratch repository, and exchanges that hold a token.

use std::sync::Arc;

use super::Cx;
use crate::http::guard::{Cleared, Guard};
use crate::http::recorder::Recorder;
use crate::http::{Client, Origin};
use crate::model::effect::Effect;

impl Cx {
    /// A client without credentials for another origin, whose exchanges leave no trace: they hold a token.
    pub(crate) fn unrecorded(&self, origin: Origin) -> anyhow::Result<Client> {
        let recorder = Recorder::blind(Arc::clone(&self.target.redactor));
        Client::new(&self.target.route, origin, "anonymous", None, Arc::clone(&self.guard), recorder)
    }

    /// A client of an identity that may write in the private scratch repository, and nowhere else.
    pub(crate) fn keeper(&self, name: &str) -> anyhow::Result<Client> {
        let scratch = self.scenario().repositories.private_scratch.clone();
        let guard = Guard { scratch, effect: Effect::Writes, cleared: Cleared::default(), ..(*self.guard).clone() };
        Ok(self.identity(name)?.guarded(guard))
    }
}
