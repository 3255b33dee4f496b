//! Everything that is known of a folder of client files, as JSON and as text.

use serde::Serialize;

use super::finding::{Finding, Fix, Level};
use super::folder::Folder;
use super::judge::{judge, unasked};
use super::model::ClientConfig;
use super::names::Registry;
use super::table::{Table, on, push};

/// One client and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ClientReport {
    /// The client, its nodes and what it asks.
    #[serde(flatten)]
    pub(crate) config: ClientConfig,
    /// What is wrong, the worst first.
    pub(crate) findings: Vec<Finding>,
    /// The corrected files.
    pub(crate) fixes: Vec<Fix>,
}

/// A folder of client files, judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    /// The version of this form.
    schema: u32,
    /// The clients.
    pub(crate) clients: Vec<ClientReport>,
    /// What each asks for each image.
    #[serde(flatten)]
    pub(crate) table: Table,
    /// What was found about the folder and about zot's rules.
    pub(crate) findings: Vec<Finding>,
}

impl Report {
    /// Judges what was read. `zot_file` is the name of zot's configuration, `images` are asked about besides the usual ones.
    pub(crate) fn of(folder: Folder, registry: &Registry<'_>, zot_file: &str, images: &[String]) -> Self {
        let configs: Vec<ClientConfig> = folder.clients.iter().map(|found| found.config.clone()).collect();
        let mut findings = folder.findings;
        findings.extend(unasked(registry, &configs, zot_file));
        let table = Table::of(&configs, registry, images);
        let clients = folder.clients.into_iter().map(|found| {
            let judgement = judge(&found.config, registry, &found.texts);
            ClientReport { config: found.config, findings: judgement.findings, fixes: judgement.fixes }
        });
        Self { schema: 1, clients: clients.collect(), table, findings }
    }

    /// How many failures there are.
    pub(crate) fn failures(&self) -> usize {
        let all = self.clients.iter().flat_map(|client| &client.findings).chain(&self.findings);
        all.filter(|finding| finding.level == Level::Failure).count()
    }

    /// The report as text. Only lines of files may be wider than 100 columns.
    pub(crate) fn text(&self) -> String {
        let mut text = self.table.text();
        for client in self.clients.iter().filter(|client| !client.findings.is_empty()) {
            text.push('\n');
            push(&mut text, "", &format!("{}{}", client.config.client, on(&client.config.nodes)));
            client.findings.iter().for_each(|finding| write(&mut text, finding));
            for fix in &client.fixes {
                push(&mut text, "  ", &format!("change {}", fix.file));
                fix.diff.lines().for_each(|line| text.push_str(&format!("    {line}\n")));
            }
        }
        if !self.findings.is_empty() {
            text.push('\n');
            self.findings.iter().for_each(|finding| write(&mut text, finding));
        }
        let nodes: usize = self.clients.iter().map(|client| client.config.nodes.len().max(1)).sum();
        let (clients, failures) = (self.clients.len(), self.failures());
        let of = |number: usize, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
        let (clients, nodes) = (of(clients, "different client"), of(nodes, "node"));
        text.push_str(&format!("\n{clients} on {nodes}, {}\n", of(failures, "failure")));
        text
    }
}

fn write(text: &mut String, finding: &Finding) {
    let level = match finding.level {
        Level::Failure => "FAIL",
        Level::Advice => "WARN",
    };
    push(text, &format!("  {level} "), &finding.what);
    push(text, "       ", &finding.why);
    push(text, "       ", &finding.remedy);
    push(text, "       ", &format!("{} at {}:{}", finding.code, finding.file, finding.place));
}

#[cfg(test)]
mod tests;
