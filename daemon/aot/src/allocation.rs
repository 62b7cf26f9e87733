//! How instances get their memory: from pools reserved in advance, or on demand.
//!
//! Pools make an instantiation cheaper, and cost virtual memory only, but a lot of it; where that does not fit, on demand
//! always works. Nothing here changes which artefacts an engine accepts.

use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

/// The choice.
#[derive(Clone, Debug)]
pub enum Allocation {
    /// Each instance maps its own memory.
    OnDemand,
    /// Slots reserved when the engine is made.
    Pooling {
        /// Guests that can live at once.
        guests: u32,
    },
}

/// Guests that the pools hold.
const POOLED_GUESTS: u32 = 128;

/// A component is several core modules: the check, and adapters between it and its imports.
const CORE_INSTANCES_PER_GUEST: u32 = 16;

/// Memories and tables of one component, where it was composed of several.
const MEMORIES_PER_GUEST: u32 = 2;

/// Tasks of one guest that can be suspended in the middle of a call.
const STACKS_PER_GUEST: u32 = 4;

/// What a slot of linear memory takes of the address space: its reservation and its guard, 32 MiB by default.
const MEMORY_SLOT_BYTES: u64 = super::MEMORY_RESERVATION_BYTES + (32 << 20);

/// Of a table, what is cleared rather than given back to the kernel: more than a check's functions take. Giving back costs every thread of
/// the process its mappings of the page, and the next guest a page fault.
const TABLE_RESIDENT_BYTES: usize = 32 << 10;

/// What a guest has left to be given back to the kernel waits for that of so many others.
const DECOMMITTED_AT_ONCE: usize = 32;

impl Allocation {
    /// The pooling allocator with this project's number of slots.
    pub fn pooling() -> Self {
        Self::Pooling { guests: POOLED_GUESTS }
    }

    /// What suits guests of at most `memory_bytes` in a process that may map `address_space_bytes` (none: as much as it likes).
    pub fn suited_to(memory_bytes: u64, address_space_bytes: Option<u64>) -> Self {
        let slots = u64::from(POOLED_GUESTS * MEMORIES_PER_GUEST) * MEMORY_SLOT_BYTES;
        let stacks = u64::from(POOLED_GUESTS * STACKS_PER_GUEST) * (super::FIBER_STACK_BYTES as u64);
        // Half is left to everything else in the process.
        let fits = address_space_bytes.is_none_or(|limit| (slots + stacks) <= limit / 2);
        if fits && memory_bytes <= super::MEMORY_RESERVATION_BYTES { Self::pooling() } else { Self::OnDemand }
    }

    /// How many guests may live at once, where the allocation bounds it.
    pub fn guests(&self) -> Option<u32> {
        match self {
            Self::OnDemand => None,
            Self::Pooling { guests } => Some(*guests),
        }
    }

    pub(super) fn apply(&self, config: &mut Config) {
        let Self::Pooling { guests } = *self else {
            config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
            return;
        };
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(guests)
            .total_core_instances(guests * CORE_INSTANCES_PER_GUEST)
            .max_core_instances_per_component(CORE_INSTANCES_PER_GUEST)
            .total_memories(guests * MEMORIES_PER_GUEST)
            .max_memories_per_component(MEMORIES_PER_GUEST)
            .total_tables(guests * CORE_INSTANCES_PER_GUEST)
            .max_tables_per_component(CORE_INSTANCES_PER_GUEST)
            .total_stacks(guests * STACKS_PER_GUEST)
            .max_memory_size(usize::try_from(super::MEMORY_RESERVATION_BYTES).unwrap_or(usize::MAX))
            .linear_memory_keep_resident(256 << 10)
            .table_keep_resident(TABLE_RESIDENT_BYTES)
            .decommit_batch_size(DECOMMITTED_AT_ONCE)
            .pagemap_scan(Enabled::Auto);
        config.allocation_strategy(pool);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_address_space_gets_no_pools() {
        assert!(matches!(Allocation::suited_to(64 << 20, Some(8 << 30)), Allocation::OnDemand));
        assert!(matches!(Allocation::suited_to(64 << 20, None), Allocation::Pooling { .. }));
    }

    #[test]
    fn guests_larger_than_a_slot_get_no_pools() {
        assert!(matches!(Allocation::suited_to(65 << 20, None), Allocation::OnDemand));
    }
}
