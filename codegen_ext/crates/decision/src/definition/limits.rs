//! What the limits of a campaign may say.

use super::{Findings, MAX_AMOUNT};
use crate::bundle::Limits;
use crate::limits::LimitKind;

pub(super) fn check(limits: &Limits, found: &mut Findings) {
    for kind in LimitKind::ALL {
        let field = format!("limits.{}", kind.name());
        found.range(&field, kind.value_in(limits), 0, MAX_AMOUNT);
    }
}
