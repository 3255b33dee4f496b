//! What else a scenario may lack: a canary, an identity that may move a tag, closed metrics.

use crate::scenario::{Action, Scenario};

/// Why there is no canary of our own, if there is none.
pub(super) fn no_private_scratch(scenario: &Scenario, by: &str) -> Option<String> {
    let declared = &scenario.repositories;
    let Some(private) = &declared.private_scratch else {
        return Some(
            "not promised: [repositories] private_scratch is not set; a probe must not expose a repository that is really private"
                .to_owned(),
        );
    };
    let may = |who, name: &str, action| scenario.promise(who, name, action) == Some(true);
    if scenario.promise(None, private, Action::Read) != Some(false) {
        return Some(format!("not promised: {by} does not refuse {private} to anonymous clients"));
    }
    if scenario.one_who_may(Action::Create, private).is_none() {
        return Some(format!("not promised: {by} lets no identity create in {private}"));
    }
    let scratch = declared.scratch.as_deref().unwrap_or_default();
    let kept_out = |who| may(who, scratch, Action::Read) && !may(who, private, Action::Read);
    let somebody = kept_out(None) || scenario.identities.keys().any(|name| kept_out(Some(name)));
    (!somebody).then(|| format!("not promised: {by} names no client that may read {scratch} and not {private}"))
}

/// Why no tag of ours can be moved, if none can.
pub(super) fn no_mover(scenario: &Scenario, by: &str) -> Option<String> {
    let scratch = scenario.repositories.scratch.as_deref().unwrap_or_default();
    let moves = |action| scenario.one_who_may(action, scratch).is_some();
    let nobody = !moves(Action::Update) && !moves(Action::Delete);
    nobody.then(|| format!("not promised: {by} lets no identity update or delete, so this run cannot move a tag"))
}

/// Why metrics are not promised to be closed, if they are not.
pub(super) fn no_closed_metrics(scenario: &Scenario) -> Option<String> {
    let open = scenario.metrics.as_ref().is_none_or(|metrics| metrics.anonymous);
    open.then(|| "not promised: [metrics] anonymous = false is not set".to_owned())
}

/// Why nobody can be kept out of the private repository, if nobody can.
pub(super) fn no_foreign_reader(scenario: &Scenario, by: &str) -> Option<String> {
    let declared = &scenario.repositories;
    let (scratch, private) = declared.scratch.as_deref().zip(declared.private.first())?;
    let may = |who, name: &str| scenario.promise(who, name, Action::Read);
    let foreign = |who| may(who, scratch) == Some(true) && may(who, private) != Some(true);
    let somebody = foreign(None) || scenario.identities.keys().any(|name| foreign(Some(name)));
    (!somebody).then(|| format!("not promised: {by} names no client that may read {scratch} and not {private}"))
}
