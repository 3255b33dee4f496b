//! The layers of `src` and `checks`: a module imports only from layers below it, and no files import each other in a circle.
//!
//! Reads the sources with `syn`. What only tests use does not count. A re-export counts as an import of its own file.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

use super::tidy::{files, read};

/// The folders, from the lowest layer to the highest. Folders of one layer do not import each other.
const LAYERS: [&[&str]; 11] = [
    &["base", "lab", "zot"],
    &["model", "mirror"],
    &["scenario"],
    &["http", "browser", "report"],
    &["check"],
    &["kit"],
    &["checks"],
    &["run"],
    &["drift", "audit"],
    &["cli"],
    &["commands"],
];

/// As many modules as the top of the crate may have.
const MOST_TOP_MODULES: usize = 18;

/// The path of a module in the crate, as `["http", "guard"]`.
type Module = Vec<String>;

/// The module of a file, as `src/http/guard.rs` is `http::guard`.
fn module(file: &str) -> Module {
    let path = file.trim_start_matches("src/").trim_end_matches(".rs");
    let mut parts: Module = path.split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

fn is_for_tests(file: &str) -> bool {
    let stem = file.trim_end_matches(".rs");
    stem.ends_with("tests") || stem.contains("/tests/") || stem.starts_with("src/trial")
}

fn is_test_item(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
    })
}

/// Collects every path of a file that starts at the crate or at a parent module.
struct Paths {
    of: Module,
    /// How many inline modules are open.
    depth: usize,
    found: BTreeSet<Module>,
}

impl Paths {
    /// A path as written, made absolute; nothing where it starts elsewhere.
    fn add(&mut self, written: &[String]) {
        let mut base: Module = match written.first().map(String::as_str) {
            Some("crate") => vec![],
            Some("self" | "super") if self.depth == 0 => self.of.clone(),
            _ => return,
        };
        let mut rest = &written[1..];
        if written[0] == "super" {
            base.pop();
            while rest.first().is_some_and(|part| part == "super") {
                base.pop();
                rest = &rest[1..];
            }
        }
        base.extend(rest.iter().cloned());
        self.found.insert(base);
    }

    fn tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.add(&with(&name.ident)),
            syn::UseTree::Rename(name) => self.add(&with(&name.ident)),
            syn::UseTree::Glob(_) => self.add(before),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(before, tree)),
        }
    }

    /// Paths in the arguments of macros, which are tokens and no syntax tree.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        for token in tokens {
            match token {
                TokenTree::Ident(name) if path.is_empty() || path.last().is_some_and(|last| last == "::") => {
                    path.push(name.to_string());
                }
                TokenTree::Punct(colon) if colon.as_char() == ':' && !path.is_empty() => {
                    if path.last().is_some_and(|last| last != "::") {
                        path.push("::".to_owned());
                    }
                }
                TokenTree::Group(group) => {
                    self.tokens(group.stream());
                    self.end(&mut path);
                }
                TokenTree::Ident(name) => {
                    self.end(&mut path);
                    path.push(name.to_string());
                }
                _ => self.end(&mut path),
            }
        }
        self.end(&mut path);
    }

    fn end(&mut self, path: &mut Vec<String>) {
        path.retain(|part| part != "::");
        self.add(path);
        path.clear();
    }
}

impl<'a> Visit<'a> for Paths {
    fn visit_item(&mut self, item: &'a syn::Item) {
        let attributes = match item {
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Const(item) => &item.attrs,
            syn::Item::Static(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test_item(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        self.depth += 1;
        visit::visit_item_mod(self, item);
        self.depth -= 1;
    }

    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        self.tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let written: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.add(&written);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, found: &'a syn::Macro) {
        self.tokens(found.tokens.clone());
    }
}

/// What a file names of the crate, each as far as it is a module.
fn imports(file: &str, text: &str, modules: &BTreeSet<Module>) -> BTreeSet<Module> {
    let mut paths = Paths { of: module(file), depth: 0, found: BTreeSet::new() };
    paths.visit_file(&syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}")));
    let known =
        |path: &Module| (1..=path.len()).rev().map(|end| path[..end].to_vec()).find(|path| modules.contains(path));
    paths.found.iter().filter_map(known).filter(|path| *path != module(file)).collect()
}

/// Every module of the program, with what it imports.
fn graph() -> BTreeMap<Module, BTreeSet<Module>> {
    let sources: Vec<String> = files("src", ".rs").into_iter().chain(files("checks", ".rs")).collect();
    let top = ["src/lib.rs", "src/main.rs"];
    let sources: Vec<&String> =
        sources.iter().filter(|file| !is_for_tests(file) && !top.contains(&file.as_str())).collect();
    let modules: BTreeSet<Module> = sources.iter().map(|file| module(file)).collect();
    sources.iter().map(|file| (module(file), imports(file, &read(file), &modules))).collect()
}

fn layer(of: &Module) -> usize {
    let found = LAYERS.iter().position(|layer| layer.contains(&of[0].as_str()));
    found.unwrap_or_else(|| panic!("{} is in no layer: add its folder to LAYERS", of[0]))
}

fn upward(graph: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<String> {
    let edges = graph.iter().flat_map(|(from, all)| all.iter().map(move |to| (from, to)));
    let wrong = edges.filter(|(from, to)| from[0] != to[0] && layer(to) >= layer(from));
    wrong.map(|(from, to)| format!("{} imports {}", from.join("::"), to.join("::"))).collect()
}

/// The groups of files that import each other, by folder. A folder's own file and the files in it count as one where one
/// belongs to the other.
fn circles(graph: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<String> {
    let node = |module: &Module| module[..module.len().min(2)].to_vec();
    let mut edges: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (from, all) in graph {
        let (from, to) = (node(from), all.iter().map(node));
        let other = to.filter(|to| *to != from && !to.starts_with(&from) && !from.starts_with(to));
        edges.entry(from.clone()).or_default().extend(other);
    }
    let reached = |start: &Module| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![start.clone()]);
        while let Some(module) = next.pop() {
            for to in edges.get(&module).into_iter().flatten() {
                if seen.insert(to.clone()) {
                    next.push(to.clone());
                }
            }
        }
        seen
    };
    let in_circle: Vec<&Module> = edges.keys().filter(|module| reached(module).contains(*module)).collect();
    in_circle.into_iter().map(|module| module.join("::")).collect()
}

#[test]
fn every_module_imports_only_from_layers_below_it() {
    let graph = graph();
    assert!(graph.len() > 200, "only {} modules were read", graph.len());
    let edges: usize = graph.values().map(BTreeSet::len).sum();
    assert!(edges > 500, "only {edges} imports were read");
    assert_eq!(upward(&graph), [""; 0], "an import goes up; move what both need into a layer below");
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    assert_eq!(circles(&graph()), [""; 0], "these files are in a circle of imports");
}

#[test]
fn the_crate_has_few_modules_at_its_top() {
    let modules = read("src/lib.rs").lines().filter(|line| line.contains("mod ") && line.ends_with(';')).count();
    assert!(modules <= MOST_TOP_MODULES, "{modules} modules at the top");
}

#[test]
fn an_upward_import_is_found_however_it_is_written() {
    let mut graph = graph();
    let modules: BTreeSet<Module> = graph.keys().cloned().collect();
    for text in [
        "use crate::kit::prelude::*;",
        "use crate::{model::outcome::Run, run::plan};",
        "pub(crate) use crate::commands::init as first;",
        "fn f() -> crate::check::target::Target { todo() }",
        "fn f() { println!(\"{}\", crate::run::plan::first()) }",
        "use super::super::run::runner;",
        "fn f() { super::super::drift::take() }",
        "mod inner { use crate::checks::CHECKS; }",
    ] {
        let from = module("src/http/guard.rs");
        graph.insert(from, imports("src/http/guard.rs", text, &modules));
        assert_eq!(upward(&graph).len(), 1, "{text}");
    }
    let fine = "use crate::model::effect::Effect;\n#[cfg(test)]\nmod tests { use crate::run::plan; }\n";
    assert_eq!(imports("src/http/guard.rs", fine, &modules), BTreeSet::from([module("src/model/effect.rs")]));
}

#[test]
fn a_circle_is_found() {
    let mut graph = graph();
    let (one, other) = (module("src/model/effect.rs"), module("src/model/outcome.rs"));
    graph.get_mut(&one).unwrap().insert(other.clone());
    graph.get_mut(&other).unwrap().insert(one);
    assert_eq!(circles(&graph).iter().filter(|name| name.starts_with("model::")).count(), 3);
}
