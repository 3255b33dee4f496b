//! Builds the world of a mutant, and judges it with the whole checklist.
//!
//! What the operator promises is written before the mistake is made: the mistake must show against it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use regproof::check::machine::Machine;
use regproof::check::target::Target;
use regproof::checks::CHECKS;
use regproof::drift;
use regproof::model::outcome::Outcome;
use regproof::run::runner;
use regproof::run::runner::Board;
use serde_json::Value;

use super::file::{Base, Change, Deed, Edit, Part};
use crate::support;
use crate::support::caddy::{Caddy, Rules};
use crate::support::http::block_on;
use crate::support::image::Image;
use crate::support::keys::log_in;
use crate::support::process::Reserved;
use crate::support::provider::{ADMIN, CI, GUEST, Options, User};
use crate::support::world::{Setup, World};
use crate::support::zot::{RealZot, Release, Zot};

/// The outcomes by check.
pub type Judged = BTreeMap<String, Outcome>;

/// An image that the cache has never served.
const COLD: (&str, &str) = ("library/busybox", "1.36");

/// Starts the base with this change and runs the checklist; `None`, said on stderr, where a part is missing.
pub fn judge(name: &str, base: &Base, change: &Change, refused: Option<&str>) -> Option<Judged> {
    let zot = match &change.zot {
        None => Zot::find(name)?,
        Some(release) => Zot::find_release(name, parse(release))?,
    };
    if base.proxy && Caddy::program().is_none() {
        support::lacks(name, "caddy");
        return None;
    }
    // Kept until Caddy has it.
    let reserved = Reserved::new();
    let port = reserved.port();
    let front = format!("https://localhost:{port}");
    let provider = Options { redirect_uris: vec![format!("{front}/zot/auth/callback/oidc")], ..Options::default() };
    let setup = Setup { private: true, provider, config: base.config.clone(), ..Setup::default() };
    let mut world = World::start_on(&zot, name, setup)?;
    let upstream = world.upstream.as_ref().expect("every base has a cache").url.clone();
    Image::with_content("never asked for").push(&upstream, COLD.0, COLD.1, None);

    let mut caddy = None;
    if base.proxy {
        let ci = STANDARD.encode(format!("{}:{}", CI.name, world.keys.ci));
        let rules = change
            .proxy
            .as_ref()
            .map_or_else(Rules::default, |rules| Rules { site: rules.site.replace("{ci}", &ci), ..rules.clone() });
        world = world.reconfigure(|config| {
            config["http"]["externalUrl"] = front.clone().into();
            config["http"]["auth"]["secureSession"] = true.into();
        });
        fs::copy(world.zot.config_file(), world.promised_config()).expect("the configuration can be copied");
        caddy = Some(Caddy::start(port, world.zot.port, &rules));
    }
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = world.scenario_with(folder.path(), |scenario| {
        base.scenario.apply(scenario, &str::to_owned);
        if let Some(caddy) = &caddy {
            fs::write(folder.path().join("ca.pem"), &caddy.authority).expect("a file can be written");
            scenario["registry"]["backend"] = scenario["registry"]["url"].clone();
            scenario["registry"]["url"] = front.clone().into();
            scenario["registry"]["ca_file"] = "ca.pem".into();
        }
    });
    let target = Target::open(&file, None, Machine::here(!base.browser)).expect("the scenario is sound");
    let target = if base.snapshot { with_snapshot(target) } else { target };
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    let nowhere = Reserved::new();
    let mut world = change_world(
        world,
        &zot,
        change,
        refused,
        [silent.local_addr().expect("a bound socket has an address"), nowhere.address],
    );
    if let Some(network) = &change.network {
        match network.stopped {
            Part::Registry => world.zot.stop(),
            Part::Provider => world.provider.stop(),
            Part::Upstream => world.upstream.as_mut().expect("every base has a cache").stop(),
        }
    }
    Some(run(target))
}

/// Makes the mistake.
fn change_world(
    mut world: World,
    zot: &Zot,
    change: &Change,
    refused: Option<&str>,
    [silent, nowhere]: [SocketAddr; 2],
) -> World {
    let (url, issuer) = (world.zot.url.clone(), world.provider.issuer.clone());
    let words = move |text: &str| {
        text.replace("{silent}", &format!("http://{silent}"))
            .replace("{nowhere}", &format!("http://{nowhere}"))
            .replace("{issuer}", &issuer)
            .replace("{url}", &url)
    };
    if let Some(said) = refused {
        let (mut config, elsewhere) = (world.zot.config.clone(), tempfile::tempdir().expect("a folder can be made"));
        change.config.as_ref().expect("a configuration is refused").apply(&mut config, &words);
        let tried = RealZot::try_start(zot, elsewhere.path(), |_| config.clone());
        let log = tried.err().unwrap_or_else(|| panic!("zot starts with it")).log;
        assert!(log.contains(said), "zot's log does not say {said:?}: {log}");
        world.zot.stop();
        return world;
    }
    if change.config.is_some() || !change.data.is_empty() {
        let storage = world.zot.storage();
        let behind = world.upstream.as_ref().expect("every base has a cache").storage();
        // Files change while nobody has them open.
        let edit = |config: &mut Value| {
            if let Some(patch) = &change.config {
                patch.apply(config, &words);
            }
            change.data.iter().for_each(|edit| edit_file(edit, &storage, &behind));
        };
        world = world.reconfigure(edit);
    }
    for (name, groups) in change.provider.iter().flat_map(|provider| &provider.groups) {
        let user: User = [CI, ADMIN, GUEST].into_iter().find(|user| user.name == name).expect("a user of the world");
        world.provider.put_into_groups(name, groups);
        log_in(&world.zot.url, &user, user.password, || unreachable!("no code is asked for")).1.must_be(200);
    }
    world
}

fn parse(release: &str) -> Release {
    let numbers: Vec<u32> = release.split('.').filter_map(|number| number.parse().ok()).collect();
    let [major, minor, patch] = numbers[..] else { panic!("{release} is no release") };
    Release(major, minor, patch)
}

fn edit_file(edit: &Edit, storage: &Path, upstream: &Path) {
    let root = match edit.of {
        Part::Registry => storage,
        Part::Upstream => upstream,
        Part::Provider => panic!("the provider stores nothing"),
    };
    // What a world holds from its start, and what its upstream does.
    let content =
        if edit.of == Part::Upstream { "a small image from upstream" } else { "the image that must not change" };
    let image = Image::with_content(content);
    let hex = |bytes: &[u8]| support::image::digest(bytes).trim_start_matches("sha256:").to_owned();
    let name = edit
        .file
        .replace("{layer}", &hex(&image.blobs[1]))
        .replace("{config}", &hex(&image.blobs[0]))
        .replace("{manifest}", &hex(&image.manifest));
    // The upstream sorts its blobs by the first two letters of their digests.
    let name = name.replace("{layer:2}", &hex(&image.blobs[1])[..2]);
    let file = root.join(name);
    let mut bytes = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    match &edit.r#do {
        Deed::Corrupt => bytes[0] ^= 1,
        Deed::Truncate(length) => {
            bytes.truncate(usize::try_from(*length).expect("a small number"));
        }
        Deed::Replace([from, to]) => {
            let text = String::from_utf8(bytes).expect("the file is text");
            assert!(text.contains(from), "{text} does not have {from}");
            bytes = text.replace(from, to).into_bytes();
        }
        Deed::Delete => return fs::remove_file(&file).expect("the file can be removed"),
    }
    fs::write(&file, bytes).expect("the file can be written");
}

fn with_snapshot(target: Target) -> Target {
    let asked = target.clone();
    let before = block_on(async move { drift::take(&asked, false, runner::no_stop()).await }).expect("zot answers");
    target.against(before, BTreeSet::new())
}

fn run(target: Target) -> Judged {
    let plan = target.plan(CHECKS, &[]).expect("all checks are selected");
    let board = Board::new(Arc::new(target), plan);
    let run = block_on(async move { runner::execute(&board, runner::no_stop(), |_| ()).await });
    run.outcomes.into_iter().map(|outcome| (outcome.id.clone(), outcome)).collect()
}
