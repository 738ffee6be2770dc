//! Customers: profiles written and erased. What the store keeps of them is the
//! ledger; the archive makes a row of each customer out of it.

use promo_decision::{Reason, Refusal};
use prost::Message as _;

use crate::{
    call::Call,
    convert,
    definitions::Project,
    ids::{self, LedgerId},
    keys::{self, Keys, Partition},
    ledger::{self, Found},
    once::{self, Once},
    plan::{Outcome, Plan},
    protocol::promo::v1 as pb,
    request::Violations,
};

/// Letters of the methods in the keys of request ids.
const UPSERT: char = 'c';
const ERASE: char = 'e';

/// How often a change starts over because the project changed under it.
const MOST_ROUNDS: usize = 5;

const LONGEST_SOURCE_ID: usize = 256;

/// What a profile consists of, in the spelling of update masks.
const FIELDS: [&str; 4] = ["name", "email", "phone", "metadata"];

/// Writes a profile.
pub async fn upsert(
    call: &Call<'_>,
    request: pb::UpsertCustomerRequest,
) -> Result<pb::Customer, Refusal> {
    let mut violations = Violations::default();
    violations.request_id(&request.request_id);
    if request.customer.is_none() {
        violations.add("customer", "is required");
    }
    violations.customer(request.customer.as_ref());
    let customer = request.customer.clone().unwrap_or_default();
    let fields = match &request.update_mask {
        Some(mask) => named_fields(&mask.paths, &mut violations),
        None => given_fields(&customer),
    };
    violations.check()?;
    let once = Once::of(UPSERT, &request);
    let mut written = pb::Customer {
        source_id: customer.source_id,
        ..pb::Customer::default()
    };
    for field in &fields {
        match *field {
            "name" => written.name.clone_from(&customer.name),
            "email" => written.email.clone_from(&customer.email),
            "phone" => written.phone.clone_from(&customer.phone),
            _ => written.metadata.clone_from(&customer.metadata),
        }
    }
    let change = pb::CustomerChange {
        customer: Some(written),
        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
        erased: false,
        change_time: Some(convert::timestamp(call.now_ms)),
    };
    let change = if request.validate_only {
        checked(call, change, once).await?
    } else {
        record(call, change, once, &request.request_id).await?
    };
    let mut customer = change.customer.unwrap_or_default();
    customer.id = ids::customer(&call.identity.project, &customer.source_id);
    customer.update_time = change.change_time;
    Ok(customer)
}

/// Erases what is known of a person.
pub async fn erase(call: &Call<'_>, request: pb::EraseCustomerRequest) -> Result<(), Refusal> {
    let mut violations = Violations::default();
    violations.request_id(&request.request_id);
    violations.required("customer", &request.customer, LONGEST_SOURCE_ID);
    violations.check()?;
    let once = Once::of(ERASE, &request);
    let change = pb::CustomerChange {
        customer: Some(pb::Customer {
            source_id: request.customer.clone(),
            ..pb::Customer::default()
        }),
        fields: Vec::new(),
        erased: true,
        change_time: Some(convert::timestamp(call.now_ms)),
    };
    if request.validate_only {
        checked(call, change, once).await.map(drop)
    } else {
        record(call, change, once, &request.request_id)
            .await
            .map(drop)
    }
}

/// Returns what `record` would, and writes nothing.
async fn checked(
    call: &Call<'_>,
    change: pb::CustomerChange,
    once: Option<Once<'_>>,
) -> Result<pb::CustomerChange, Refusal> {
    let project = call.project().await?;
    let keys = Keys::new(&project.id, home(&project, &change));
    match once::kept(call, once, &[keys]).await? {
        Some(kept) => first_answer(call, ledger::id(kept.home, &kept.answer)?, change).await,
        None => Ok(change),
    }
}

/// The partition that has what a change says.
fn home(project: &Project, change: &pb::CustomerChange) -> Partition {
    let source_id = change.customer.as_ref().map_or("", |one| &one.source_id);
    keys::partition_of_text(source_id, project.partitions)
}

/// Writes a change to the ledger of the customer's partition, once. Returns the
/// change that the request id has made, also on a repeat.
async fn record(
    call: &Call<'_>,
    change: pb::CustomerChange,
    once: Option<Once<'_>>,
    request_id: &str,
) -> Result<pb::CustomerChange, Refusal> {
    let mut project = call.project().await?;
    let home = home(&project, &change);
    let keys = Keys::new(&project.id, home);
    let entry = pb::LedgerEntry {
        fact: Some(pb::ledger_entry::Fact::CustomerChange(change.clone())),
        request_id: request_id.to_owned(),
        ..pb::LedgerEntry::default()
    };
    let blob = entry.encode_to_vec();
    for _ in 0..MOST_ROUNDS {
        let mut plan = Plan::new();
        if let Some(once) = once {
            let ttl_ms = call.engine.config.idempotency_ttl_ms;
            once.guard(&mut plan, &keys, home, ttl_ms);
        }
        // A store that has lost the project must not begin another ledger of it.
        plan.expect_version(keys.project_version(), project.version);
        plan.record(keys.ledger(), keys.outbox(), blob.clone());
        match call.engine.store.commit(plan).await? {
            Outcome::Done { .. } => return Ok(change),
            Outcome::Replayed(kept) => {
                return first_answer(call, ledger::id(kept.home, &kept.answer)?, change).await;
            }
            Outcome::Reused => return Err(once::reused(once)),
            Outcome::Stale => project = call.newer_project(&project).await?,
            _ => return Err(Refusal::new(Reason::Internal)),
        }
    }
    Err(Refusal::new(Reason::Conflict))
}

/// The change that was recorded first. Where its entry was trimmed it is known all
/// the same: its body was this one's, and its id tells when it was.
async fn first_answer(
    call: &Call<'_>,
    id: LedgerId,
    repeated: pb::CustomerChange,
) -> Result<pb::CustomerChange, Refusal> {
    if let Found::Here(found) = ledger::read(call, id).await?
        && let Some(pb::ledger_entry::Fact::CustomerChange(first)) = found.entry.fact
    {
        return Ok(first);
    }
    let made_ms = i64::try_from(id.milliseconds).unwrap_or(call.now_ms);
    Ok(pb::CustomerChange {
        change_time: Some(convert::timestamp(made_ms)),
        ..repeated
    })
}

/// The fields that a mask names.
fn named_fields(paths: &[String], violations: &mut Violations) -> Vec<&'static str> {
    for path in paths {
        if !FIELDS.contains(&path.as_str()) {
            let known = FIELDS.join(", ");
            violations.add(
                "update_mask",
                format!("names {path:?}; it can name {known}"),
            );
        }
    }
    FIELDS
        .into_iter()
        .filter(|field| paths.iter().any(|path| path == field))
        .collect()
}

/// The fields that a profile has something in.
fn given_fields(customer: &pb::Customer) -> Vec<&'static str> {
    FIELDS
        .into_iter()
        .filter(|field| match *field {
            "name" => !customer.name.is_empty(),
            "email" => !customer.email.is_empty(),
            "phone" => !customer.phone.is_empty(),
            _ => !customer.metadata.is_empty(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_profile_says_is_written_without_a_mask() {
        let customer = pb::Customer {
            source_id: "c".into(),
            email: "a@example.com".into(),
            ..pb::Customer::default()
        };
        assert_eq!(given_fields(&customer), ["email"]);
    }

    #[test]
    fn a_mask_names_fields_once_and_nothing_else() {
        let mut violations = Violations::default();
        let paths = ["phone".to_owned(), "name".into(), "phone".into()];
        assert_eq!(named_fields(&paths, &mut violations), ["name", "phone"]);
        assert!(violations.check().is_ok());
        let mut violations = Violations::default();
        named_fields(&["source_id".to_owned()], &mut violations);
        assert!(violations.check().is_err());
    }
}
