//! Where a recording and the model may differ, each with its reason. Everything else is the same, request by request.

/// How they differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deviation {
    /// The daemon had manifests of an earlier case, and does not fetch what it has.
    Known,
    /// One blob failed the pull while others were on their way: whether they were sent is chance.
    Siblings,
    /// A blob was asked for once more than predicted.
    Twice,
    /// The recording ends before the pull did.
    Cut,
    /// The recorder is no whole HTTP peer.
    Recorder,
    /// It is a push: its target alone is predicted.
    Push,
    /// It is no pull.
    NoPull,
    /// Some requests have the agent of the library.
    OtherAgent,
}

/// Recording (its start), case (a part of it), how, and why.
const TABLE: &[(&str, &str, Deviation, &str)] = &[
    ("ctr-1.6-status", "status/get500", Deviation::Known, "the content store had the manifests, and not the blobs"),
    ("ctr-1.6-status", "status/blobcorrupt", Deviation::Siblings, "the layer was fetched beside the configuration"),
    ("ctr-2-status", "status/blobcorrupt", Deviation::Siblings, "the layer was fetched beside the configuration"),
    ("ctr-", "status/hang", Deviation::Cut, "30 s and more for each file: the recording was ended"),
    ("ctr-", "push/pull+resolve", Deviation::Push, "a push, to the first host that takes pushes"),
    ("ctr-", "push/push-capable", Deviation::Push, "a push, to the first host that takes pushes"),
    ("ctr-", "push/caps", Deviation::Push, "a push, to the first host that takes pushes"),
    (
        "buildkit",
        "http+insecure",
        Deviation::Recorder,
        "the recorder broke the plain request after TLS; on zot it was served",
    ),
    ("buildkit", "mirror-403", Deviation::OtherAgent, "the GET for the message has containerd's agent"),
    ("cimage-skopeo-new", "status/blob", Deviation::Siblings, "blobs are fetched side by side"),
    ("cimage-", "status/blob", Deviation::Siblings, "blobs are fetched side by side"),
    ("cimage-", "verb/push", Deviation::Push, "a push, never to a mirror"),
    ("cimage-", "verb/", Deviation::NoPull, "inspect and list-tags; all but the manifest go to the internet"),
    ("dockerd-20.10", "status/blob404", Deviation::Twice, "dockerd asked twice for one blob"),
    ("dockerd-new-classic", "status/blob404", Deviation::Twice, "dockerd asked twice for one blob"),
    ("dockerd-new-classic", "push/", Deviation::Push, "a push, never to a mirror"),
    ("dockerd-20.10", "push/", Deviation::Push, "a push, never to a mirror"),
    ("dockerd-new-ctrd", "push/", Deviation::Push, "a push, never to a mirror"),
    ("dockerd-new-ctrd", "status/403", Deviation::OtherAgent, "the GET for the message has containerd's agent"),
    ("dockerd-new-ctrd", "status/head403", Deviation::OtherAgent, "the GET for the message has containerd's agent"),
    ("dockerd-new-ctrd", "status/blobcorrupt", Deviation::Siblings, "the layer was fetched beside the configuration"),
    ("dockerd-20.10", "", Deviation::Known, "the daemon kept manifests from case to case"),
    ("dockerd-cred-20.10", "", Deviation::Known, "the daemon kept manifests from case to case"),
    ("dockerd-new-classic", "", Deviation::Known, "the daemon kept manifests from case to case"),
    ("zot-dockerd-20.10", "", Deviation::Known, "the daemon kept manifests from case to case"),
    ("zot-dockerd-new-classic", "", Deviation::Known, "the daemon kept manifests from case to case"),
    ("zot-v2dest", "dockerd", Deviation::Known, "the daemon kept manifests from case to case"),
    ("zot-multi", "push/host", Deviation::Push, "a push, to the first host that takes pushes"),
];

pub(super) fn deviation(stem: &str, case: &str) -> Option<Deviation> {
    let found = TABLE.iter().find(|(start, part, _, _)| stem.starts_with(start) && case.contains(part));
    found.map(|(_, _, how, why)| {
        assert!(!why.is_empty());
        *how
    })
}
