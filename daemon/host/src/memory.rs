//! The limit on a guest's memory, over all its linear memories together.

use wasmtime::{Error, ResourceLimiter};

/// Elements of all tables together; a table's element is a pointer.
const TABLE_ELEMENTS: usize = 200_000;

/// Counts growth and refuses what passes the limit, by a trap: a guest that goes on without the memory it asked for would
/// only fail later, and less clearly.
#[derive(Debug)]
pub(crate) struct MemoryLimit {
    limit: usize,
    used: usize,
    table_elements: usize,
}

/// The guest asked for more memory than it may have.
#[derive(Debug, thiserror::Error)]
#[error("the guest asked for {asked} bytes of memory; {limit} are allowed")]
pub(crate) struct MemoryExceeded {
    asked: usize,
    limit: usize,
}

impl MemoryLimit {
    pub(crate) fn new(bytes: u64) -> Self {
        Self { limit: usize::try_from(bytes).unwrap_or(usize::MAX), used: 0, table_elements: 0 }
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool, Error> {
        let asked = self.used.saturating_add(desired.saturating_sub(current));
        if asked > self.limit {
            return Err(MemoryExceeded { asked, limit: self.limit }.into());
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.used = asked;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool, Error> {
        let asked = self.table_elements.saturating_add(desired.saturating_sub(current));
        if asked > TABLE_ELEMENTS {
            return Err(MemoryExceeded {
                asked: asked.saturating_mul(size_of::<usize>()),
                limit: TABLE_ELEMENTS * size_of::<usize>(),
            }
            .into());
        }
        self.table_elements = asked;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_memories_share_one_limit() {
        let mut limit = MemoryLimit::new(100);
        assert!(limit.memory_growing(0, 60, None).expect("fits"));
        assert!(limit.memory_growing(0, 40, None).expect("fits exactly"));
        assert!(limit.memory_growing(60, 61, None).expect_err("is over").is::<MemoryExceeded>());
    }
}
