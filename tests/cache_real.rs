//! The cache of a real zot in front of Debian's `docker-registry`: what was cached is served while its upstream is down.
//!
//! Where a part is missing, the test says so in one loud line. Upstreams that lie, move or are silent, and caches that are off
//! or lead elsewhere, are mutants in `tests/mutants/`.

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use regproof::check::Effect;
use regproof::checks::CHECKS;
use regproof::outcome::{Run, Verdict};
use regproof::plan::{Machine, Plan};
use regproof::runner::{self, Board};
use regproof::target::Target;
use support::world::World;

const PULL_THROUGH: &str = "cache::pull_through_serves_upstream";
const WARM: &str = "cache::warm_hit_is_served_from_the_registry";

fn run(world: &World) -> Run {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let target = Target::open(&world.scenario(folder.path()), None).expect("the world's scenario is sound");
    let only = [PULL_THROUGH.to_owned(), WARM.to_owned()];
    let plan = Plan::new(CHECKS, target.scenario(), &Machine::here(true), Effect::Writes, &only);
    let board = Board::new(Arc::new(target), plan.expect("the checks exist"));
    support::http::block_on(async move { runner::execute(&board, runner::no_stop(), |_| ()).await })
}

fn verdicts(run: &Run) -> BTreeMap<&str, Verdict> {
    run.outcomes.iter().map(|outcome| (outcome.id.as_str(), outcome.verdict)).collect()
}

#[test]
fn what_was_cached_is_served_while_the_upstream_is_down_and_nothing_else() {
    let Some(mut world) = World::start("what_was_cached_is_served_while_the_upstream_is_down_and_nothing_else") else {
        return;
    };
    let proven = BTreeMap::from([(PULL_THROUGH, Verdict::Pass), (WARM, Verdict::Pass)]);
    let healthy = run(&world);
    assert_eq!(verdicts(&healthy), proven, "{:#?}", healthy.outcomes);
    world.upstream.as_mut().expect("the world has a cache").stop();
    let down = run(&world);
    assert_eq!(verdicts(&down), proven, "{:#?}", down.outcomes);
}

#[test]
fn what_was_never_cached_is_not_served_while_the_upstream_is_down() {
    let Some(mut world) = World::start("what_was_never_cached_is_not_served_while_the_upstream_is_down") else {
        return;
    };
    world.upstream.as_mut().expect("the world has a cache").stop();
    let down = run(&world);
    assert_eq!(verdicts(&down)[PULL_THROUGH], Verdict::Fail, "{:#?}", down.outcomes);
    let finding = down.outcomes.iter().find(|outcome| outcome.id == PULL_THROUGH).and_then(|o| o.finding.as_ref());
    assert!(finding.is_some_and(|finding| finding.cause.contains("upstream")), "{finding:#?}");
}
