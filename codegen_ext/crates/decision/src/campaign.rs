//! A campaign ready to decide with: checked once, then only read.

use crate::bundle::{CampaignBundle, CampaignDefinition, CodeMode};
use crate::currency::Currency;
use crate::definition::{DefinitionError, violations};
use crate::effects::Effect;
use crate::limits::{self, LimitKind};
use crate::refusal::Violation;
use crate::validity::Window;

/// A compiled campaign. Share it in an `Arc`.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Campaign {
    /// The engine's id.
    pub id: String,
    /// Number within the project.
    pub number: u32,
    /// Version of the definition.
    pub version: u64,
    /// Unique in the project.
    pub name: String,
    /// Whether codes can be used.
    pub enabled: bool,
    /// Whether the campaign is gone.
    pub deleted: bool,
    /// Half-open ranges of raw indices, in order of position.
    pub ranges: Vec<(u64, u64)>,
    /// How many codes it has; none where an older bundle does not say.
    pub code_count: Option<u64>,
    /// Whether a customer who holds a code gets that one again.
    pub join_once: bool,
    /// Whether publications add codes when they run out.
    pub auto_grow: bool,
    /// Where the codes live.
    pub codes: CodeMode,
    /// The definition as it was saved.
    pub definition: CampaignDefinition,
    /// Currency of every amount in the definition.
    pub currency: Currency,
    pub(crate) effect: Effect,
    pub(crate) window: Window,
    limits: Box<[(LimitKind, i64)]>,
    needs_customer: bool,
}

impl Campaign {
    /// Checks and compiles a bundle.
    pub fn compile(bundle: CampaignBundle) -> Result<Self, DefinitionError> {
        let found = violations(&bundle.definition);
        if !found.is_empty() {
            return Err(DefinitionError::Invalid(found));
        }
        let definition = bundle.definition;
        let currency = Currency::from_code(&definition.currency);
        let discount = definition.discount.as_ref();
        let (Some(currency), Some(effect)) = (currency, discount.and_then(Effect::compile)) else {
            let violation = Violation::new("discount", "cannot be compiled");
            return Err(DefinitionError::Invalid(vec![violation]));
        };
        let limits = limits::compile(&definition.limits);
        Ok(Self {
            id: bundle.id,
            number: bundle.number,
            version: bundle.version,
            name: bundle.name,
            enabled: bundle.enabled,
            deleted: bundle.deleted,
            ranges: bundle.ranges,
            code_count: bundle.code_count,
            join_once: bundle.join_once,
            auto_grow: bundle.auto_grow,
            codes: bundle.codes,
            currency,
            effect,
            window: Window::compile(&definition.validity),
            needs_customer: limits.iter().any(|(kind, _)| kind.needs_customer()),
            limits,
            definition,
        })
    }

    /// What refusals of a code call it: its name, or the code where that stands
    /// alone, whose campaign has no name but its id.
    pub fn called<'a>(&'a self, code: &'a str) -> &'a str {
        if self.name == self.id {
            code
        } else {
            &self.name
        }
    }

    /// The limits that are set, in order of kind.
    pub fn limits(&self) -> &[(LimitKind, i64)] {
        &self.limits
    }

    /// Whether a limit per customer is set.
    pub fn needs_customer(&self) -> bool {
        self.needs_customer
    }

    /// Whether a decision depends on when the code was published, so that the
    /// caller must read that first.
    pub fn needs_publication(&self) -> bool {
        self.window.activity_ms.is_some()
    }

    /// When a code that was published at `published_ms` ends; none when it does not.
    pub fn expire_ms(&self, published_ms: Option<i64>) -> Option<i64> {
        self.window.expire_ms_of(published_ms)
    }
}
