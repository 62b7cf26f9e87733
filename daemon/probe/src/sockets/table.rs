//! A walk over the socket tables: what the kernel can filter by never leaves it, what it cannot (the process) is filtered here.

use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::time::Duration;

use super::cgroups::Cgroups;
use super::filter::Filter;
use super::owners::{Owner, Owners};
use super::reader::{Broken, Dumped, Reader, SOCK_DIAG_BY_FAMILY};
use super::row::{Protocol, Row};
use crate::inspection::Problem;
use crate::vantage::Procfs;

/// What to list.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each asks for one thing")]
pub struct Listing {
    /// Which sockets.
    pub filter: Filter,
    /// With struct `tcp_info` and the congestion control.
    pub info: bool,
    /// With memory.
    pub memory: bool,
    /// With the path of their cgroup.
    pub cgroup: bool,
    /// With the processes that hold them: a walk over /proc.
    pub owners: bool,
}

/// A socket, borrowed while it is visited.
#[derive(Clone, Copy, Debug)]
pub struct Socket<'a> {
    /// Of which table.
    pub protocol: Protocol,
    /// What the kernel says of it.
    pub row: Row<'a>,
    /// The device it is bound to; empty for none.
    pub device: &'a str,
    /// On request, by pid and descriptor.
    pub owners: &'a [Owner],
    /// On request; empty where it is not known.
    pub cgroup: &'a str,
}

/// How a walk ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walked {
    /// The kernel said that a table changed meanwhile: a socket may be missing or come twice.
    pub changed: bool,
    /// The visitor wanted no more.
    pub stopped: bool,
    /// Not all processes could be looked at in time: a socket without a holder may have one.
    pub owners_cut: bool,
}

/// Why a walk did not end well.
#[derive(Debug)]
pub(super) struct Unfinished {
    pub(super) problem: Problem,
    /// Sockets were lost on the way, and another walk may see all.
    pub(super) again: bool,
}

impl From<Problem> for Unfinished {
    fn from(problem: Problem) -> Self {
        Self { problem, again: false }
    }
}

/// Visits every socket of the listing. Inside the vantage only.
pub(super) fn walk(
    procfs: &Procfs,
    listing: &Listing,
    attempt: &'static str,
    allowed: Duration,
    mut visit: impl FnMut(&Socket<'_>) -> ControlFlow<()>,
) -> Result<Walked, Unfinished> {
    let filter = &listing.filter;
    // Of a process that is filtered by, its own descriptors say which sockets; whoever else holds them takes the whole walk.
    let of_process = filter.pid.map(|pid| Owners::of(procfs, pid)).transpose()?;
    let all = listing.owners.then(|| Owners::all(procfs, allowed));
    let mut cgroups = listing.cgroup.then(|| Cgroups::new(procfs));
    let mut devices = Devices::default();
    // Its time begins when the processes are known.
    let mut reader = Reader::new(attempt, allowed);
    let cut = all.iter().chain(&of_process).any(Owners::cut);
    let mut walked = Walked { owners_cut: cut, ..Walked::default() };
    let mut questions = VecDeque::from(filter.questions(listing)?);
    while let Some(question) = questions.pop_front() {
        let protocol = question.protocol;
        let each = |record: &[u8]| {
            let Some(row) = Row::parse(protocol, record) else { return ControlFlow::Continue(()) };
            if question.exact && !filter.is_it(&row) {
                return ControlFlow::Continue(());
            }
            if of_process.as_ref().is_some_and(|owners| owners.of_inode(row.inode()).is_empty()) {
                return ControlFlow::Continue(());
            }
            let (device, cgroup_id) = match &row {
                Row::Inet(inet) => (inet.device(), inet.cgroup_id),
                Row::Unix(_) => (0, 0),
            };
            visit(&Socket {
                protocol,
                device: if device == 0 { "" } else { devices.name(device) },
                owners: all.as_ref().map_or(&[], |owners| owners.of_inode(row.inode())),
                cgroup: cgroups.as_mut().map_or("", |cgroups| cgroups.path(cgroup_id)),
                row,
            })
        };
        let outcome = if question.exact {
            reader.look_up(&question.bytes, each)
        } else {
            reader.dump(question.kind, &question.bytes, each)
        };
        match outcome {
            Ok(Dumped { changed, stopped }) => {
                walked.changed |= changed;
                if stopped {
                    return Ok(Walked { stopped, ..walked });
                }
            }
            // Refused as such, before any row: the older message is not known, or asks for a table that is not there.
            Err(Broken::Refused(libc::ENOENT | libc::EINVAL | libc::EOPNOTSUPP | libc::EPROTONOSUPPORT))
                if !question.instead.is_empty() =>
            {
                for each in question.instead.into_iter().rev() {
                    questions.push_front(each);
                }
            }
            // No such socket; or no such table, which any dump tells.
            Err(Broken::Refused(libc::ENOENT)) if question.exact => {
                let asked = reader.dump(SOCK_DIAG_BY_FAMILY, &Filter::any(listing), |_| ControlFlow::Break(()));
                asked.map_err(|broken| reader.failure(broken))?;
            }
            // A kernel without IPv6, or without the module of a table that is asked for among others, has no sockets of it.
            Err(Broken::Refused(libc::ENOENT | libc::EAFNOSUPPORT)) if question.optional => {}
            Err(broken) => {
                let again = matches!(broken, Broken::Lost(_));
                return Err(Unfinished { problem: reader.failure(broken), again });
            }
        }
    }
    Ok(walked)
}

/// Names of devices, each asked for once.
#[derive(Debug, Default)]
struct Devices(HashMap<u32, String>);

impl Devices {
    /// Its number where it has no name any more.
    fn name(&mut self, index: u32) -> &str {
        self.0.entry(index).or_insert_with(|| Reader::device_name(index).unwrap_or_else(|| index.to_string()))
    }
}
