//! JSON in and out, for callers without the types of this crate: the control
//! plane's checks and dry runs, and the differential tests. Checkout calls do not
//! come this way.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::bundle::CampaignBundle;
use crate::calendar::Zone;
use crate::campaign::Campaign;
use crate::decide::{Candidate, Decision, Facts, Mode, Outcome, decide};
use crate::definition::{self, DefinitionError};
use crate::limits::Take;
use crate::order::{LineInput, Order};
use crate::pricing::Breakdown;
use crate::reason::Reason;
use crate::refusal::{Refusal, Violation};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderDocument {
    #[serde(default)]
    source_id: String,
    currency_code: String,
    #[serde(default)]
    amount: i64,
    #[serde(default)]
    items: Vec<LineDocument>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LineDocument {
    #[serde(default)]
    source_id: String,
    #[serde(default)]
    product_id: String,
    #[serde(default)]
    sku_id: String,
    quantity: i64,
    price: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CandidateDocument {
    code: String,
    /// None: no campaign has the code.
    campaign: Option<CampaignBundle>,
    #[serde(default)]
    position: u64,
    #[serde(default)]
    published_ms: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FactsDocument {
    now_ms: i64,
    time_zone: String,
    #[serde(default)]
    customer: Option<String>,
    mode: ModeDocument,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ModeDocument {
    All,
    Partial,
}

#[derive(Serialize)]
struct ViolationDocument {
    field: String,
    description: String,
}

/// `{"definition": <canonical>}`, or `{"violations": [{field, description}]}`.
pub fn check_definition_json(document: &str) -> String {
    let checked = definition::check_definition(document)
        .and_then(|canonical| Ok(serde_json::from_str::<Value>(&canonical)?));
    answer("definition", checked)
}

/// `{"decision": {...}}`, or `{"violations": [...]}` of the order or of a
/// definition. Candidates are `{code, campaign, position, published_ms}` with the
/// campaign's bundle, or null for a code that no campaign has; facts are
/// `{now_ms, time_zone, customer, mode}` with the mode `all` or `partial`.
pub fn decide_json(order: &str, candidates: &str, facts: &str) -> String {
    answer("decision", decide_documents(order, candidates, facts))
}

fn answer(key: &str, outcome: Result<Value, DefinitionError>) -> String {
    match outcome {
        Ok(value) => json!({ key: value }),
        Err(error) => {
            let violations: Vec<_> = error.violations().into_iter().map(violation).collect();
            json!({ "violations": violations })
        }
    }
    .to_string()
}

fn violation(one: Violation) -> ViolationDocument {
    ViolationDocument {
        field: one.field,
        description: one.description,
    }
}

fn decide_documents(order: &str, candidates: &str, facts: &str) -> Result<Value, DefinitionError> {
    let document: OrderDocument = serde_json::from_str(order)?;
    let facts: FactsDocument = serde_json::from_str(facts)?;
    let zone = Zone::named(&facts.time_zone)?;
    let lines = document.items.iter().map(|line| LineInput {
        source_id: &line.source_id,
        product_id: &line.product_id,
        sku_id: &line.sku_id,
        quantity: line.quantity,
        price: line.price,
    });
    let order = Order::check(
        &document.source_id,
        &document.currency_code,
        document.amount,
        lines,
    )
    .map_err(DefinitionError::Invalid)?;
    let mut compiled = Vec::new();
    for mut candidate in serde_json::from_str::<Vec<CandidateDocument>>(candidates)? {
        let campaign = candidate
            .campaign
            .take()
            .map(Campaign::compile)
            .transpose()?;
        compiled.push((candidate, campaign));
    }
    let candidates: Vec<_> = compiled
        .iter()
        .map(|(document, campaign)| {
            let campaign = campaign.as_ref().ok_or_else(|| {
                Refusal::new(Reason::CodeNotFound).with("code", document.code.as_str())
            })?;
            Ok(Candidate {
                campaign,
                code: &document.code,
                position: document.position,
                published_ms: document.published_ms,
                voucher: None,
            })
        })
        .collect();
    let mode = match facts.mode {
        ModeDocument::All => Mode::All,
        ModeDocument::Partial => Mode::Partial,
    };
    let facts = Facts {
        now_ms: facts.now_ms,
        zone: &zone,
        customer: facts.customer.as_deref(),
    };
    Ok(write(&order, &decide(&order, &candidates, mode, &facts)))
}

fn write(order: &Order<'_>, decision: &Decision) -> Value {
    json!({
        "valid": decision.valid,
        "outcomes": decision.outcomes.iter().map(write_outcome).collect::<Vec<_>>(),
        "order": write_order(order, &decision.breakdown),
        "takes": decision.takes.iter().map(write_take).collect::<Vec<_>>(),
    })
}

fn write_outcome(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Applied { amount } => json!({ "status": "applicable", "amount": amount }),
        Outcome::Skipped => json!({ "status": "skipped" }),
        Outcome::Refused(refusal) => {
            let metadata: Map<_, _> = refusal
                .metadata
                .iter()
                .map(|(key, value)| ((*key).to_owned(), Value::from(value.as_str())))
                .collect();
            json!({
                "status": "inapplicable",
                "reason": refusal.reason.detail().name,
                "message": refusal.message(),
                "metadata": metadata,
            })
        }
    }
}

fn write_order(order: &Order<'_>, breakdown: &Breakdown) -> Value {
    let items = breakdown.items.iter().enumerate().map(|(index, item)| {
        let (product_id, sku_id) = match (&item.added, order.items.get(index)) {
            (Some(given), _) => (&*given.product_id, &*given.sku_id),
            (None, Some(line)) => (line.product_id, line.sku_id),
            (None, None) => ("", ""),
        };
        json!({
            "product_id": product_id,
            "sku_id": sku_id,
            "quantity": item.quantity,
            "price": item.price,
            "amount": item.amount,
            "discount_amount": item.discount,
            "order_discount_share": item.order_share,
            "total_amount": item.left(),
            "free_quantity": item.free_quantity,
            "added": item.added.is_some(),
        })
    });
    json!({
        "items": items.collect::<Vec<_>>(),
        "amount": breakdown.amount,
        "items_discount_amount": breakdown.items_discount,
        "discount_amount": breakdown.order_discount,
        "total_discount_amount": breakdown.total_discount,
        "total_amount": breakdown.total,
    })
}

fn write_take(take: &Take) -> Value {
    json!({
        "candidate": take.candidate,
        "kind": take.kind.name(),
        "limit": take.limit,
        "amount": take.amount,
        "period": take.period.as_ref().map(|period| period.name.as_str()),
        "period_end_ms": take.period.map(|period| period.end_ms),
    })
}
