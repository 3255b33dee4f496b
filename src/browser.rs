//! One browser session over WebDriver: start, open, log in, look, always end.
//!
//! Credentials are typed only into a page of the issuer's origin. No browser outlives its session: not after a failure, a
//! panic, a time-out or an interrupt. Nothing here decides a verdict.

mod driver;
mod form;
mod picture;
mod session;
mod totp;

pub(crate) use driver::kill_all;
pub(crate) use form::Login;
pub(crate) use session::{Browser, CookieSeen, Fetched};

/// Why the browser could not do what was asked. Never holds a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BrowserError {
    #[error("cannot start {program}: {reason}. {remedy}")]
    Start { program: String, reason: String, remedy: &'static str },
    #[error("the browser did not {what} in time")]
    Time { what: String },
    #[error("the WebDriver failed to {what}: {reason}")]
    Driver { what: String, reason: String },
    #[error("the login page is on {origin}, not on the provider's {issuer}: nothing was typed into it")]
    ForeignPage { origin: String, issuer: String },
    #[error("the page shows a secret: no picture was kept")]
    Secret,
    #[error("the provider refused the login: {said}")]
    Refused { said: String },
    #[error("the provider does not let this user in: {said}")]
    Denied { said: String },
    #[error(
        "the provider wants to set something up for this account ({what}): nothing was clicked, nothing typed{}",
        quoted(said)
    )]
    SetUp { what: String, said: String },
    #[error("the login page asks for something that a machine must not answer: {what}")]
    Stage { what: String },
}

/// The page's words, behind what is said of it.
fn quoted(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(". The page says: {said}") }
}
