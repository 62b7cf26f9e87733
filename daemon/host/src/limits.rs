//! What one guest may use. Every limit ends in data or in a named [`sonde_core::manifest::Stop`], never in harm to another run.

use std::time::Duration;

/// The limits of one guest's run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// All linear memories of the guest together. Passing it stops the guest.
    pub memory_bytes: u64,
    /// CPU time, host calls included, measured on the guest's thread and looked at once in an epoch tick. Passing it stops
    /// the guest.
    pub cpu: Duration,
    /// What one call may carry from the guest to the host, results of its exports included. Passing it stops the guest.
    pub data_bytes: usize,
    /// Live component-model handles, tasks included. Passing it stops the guest.
    pub handles: usize,
    /// Host calls of one run. Further ones fail as data; ten times as many stop the guest.
    pub host_calls: u32,
    /// What the ledger keeps of one run's host calls, roughly. Further calls fail as data.
    pub ledger_bytes: u64,
    /// Host calls in flight at once. Further ones fail as data.
    pub concurrent_calls: u32,
    /// Findings of one run. Further ones are rejected.
    pub findings: u32,
    /// Each text of a finding, an outcome or an error. A finding with a longer one is rejected; the others are cut.
    pub text_bytes: usize,
    /// Evidence ids or measures of one finding.
    pub finding_items: usize,
    /// Log lines of one run. Further ones are counted.
    pub log_lines: u32,
    /// One log line; longer ones are cut.
    pub log_text_bytes: usize,
    /// A component to load.
    pub component_bytes: usize,
    /// Wall clock and CPU time of `describe`.
    pub describe: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            cpu: Duration::from_millis(500),
            data_bytes: 4 << 20,
            handles: 160,
            host_calls: 2000,
            ledger_bytes: 32 << 20,
            concurrent_calls: 64,
            findings: 256,
            text_bytes: 2 << 10,
            finding_items: 64,
            log_lines: 200,
            log_text_bytes: 2 << 10,
            component_bytes: 32 << 20,
            describe: Duration::from_millis(250),
        }
    }
}
