//! Python binding of the data plane: converts, releases the GIL, nothing else.

mod build_info;
mod codes;
mod decision;
mod error;
mod events;
mod python_thread;
mod runtime;
mod store_keys;

use mimalloc::MiMalloc;
use pyo3::prelude::*;

/// A call allocates some hundred small things on one thread and frees some of them
/// on another, where the system's allocator takes locks and consolidates.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The compiled half of `promo_server`.
#[pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use crate::build_info::build_info;
    #[pymodule_export]
    use crate::codes::{Codec, check_layout, layouts_overlap, new_wrapped_key, rewrap_key};
    #[pymodule_export]
    use crate::decision::{check_definition, currencies, decide_json, has_time_zone};
    #[pymodule_export]
    use crate::error::{LayoutInvalidError, ResumeMismatchError};
    #[pymodule_export]
    use crate::events::listen;
    #[pymodule_export]
    use crate::runtime::{Pending, Runtime};
    #[pymodule_export]
    use crate::store_keys::{
        auth_key, bundle_key, bundle_version_key, campaign_of_limit, complete_entry, cursor_key,
        customer_id, customer_publication_key, describe_key, epoch_key, free_slots_key,
        further_publications_key, holders_key, holds_key, ledger_key, limit_key, named_from,
        outbox_key, parse_redemption_id, parse_voucher_id, positions_per_bucket,
        project_bundle_key, project_version_key, publication_id, put_stored_codes, rolled_back_key,
        source_key, stored_code_key, stored_codes_key, voucher_id, voucher_override_key,
    };
}
