//! Who asks: accounts, API keys, and the order in which zot looks for credentials (zot `pkg/api/authn.go`).
//!
//! It says who somebody is, never what they may do.

use super::accounts::{User, parse_basic};
use super::answer::{Answer, SESSION_CLIENT, unauthenticated};
use super::config::Config;
use super::session::{EXPIRED_SESSION, SESSION_COOKIE};
use super::state::{Ask, Shared, held};
use super::weakness::Weakness;

/// Who asks, and what every answer to them must carry.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) user: Option<User>,
    /// zot leaves out `WWW-Authenticate` for its UI, so that the browser shows no dialogue.
    pub(crate) ui: bool,
    /// A session that is not known is answered with an expired cookie.
    pub(crate) clear_session: bool,
}

impl Caller {
    pub(crate) fn dress(&self, answer: Answer) -> Answer {
        if self.clear_session { answer.header("set-cookie", EXPIRED_SESSION) } else { answer }
    }
}

/// Finds the caller, or answers 401.
///
/// `metrics` and `version` name the two paths that have special rules.
pub(crate) fn authenticate(shared: &Shared, ask: &Ask, metrics: bool, version: bool) -> Result<Caller, Answer> {
    let config = &shared.config;
    if let Some(user) = &ask.disguise {
        return Ok(Caller { user: Some(user.clone()), ui: false, clear_session: false });
    }
    let ui = ask.headers.contains_key(SESSION_CLIENT);
    let refuse = || unauthenticated(ui);
    let anonymous = Caller { user: None, ui, clear_session: false };
    let open = opens_to_anonymous(config, metrics);

    let credentials: Vec<_> = ask.headers.get_all("authorization").iter().collect();
    if credentials.len() > 1 {
        return Err(refuse());
    }
    // An empty user name with an empty password counts as no credentials at all.
    let header = ask.header("authorization");
    let basic = parse_basic(header);
    let given = !header.is_empty() && basic.as_ref().is_none_or(|(name, key)| !name.is_empty() || !key.is_empty());
    if given {
        let user = basic.and_then(|(name, password)| by_basic(shared, &name, &password));
        return match user {
            Some(user) => Ok(Caller { user: Some(user), ..anonymous }),
            None if config.has(Weakness::WrongKeyFallsBackToAnonymous) => Ok(anonymous),
            None => Err(refuse()),
        };
    }
    if ask.header(SESSION_CLIENT) == "zot-ui" {
        let session = ask.cookie(SESSION_COOKIE);
        let name = session.and_then(|id| held(&shared.sessions).user(&id));
        return match name {
            Some(name) => Ok(Caller { user: Some(held(&shared.accounts).user(&name)), ..anonymous }),
            None if open => Ok(Caller { clear_session: true, ..anonymous }),
            None => Err(refuse().header("set-cookie", EXPIRED_SESSION)),
        };
    }
    let agent = ask.header("user-agent");
    let docker = agent.contains("Docker-Client") || agent.starts_with("docker/");
    if !open || (docker && version && config.release.challenges_docker()) {
        return Err(refuse());
    }
    Ok(anonymous)
}

fn opens_to_anonymous(config: &Config, metrics: bool) -> bool {
    let Some(policy) = &config.policy else {
        return false;
    };
    policy.has_anonymous() || (metrics && config.metrics.anonymous)
}

fn by_basic(shared: &Shared, name: &str, password: &str) -> Option<User> {
    let mut accounts = held(&shared.accounts);
    if password.is_empty() && shared.config.has(Weakness::EmptyPasswordAccepted) {
        return Some(accounts.user(name));
    }
    accounts.by_password(name, password, shared.config.has(Weakness::ForeignKeyAccepted))
}
