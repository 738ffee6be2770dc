//! Single codes: a look at one, and changes of what it has of its own.

use std::sync::Arc;

use promo_decision::{Reason, Refusal, Violation};
use prost::Message as _;

use crate::{
    call::Call,
    convert,
    definitions::Project,
    holds, ids,
    keys::HOLDERS_PER_BUCKET,
    movements::Subject,
    once::{self, Once},
    overrides::{self, Edited},
    plan::{Outcome, Plan},
    protocol::promo::v1 as pb,
    publications,
    reading::Reading,
    request::{Violations, present},
    resolve::{self, Located},
    uses,
};

const MOST_ROUNDS: usize = 8;
const LONGEST_CODE: usize = 128;
const MOST_USES: i64 = 1_000_000_000_000;

/// One voucher.
pub async fn get(call: &Call<'_>, request: pb::GetVoucherRequest) -> Result<pb::Voucher, Refusal> {
    let code = request.code.trim().to_owned();
    let mut violations = Violations::default();
    violations.required("code", &code, LONGEST_CODE);
    violations.check()?;
    let mut project = call.project().await?;
    let located = locate(call, &mut project, &code).await?;
    // Expired holds do not count as redemptions.
    let (store, partition) = (&call.engine.store, located.campaign.partition);
    holds::reclaim_all(store, &project, partition, call.now_ms).await?;
    let edited = read(call, &located).await?;
    if is_deleted(edited.as_ref()) {
        return Err(unknown(&code));
    }
    describe(call, &located, edited.map(|edited| edited.record)).await
}

/// Changes fields of one voucher.
pub async fn update(
    call: &Call<'_>,
    request: pb::UpdateVoucherRequest,
) -> Result<pb::Voucher, Refusal> {
    let voucher = request.voucher.clone().unwrap_or_default();
    let once = Once::of('u', &request);
    let paths = request.update_mask.clone().unwrap_or_default().paths;
    let mut violations = Violations::default();
    check_fields(&voucher, &paths, &mut violations);
    let (code, etag, request_id) = (&voucher.code, &voucher.etag, &request.request_id);
    let edit = Edit {
        field: "voucher.code",
        ..Edit::new(code, etag, request_id, request.validate_only)
    };
    let change = |record: &mut pb::VoucherOverride| {
        for path in &paths {
            apply(record, path, &voucher);
        }
        check_window(record)
    };
    edit.run(call, once, violations, &change).await
}

/// Lets one voucher be used again.
pub async fn enable(
    call: &Call<'_>,
    request: pb::EnableVoucherRequest,
) -> Result<pb::Voucher, Refusal> {
    let once = Once::of('n', &request);
    let (code, etag, request_id) = (&request.code, &request.etag, &request.request_id);
    let edit = Edit::new(code, etag, request_id, request.validate_only);
    let change = |record: &mut pb::VoucherOverride| {
        record.disabled = false;
        Ok(())
    };
    edit.run(call, once, Violations::default(), &change).await
}

/// Refuses use of one voucher.
pub async fn disable(
    call: &Call<'_>,
    request: pb::DisableVoucherRequest,
) -> Result<pb::Voucher, Refusal> {
    let once = Once::of('o', &request);
    let (code, etag, request_id) = (&request.code, &request.etag, &request.request_id);
    let edit = Edit::new(code, etag, request_id, request.validate_only);
    let change = |record: &mut pb::VoucherOverride| {
        record.disabled = true;
        Ok(())
    };
    edit.run(call, once, Violations::default(), &change).await
}

/// Makes one code unknown.
pub async fn delete(call: &Call<'_>, request: pb::DeleteVoucherRequest) -> Result<(), Refusal> {
    let once = Once::of('d', &request);
    let (code, etag, request_id) = (&request.code, &request.etag, &request.request_id);
    let edit = Edit::new(code, etag, request_id, request.validate_only);
    let change = |record: &mut pb::VoucherOverride| {
        *record = pb::VoucherOverride {
            deleted: true,
            ..pb::VoucherOverride::default()
        };
        Ok(())
    };
    let deleted = edit.run(call, once, Violations::default(), &change).await;
    deleted.map(drop)
}

/// Changes a record, or refuses to.
type Change<'a> = dyn Fn(&mut pb::VoucherOverride) -> Result<(), Refusal> + Send + Sync + 'a;

/// What every change of a voucher says beside the change.
struct Edit<'a> {
    code: &'a str,
    etag: &'a str,
    request_id: &'a str,
    validate_only: bool,
    /// Path of the code in the request.
    field: &'static str,
}

impl<'a> Edit<'a> {
    /// An edit by a request with the code on its own.
    fn new(code: &'a str, etag: &'a str, request_id: &'a str, validate_only: bool) -> Self {
        Self {
            code: code.trim(),
            etag,
            request_id,
            validate_only,
            field: "code",
        }
    }
}

impl Edit<'_> {
    async fn run(
        &self,
        call: &Call<'_>,
        once: Option<Once<'_>>,
        mut violations: Violations,
        change: &Change<'_>,
    ) -> Result<pb::Voucher, Refusal> {
        violations.required(self.field, self.code, LONGEST_CODE);
        violations.text("etag", self.etag, 64);
        violations.request_id(self.request_id);
        violations.check()?;
        let mut project = call.project().await?;
        for _ in 0..MOST_ROUNDS {
            let located = locate(call, &mut project, self.code).await?;
            let edited = read(call, &located).await?;
            let changed = self.changed(call, edited.as_ref(), &located, change);
            let record = match changed {
                Ok(record) => record,
                // The first call with this request id may have made it so.
                Err(refusal) => return kept(call, &located, once).await?.ok_or(refusal),
            };
            // A definition that changed meanwhile must not hide what was changed.
            let voucher = describe(call, &located, Some(record.clone())).await?;
            if self.validate_only {
                return Ok(kept(call, &located, once).await?.unwrap_or(voucher));
            }
            let plan = self.plan(call, &project, &located, once, edited, record, &voucher);
            match call.engine.store.commit(plan).await? {
                Outcome::Done { .. } => return Ok(voucher),
                Outcome::Replayed(kept) => return Ok(crate::checkout::decode(&kept.answer)?),
                Outcome::Reused => return Err(once::reused(once)),
                Outcome::Stale => project = call.newer_project(&project).await?,
                Outcome::Changed => {}
                Outcome::Refused { .. } | Outcome::Found(_) | Outcome::Moved { .. } => {
                    return Err(Refusal::new(Reason::Internal));
                }
            }
        }
        Err(Refusal::new(Reason::Conflict))
    }

    /// The record after the change.
    fn changed(
        &self,
        call: &Call<'_>,
        edited: Option<&Edited>,
        located: &Located,
        change: &Change<'_>,
    ) -> Result<pb::VoucherOverride, Refusal> {
        if is_deleted(edited) {
            return Err(unknown(self.code));
        }
        let before = edited.map(|edited| &edited.record);
        let current = etag(located, before);
        if !self.etag.is_empty() && self.etag != current {
            return Err(Refusal::new(Reason::EtagMismatch).with("etag", current));
        }
        let mut record = before.cloned().unwrap_or_default();
        let revision = record.revision;
        change(&mut record)?;
        record.revision = revision + 1;
        record.update_time = Some(convert::timestamp(call.now_ms));
        overrides::terms(&record).map_err(|found| {
            let field = |one: &Violation| format!("voucher.{}", one.field);
            let named = found
                .iter()
                .map(|one| Violation::new(field(one), one.description.clone()));
            Refusal::invalid(named.collect())
        })?;
        Ok(record)
    }

    #[allow(clippy::too_many_arguments)] // one commit, and each says another part of it
    fn plan(
        &self,
        call: &Call<'_>,
        project: &Project,
        located: &Located,
        once: Option<Once<'_>>,
        edited: Option<Edited>,
        record: pb::VoucherOverride,
        answer: &pb::Voucher,
    ) -> Plan {
        let (campaign, position) = (&located.campaign, located.position);
        let (keys, number) = (&campaign.keys, campaign.campaign.number);
        let mut plan = Plan::new();
        if let Some(once) = once {
            let ttl_ms = call.engine.config.idempotency_ttl_ms;
            once.guard(&mut plan, keys, campaign.partition, ttl_ms);
        }
        plan.expect_version(keys.bundle_version(number), campaign.campaign.version);
        plan.expect_version(keys.project_version(), project.version);
        let key = overrides::key(campaign, position);
        match edited {
            None => plan.absent(key.clone()),
            Some(edited) => plan.unchanged(key.clone(), edited.bytes),
        }
        plan.keep(key, record.encode_to_vec(), 0);
        if record.deleted {
            let bucket = keys.holders(number, position / HOLDERS_PER_BUCKET);
            plan.withhold(bucket, position % HOLDERS_PER_BUCKET);
        }
        let change = pb::VoucherChange {
            voucher_id: ids::voucher(number, position),
            code: located.code.clone(),
            campaign_id: campaign.campaign.id.clone(),
            position: i64::try_from(position).unwrap_or(i64::MAX),
            r#override: Some(record),
        };
        let entry = pb::LedgerEntry {
            fact: Some(pb::ledger_entry::Fact::Voucher(change)),
            request_id: self.request_id.to_owned(),
            ..pb::LedgerEntry::default()
        };
        plan.record(keys.ledger(), keys.outbox(), entry.encode_to_vec());
        plan.answer(answer.encode_to_vec());
        plan
    }
}

/// The answer of an earlier call with the same request id.
async fn kept(
    call: &Call<'_>,
    located: &Located,
    once: Option<Once<'_>>,
) -> Result<Option<pb::Voucher>, Refusal> {
    let place = std::slice::from_ref(&located.campaign.keys);
    let kept = once::kept(call, once, place).await?;
    let answer = kept.map(|kept| crate::checkout::decode(&kept.answer));
    Ok(answer.transpose()?)
}

/// Finds a code; who names many that are none is guessing.
async fn locate(
    call: &Call<'_>,
    project: &mut Arc<Project>,
    code: &str,
) -> Result<Located, Refusal> {
    let guesser = call.guesser(None);
    call.engine.guard.check(guesser, call.now_ms)?;
    let mut found = resolve::codes(call, project, &[code.to_owned()]).await?;
    match found.located.pop() {
        Some(Ok(located)) => Ok(located),
        other => {
            let (guard, store) = (&call.engine.guard, &call.engine.store);
            guard.count(store, guesser, 1, call.now_ms).await?;
            Err(other.and_then(Result::err).unwrap_or_else(|| unknown(code)))
        }
    }
}

fn unknown(code: &str) -> Refusal {
    Refusal::new(Reason::CodeNotFound).with("code", code)
}

fn is_deleted(edited: Option<&Edited>) -> bool {
    edited.is_some_and(|edited| edited.record.deleted)
}

async fn read(call: &Call<'_>, located: &Located) -> Result<Option<Edited>, Refusal> {
    let mut reading = Reading::default();
    reading.string(overrides::key(&located.campaign, located.position));
    let mut values = reading.run(&call.engine.store).await?;
    Ok(Edited::parse(values.pop().unwrap_or(redis::Value::Nil))?)
}

fn etag(located: &Located, record: Option<&pb::VoucherOverride>) -> String {
    let id = ids::voucher(located.campaign.campaign.number, located.position);
    let revision = record.map_or(0, |record| record.revision);
    format!("{id}.{revision}")
}

/// A voucher with what it has of its own, and with how often it was used.
async fn describe(
    call: &Call<'_>,
    located: &Located,
    record: Option<pb::VoucherOverride>,
) -> Result<pb::Voucher, Refusal> {
    let campaign = &located.campaign;
    let subject = Subject {
        campaign,
        position: located.position,
        customer: None,
        edited: record.is_some(),
    };
    let mut reading = Reading::default();
    let place = uses::look_at_code(&mut reading, subject);
    let values = reading.run(&call.engine.store).await?;
    let publication = publications::of_position(call, campaign, located.position).await?;
    let published = publication.as_ref().and_then(|one| one.publish_time);
    let published_ms = published.as_ref().map(convert::milliseconds);
    let etag = etag(located, record.as_ref());
    let campaign = &campaign.campaign;
    let (own, definition) = (record.unwrap_or_default(), &campaign.definition);
    let end = || campaign.expire_ms(published_ms).map(convert::timestamp);
    let start = || definition.validity.start_ms.map(convert::timestamp);
    Ok(pb::Voucher {
        id: ids::voucher(campaign.number, located.position),
        code: located.code.clone(),
        campaign_id: campaign.id.clone(),
        campaign: campaign.name.clone(),
        redeemed_count: uses::used(&values, &place)?,
        redemption_limit: own.redemption_limit.or(Some(definition.limits.per_code)),
        holder: publication.map(|one| one.customer).unwrap_or_default(),
        publish_time: published,
        expire_time: own.expire_time.or_else(end),
        enabled: campaign.enabled && !own.disabled,
        start_time: own.start_time.or_else(start),
        discount: own.discount.or_else(|| convert::discount(campaign)),
        metadata: own.metadata,
        etag,
        update_time: own.update_time,
    })
}

/// The fields that can be changed.
const FIELDS: [&str; 5] = [
    "start_time",
    "expire_time",
    "redemption_limit",
    "discount",
    "metadata",
];

fn check_fields(voucher: &pb::Voucher, paths: &[String], violations: &mut Violations) {
    if paths.is_empty() {
        let list = FIELDS.join(", ");
        violations.add(
            "update_mask",
            format!("names no field; name some of {list}"),
        );
    }
    for path in paths {
        if present(path).is_none_or(|path| !FIELDS.contains(&path)) {
            let list = FIELDS.join(", ");
            violations.add("update_mask", format!("{path:?} is none of {list}"));
        }
    }
    for (field, time) in [
        ("voucher.start_time", &voucher.start_time),
        ("voucher.expire_time", &voucher.expire_time),
    ] {
        violations.time(field, time.as_ref());
    }
    if let Some(limit) = voucher.redemption_limit
        && !(0..=MOST_USES).contains(&limit)
    {
        let problem = format!("must be 0 to {MOST_USES}, not {limit}");
        violations.add("voucher.redemption_limit", problem);
    }
    violations.metadata("voucher.metadata", &voucher.metadata);
}

fn apply(record: &mut pb::VoucherOverride, path: &str, voucher: &pb::Voucher) {
    match path {
        "start_time" => record.start_time = voucher.start_time,
        "expire_time" => record.expire_time = voucher.expire_time,
        "redemption_limit" => record.redemption_limit = voucher.redemption_limit,
        "discount" => record.discount.clone_from(&voucher.discount),
        _ => record.metadata.clone_from(&voucher.metadata),
    }
}

fn check_window(record: &pb::VoucherOverride) -> Result<(), Refusal> {
    let times = record.start_time.as_ref().zip(record.expire_time.as_ref());
    match times.map(|(start, end)| (convert::milliseconds(start), convert::milliseconds(end))) {
        Some((start, end)) if end <= start => Err(convert::invalid(
            "voucher.expire_time",
            "must be after start_time",
        )),
        _ => Ok(()),
    }
}
