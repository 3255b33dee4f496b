//! What a check says of how much it proved.

use super::Cx;

impl Cx {
    /// How much of the promise was proven, in one line that every report shows beside the verdict, whatever that is.
    pub(crate) fn proven(&self, text: impl Into<String>) {
        self.found().proven = Some(text.into());
    }
}
