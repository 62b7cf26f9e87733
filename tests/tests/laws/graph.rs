//! Who depends on whom: the workspace's own packages with what they declare, and every package with what it pulls in.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata};

/// A dependency that a package of the workspace declares for its own code or its build script.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) optional: bool,
}

/// A package of the workspace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Member {
    /// Relative to the workspace, `daemon/core`.
    pub(crate) folder: String,
    /// Without those for tests and examples only.
    pub(crate) dependencies: BTreeSet<Dependency>,
    /// Feature by feature, what it switches on.
    pub(crate) features: BTreeMap<String, Vec<String>>,
}

/// The workspace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    pub(crate) members: BTreeMap<String, Member>,
    /// What each package pulls in by itself, names only; members and others.
    pub(crate) pulls: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let mut graph = Self::default();
        for package in metadata.workspace_packages() {
            let folder =
                package.manifest_path.parent().and_then(|folder| folder.strip_prefix(&metadata.workspace_root).ok());
            let declared =
                package.dependencies.iter().filter(|dependency| dependency.kind != DependencyKind::Development);
            let member = Member {
                folder: folder.map(ToString::to_string).unwrap_or_default(),
                dependencies: declared
                    .map(|dependency| Dependency { name: dependency.name.clone(), optional: dependency.optional })
                    .collect(),
                features: package.features.clone(),
            };
            graph.members.insert(package.name.to_string(), member);
        }
        let names: BTreeMap<_, _> =
            metadata.packages.iter().map(|package| (&package.id, package.name.to_string())).collect();
        for node in metadata.resolve.iter().flat_map(|resolve| &resolve.nodes) {
            let pulled = node
                .deps
                .iter()
                .filter(|dependency| dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal))
                .filter_map(|dependency| names.get(&dependency.pkg).cloned());
            if let Some(name) = names.get(&node.id) {
                graph.pulls.entry(name.clone()).or_default().extend(pulled);
            }
        }
        graph
    }

    /// Everything that ends up in a program which uses this package.
    pub(crate) fn closure(&self, package: &str) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        let mut open = vec![package];
        while let Some(name) = open.pop() {
            for pulled in self.pulls.get(name).into_iter().flatten() {
                if seen.insert(pulled.as_str()) {
                    open.push(pulled);
                }
            }
        }
        seen
    }
}
