//! A login gives its user only the rights that are promised.
//!
//! ## Why it matters
//!
//! A rule at the provider may put too many users into a group. The next user to log in is then an administrator. zot keeps
//! the groups of a user's last login. From then on, all API keys of that user have them.
//!
//! ## How it is proven
//!
//! Only where the scenario promises something about rights. In the browser: a whole login of the scenario's user. Then the page
//! asks, with the session:
//!
//! 1. The control: `/zot/auth/apikey` answers 200, so the session is alive.
//! 2. For the scratch repository, each right that neither the user nor a group of the user is promised. The requests store
//!    nothing. To create: an upload with an impossible query. To update: a manifest of an unknown media type, at a tag of the
//!    identity that pushes. To delete: a manifest and a blob that are not there. All are refused with 403.
//! 3. A private repository that the user is not promised to read: no list of tags.
//! 4. The control again: the session was alive all the time.
//!
//! The login itself may change rights: zot takes a user's groups from the last login. `regproof plan` says so.
//!
//! ## When it fails
//!
//! The provider sends more groups than the scenario's `groups` of this user. Or a policy grants more to one of them.
//!
//! ## References
//!
//! zot `pkg/api/authn.go` (groups of a session), `pkg/api/authz.go`. OpenID Connect Core 1.0, section 5.1.

use std::time::Duration;

use crate::kit::prelude::*;

pub(crate) const META: Meta = Meta {
    needs: &[Need::Policy, Need::Scratch, Need::Writer, Need::Oidc, Need::Login, Need::Browser],
    effect: Effect::Writes,
    usual: Duration::from_secs(6),
};

pub(crate) const SENDS: &[Rows] =
    &[rows::LOGIN, rows::DISCOVERY, rows::BROWSER, rows::GRANTS, rows::PUSH, rows::READ_BACK, rows::CLEAN_UP];

const KEYS: &str = "/zot/auth/apikey";

const WHY: Why<'static> = Why {
    claim: "a login gives its user only the rights that are promised",
    cause: "the provider sends a group that the scenario does not name; or a policy grants more to one of the user's groups or \
            to every user",
    remedy: "look at the groups that the provider sends for this user (its preview of claims); look at their policies in \
             accessControl; then let the user log in once more: zot keeps the groups of the last login",
};

const PUSH: Why<'static> = Why {
    claim: "the control: there is a tag for the session to try to move",
    cause: "the identity that pushes cannot push",
    remedy: "first make `publish::api_key_can_push` pass",
};

const SESSION: Why<'static> = Why {
    claim: "the control: the session is alive",
    cause: "the login gave no session that the registry accepts",
    remedy: "first make `oidc::login_returns_with_a_session` pass for this user",
};

pub(crate) async fn run(cx: &Cx) -> Proof {
    let page = LoginPage::of(cx)?;
    let visit = Visit::start(cx).await?;
    let proof = is_refused_the_rest(cx, &visit, &page).await;
    if proof.is_err() {
        visit.picture("where it ended").await;
    }
    visit.end().await;
    proof
}

async fn is_refused_the_rest(cx: &Cx, visit: &Visit<'_>, page: &LoginPage) -> Proof {
    visit.comes_home(page, &SESSION).await.map_err(Failure::into_control)?;
    is_alive(visit).await?;
    let (scenario, scratch) = (cx.scenario(), cx.scratch()?);
    let (user, groups) = (visit.user().await?, cx.login_groups()?);
    let kept = |repository: &str, action| scenario.promise_by_groups(&user, &groups, repository, action) == Some(false);
    let mut refused = Vec::new();
    for (action, word) in [(Action::Create, "create"), (Action::Update, "update"), (Action::Delete, "delete")] {
        if kept(scratch, action) && asks(cx, visit, scratch, action).await? {
            refused.push(format!("to {word} in {scratch}"));
        }
    }
    for private in scenario.repositories.private.iter().filter(|private| kept(private, Action::Read)) {
        let (answer, index) = visit.fetch("GET", &format!("/v2/{private}/tags/list")).await?;
        is_refusal(&user, &answer, &[200], &format!("GET /v2/{private}/tags/list"), index)?;
        refused.push(format!("to read {private}"));
    }
    is_alive(visit).await?;
    visit.logs_out().await;
    if refused.is_empty() {
        return Err(WHY.undecided(
            "a right that the user is not promised, to ask for",
            "none that can be asked for",
            None,
        ));
    }
    cx.proven(format!("the session of {user} is refused {}", refused.join(", ")));
    Ok(())
}

async fn is_alive(visit: &Visit<'_>) -> Proof {
    let (keys, index) = visit.fetch("GET", KEYS).await?;
    if keys.status != 200 {
        return Err(SESSION.undecided("200", keys.status, index));
    }
    Ok(())
}

/// Whether there was something to ask; each request is valid for authorization and for no handler.
async fn asks(cx: &Cx, visit: &Visit<'_>, scratch: &str, action: Action) -> Result<bool, Failure> {
    let user = visit.user().await?;
    let nobodys = digest_of(cx.tag("nobodys").as_bytes());
    match action {
        Action::Create => {
            let target = format!("/v2/{scratch}/blobs/uploads/?from=x");
            let (answer, index) = visit.fetch("POST", &target).await?;
            is_refusal(&user, &answer, &[202, 405], &format!("POST {target}"), index)?;
        }
        Action::Update => {
            let target = format!("/v2/{scratch}/manifests/{}", a_tag(cx, scratch).await?);
            let (answer, index) = visit.put_oracle(&target).await?;
            is_refusal(&user, &answer, &[201, 415], &format!("PUT {target}"), index)?;
        }
        Action::Delete => {
            for target in [format!("/v2/{scratch}/manifests/{nobodys}"), format!("/v2/{scratch}/blobs/notadigest")] {
                let (answer, index) = visit.fetch("DELETE", &target).await?;
                // 400 where there is no such repository yet, 404 where there is.
                is_refusal(&user, &answer, &[202, 400, 404], &format!("DELETE {target}"), index)?;
            }
        }
        Action::Read => return Ok(false),
    }
    Ok(true)
}

/// A tag that is there, pushed by the identity that pushes, so that who may move it can be asked.
async fn a_tag(cx: &Cx, scratch: &str) -> Result<String, Failure> {
    let (tag, image) = (cx.tag("kept"), Image::tiny("login-grants"));
    transfer::push_image(cx, &cx.writer()?, scratch, &tag, &image, &PUSH).await.map_err(Failure::into_control)?;
    let reader = cx.reads_back(cx.scenario().writer(), scratch)?;
    transfer::manifest(&reader, scratch, &tag, &PUSH).await.map_err(Failure::into_control)?;
    Ok(tag)
}

/// 403 in the registry's own words; what those who may get is a Fail, and everything else decides nothing.
fn is_refusal(user: &str, answer: &Fetched, allowed: &[u16], what: &str, index: usize) -> Proof {
    let expected = format!("403 by the registry itself to {what} with the session of {user}");
    let status = answer.status;
    match status {
        403 if answer.body.contains("\"DENIED\"") => Ok(()),
        403 => Err(WHY.undecided(expected, "403 by something in front of the registry", index)),
        status if allowed.contains(&status) => Err(WHY.fail(expected, format_args!("{status}: the user may"), index)),
        status => Err(WHY.undecided(expected, status, index)),
    }
}

#[cfg(test)]
mod tests {
    use crate::trial::{Weakness, error_when_down, fails, proven};

    const ID: &str = "oidc::login_grants_what_is_promised";

    #[tokio::test]
    async fn proven_on_the_healthy_lab() {
        let outcome = proven(ID).await;
        let proven = outcome.proven.unwrap_or_default();
        assert!(proven.contains("to delete in"), "{proven}");
    }

    #[tokio::test]
    async fn fails_when_the_provider_makes_the_user_an_administrator() {
        let finding = fails(ID, Weakness::LoginMakesAdmin).await;
        assert!(finding.actual.contains("the user may"), "{finding:?}");
    }

    #[tokio::test]
    async fn undecided_when_the_registry_is_down() {
        error_when_down(ID).await;
    }
}
