//! What one voucher has of its own, in place of what its campaign says.

use crate::bundle::Discount;
use crate::definition::check_discount;
use crate::effects::Effect;
use crate::refusal::Violation;

/// The terms of a voucher that was edited on its own. What is absent is the
/// campaign's.
#[derive(Debug, Default)]
pub struct VoucherTerms {
    /// Whether it was switched off.
    pub disabled: bool,
    /// Whether it is gone, so that its code is unknown.
    pub deleted: bool,
    /// First instant of use, Unix milliseconds.
    pub start_ms: Option<i64>,
    /// First instant at which use has ended, Unix milliseconds; in place of the
    /// campaign's and of the end of its activity.
    pub expire_ms: Option<i64>,
    /// Uses allowed, 0 for no limit.
    pub per_code: Option<i64>,
    /// What it gives.
    pub discount: Option<OwnDiscount>,
}

/// A discount that was checked and compiled.
#[derive(Debug)]
pub struct OwnDiscount(pub(crate) Effect);

impl OwnDiscount {
    /// Compiles a discount; violations when it cannot be one.
    pub fn compile(discount: &Discount) -> Result<Self, Vec<Violation>> {
        let violations = check_discount(discount);
        if !violations.is_empty() {
            return Err(violations);
        }
        let effect = Effect::compile(discount);
        let problem = || vec![Violation::new("discount", "cannot be compiled")];
        effect.map(Self).ok_or_else(problem)
    }
}
