//! The table of weaknesses holds together: names, checks, and no check without a weakness.

use std::collections::BTreeSet;

use super::weakness::Weakness;

#[test]
fn every_name_is_kebab_case_and_reads_back() {
    for weakness in Weakness::all() {
        assert_eq!(weakness.name().parse::<Weakness>().unwrap(), weakness);
        let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
        assert!(weakness.name().chars().all(kebab), "{weakness}");
    }
    assert!("no-such".parse::<Weakness>().is_err());
}

#[test]
fn what_a_weakness_breaks_is_a_check_and_listed_once() {
    for weakness in Weakness::all() {
        let broken: BTreeSet<&str> = weakness.breaks().iter().copied().collect();
        assert_eq!(broken.len(), weakness.breaks().len(), "{weakness}");
        assert!(broken.iter().all(|id| crate::checks::find(id).is_some()), "{weakness}: {broken:?}");
    }
}

#[test]
fn each_check_has_a_weakness_that_breaks_it() {
    let broken: BTreeSet<&str> = Weakness::all().flat_map(Weakness::breaks).copied().collect();
    // Their own tests arrange what the lab has not: another proxy, TLS, an engine, a colder cache, a longer upload, a lock.
    let elsewhere = [
        "cache::cold_fetch_works",
        "cache::warm_pulls_ask_no_upstream",
        "metrics::strangers_cannot_scrape",
        "mirrors::every_client_is_served_by_the_cache",
        "mirrors::no_client_goes_to_the_internet_in_silence",
        "policy::configuration_has_no_known_traps",
        "policy::promises_are_as_agreed",
        "publish::dagger_can_push",
        "publish::docker_can_push",
        "publish::slow_upload_survives",
        "registry::both_vantage_points_agree",
        "registry::certificate_is_valid_for_days",
        "registry::http2_is_judged_alike",
    ];
    let never = crate::checks::CHECKS.iter().map(|check| check.id).filter(|id| !broken.contains(id));
    assert_eq!(never.collect::<Vec<_>>(), elsewhere);
}
