//! Login sessions and pending logins of the registry, and the cookies that carry them.
//!
//! Identifiers are random and meaningless; what they stand for stays in memory.

use std::collections::BTreeMap;

use time::format_description::FormatItem;
use time::macros::format_description;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

pub(crate) const SESSION_COOKIE: &str = "session";
pub(crate) const STATE_COOKIE: &str = "state";
pub(crate) const ORIGIN_COOKIE: &str = "statecookie";
/// What zot sends where a session is not known.
pub(crate) const EXPIRED_SESSION: &str = "session=; Path=/; Expires=Tue, 10 Nov 2009 23:00:00 GMT; HttpOnly";
/// What zot sends at logout.
pub(crate) const REMOVED_SESSION: &str = "session=; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0";
/// What zot sends at every callback that carried a state cookie.
pub(crate) const REMOVED_STATE: &str = "state=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax";

const SESSION_SECONDS: i64 = 7200;
const STATE_SECONDS: i64 = 120;
/// Logins that nobody finishes, and sessions that nobody ends, must not fill the memory.
const MOST_OPEN: usize = 10_000;
const HTTP_DATE: &[FormatItem<'static>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// A login between the redirect and the callback.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) state: String,
    pub(crate) origin_cookie: String,
    pub(crate) callback_ui: String,
    started: OffsetDateTime,
}

impl Pending {
    /// What a registry that compares no state takes for a login that it began.
    pub(crate) fn unknown() -> Self {
        let started = OffsetDateTime::now_utc();
        Self { state: String::new(), origin_cookie: String::new(), callback_ui: "/".to_owned(), started }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Sessions {
    pending: BTreeMap<String, Pending>,
    users: BTreeMap<String, (String, OffsetDateTime)>,
}

impl Sessions {
    /// Starts a login: the values of the state cookie and of the origin cookie.
    pub(crate) fn begin(&mut self, state: &str, callback_ui: &str) -> (String, String) {
        let now = OffsetDateTime::now_utc();
        self.pending.retain(|_, login| now - login.started < Duration::seconds(STATE_SECONDS));
        if self.pending.len() >= MOST_OPEN {
            self.pending.clear();
        }
        let (state_cookie, origin_cookie) = (opaque(), opaque());
        let login = Pending {
            state: state.to_owned(),
            origin_cookie: origin_cookie.clone(),
            callback_ui: callback_ui.to_owned(),
            started: now,
        };
        self.pending.insert(state_cookie.clone(), login);
        (state_cookie, origin_cookie)
    }

    /// Ends a pending login. It can be ended once.
    pub(crate) fn finish(&mut self, state_cookie: &str) -> Option<Pending> {
        let login = self.pending.remove(state_cookie)?;
        (OffsetDateTime::now_utc() - login.started < Duration::seconds(STATE_SECONDS)).then_some(login)
    }

    /// A new session for a user.
    pub(crate) fn log_in(&mut self, user: &str) -> String {
        let id = opaque();
        self.users.insert(id.clone(), (user.to_owned(), OffsetDateTime::now_utc()));
        id
    }

    pub(crate) fn user(&self, id: &str) -> Option<String> {
        let (user, since) = self.users.get(id)?;
        (OffsetDateTime::now_utc() - *since < Duration::seconds(SESSION_SECONDS)).then(|| user.clone())
    }

    pub(crate) fn log_out(&mut self, id: &str) -> bool {
        self.users.remove(id).is_some()
    }
}

pub(crate) fn state_cookie(value: &str) -> String {
    format!("{STATE_COOKIE}={value}; Path=/; Max-Age={STATE_SECONDS}; HttpOnly; Secure; SameSite=Lax")
}

pub(crate) fn origin_cookie(value: &str) -> String {
    lasting(&format!("{ORIGIN_COOKIE}={value}; Path=/zot/auth/callback"), true)
}

pub(crate) fn session_cookie(value: &str) -> String {
    lasting(&format!("{SESSION_COOKIE}={value}; Path=/"), true)
}

/// The only cookie that scripts may read: zot's UI shows the name.
pub(crate) fn user_cookie(name: &str) -> String {
    lasting(&format!("user={name}; Path=/"), false)
}

/// A moment as HTTP headers have it (RFC 9110, section 5.6.7).
pub(crate) fn http_date(at: OffsetDateTime) -> String {
    at.format(HTTP_DATE).expect("a date of this century can be written")
}

fn lasting(start: &str, http_only: bool) -> String {
    let until = OffsetDateTime::now_utc() + Duration::seconds(SESSION_SECONDS);
    let until = http_date(until);
    let end = if http_only { "; HttpOnly" } else { "" };
    format!("{start}; Expires={until}; Max-Age={SESSION_SECONDS}{end}")
}

pub(crate) fn opaque() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pending_login_can_be_finished_once() {
        let mut sessions = Sessions::default();
        let (cookie, _) = sessions.begin("s", "/home");
        assert_eq!(sessions.finish(&cookie).unwrap().state, "s");
        assert!(sessions.finish(&cookie).is_none());
    }
}
