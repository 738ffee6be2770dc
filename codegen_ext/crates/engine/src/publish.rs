//! Publish: hand the next codes of a campaign to a customer, in one step and
//! whatever the size of the campaign.

use std::sync::Arc;

use promo_decision::{Reason, Refusal};
use prost::Message as _;

use crate::{
    call::Call,
    convert,
    definitions::{IssuedCampaign, Project},
    group, growth,
    keys::{self, HOLDERS_PER_BUCKET, PAGE_SIZE},
    ledger,
    once::{self, Once},
    plan::{Issue, Kept, Outcome, Plan},
    protocol::promo::v1 as pb,
    publications,
    request::{Violations, present},
    resolve, uses,
};

/// Rounds of a call that get it no further.
const MOST_IDLE_ROUNDS: usize = 16;

/// How often a campaign may grow during one call. It doubles each time, so that
/// others who publish a lot at the same time cannot always be there first.
const MOST_GROWTHS: usize = 32;

const METHOD: char = 'p';
const MOST_CODES: i32 = 50;

/// Buckets of holders that a commit may write to. The cursor is known from the
/// call before, so with this slack it is nearly always still among them.
const BUCKETS_AHEAD: u64 = 16;

/// As many as a commit may ever name. More are tried from round to round when
/// others publish much at the same time, or when what comes next was used without
/// having been published. Where each position is first held against a blocklist
/// they are fewer, since that holds up everything else of its thread.
fn most_buckets_ahead(campaign: &IssuedCampaign) -> u64 {
    if campaign.has_blocklist() { 256 } else { 2_048 }
}

/// Hands codes to a customer.
pub async fn publish(
    call: &Call<'_>,
    request: pb::PublishRequest,
) -> Result<pb::Publication, Refusal> {
    let count = check(&request)?;
    let once = Once::of(METHOD, &request);
    for _ in 0..MOST_GROWTHS {
        match hand_out(call, &request, count, once).await? {
            HandedOut::Done(publication) => return Ok(*publication),
            HandedOut::Exhausted(campaign, refusal) => {
                if !campaign.campaign.auto_grow || !growth::grow(call, &campaign, count).await? {
                    return Err(refusal);
                }
            }
        }
    }
    Err(Refusal::new(Reason::Conflict))
}

/// What became of a publication of codes that a campaign has.
enum HandedOut {
    Done(Box<pb::Publication>),
    /// Too few are left of what this definition has.
    Exhausted(Arc<IssuedCampaign>, Refusal),
}

async fn hand_out(
    call: &Call<'_>,
    request: &pb::PublishRequest,
    count: u64,
    once: Option<Once<'_>>,
) -> Result<HandedOut, Refusal> {
    let done = |publication| HandedOut::Done(Box::new(publication));
    let mut project = if request.validate_only {
        call.fresh_project().await?
    } else {
        call.project().await?
    };
    let mut buckets_ahead = BUCKETS_AHEAD;
    let mut looked = Vec::new();
    let mut idle_rounds = 0;
    while idle_rounds < MOST_IDLE_ROUNDS {
        idle_rounds += 1;
        let campaign = resolve::campaign(call, &mut project, &request.campaign).await?;
        let end = campaign.campaign.expire_ms(None);
        let attempt = Attempt {
            call,
            request,
            campaign: &campaign,
            count,
            buckets_ahead,
            looked: &looked,
            expired_ms: end.filter(|end| *end <= call.now_ms),
        };
        if request.validate_only {
            return attempt.preview(once).await.map(done);
        }
        let plan = attempt.plan(&project, once);
        match call.engine.store.commit(plan).await? {
            Outcome::Done { results, .. } => return attempt.done(&results).await.map(done),
            Outcome::Replayed(kept) => return attempt.first_answer(&kept).await.map(done),
            Outcome::Found(positions) => {
                return attempt.earlier(&positions, once).await.map(done);
            }
            Outcome::Stale => project = call.newer_project(&project).await?,
            Outcome::Moved {
                position,
                looked: seen,
            } => {
                attempt.remember_cursor(position);
                if seen.last() > looked.last() {
                    idle_rounds = 0;
                }
                looked = seen;
                buckets_ahead = (buckets_ahead * 2).min(most_buckets_ahead(&campaign));
            }
            Outcome::Reused => return Err(once::reused(once)),
            Outcome::Refused { operation, .. } => {
                let refusal = attempt.refusal(operation as u64);
                if refusal.reason == Reason::CodesExhausted {
                    return Ok(HandedOut::Exhausted(campaign, refusal));
                }
                return Err(refusal);
            }
            Outcome::Changed => return Err(Refusal::new(Reason::Internal)),
        }
    }
    Err(Refusal::new(Reason::Conflict))
}

fn check(request: &pb::PublishRequest) -> Result<u64, Refusal> {
    let mut violations = Violations::default();
    violations.required("campaign", &request.campaign, 128);
    violations.request_id(&request.request_id);
    violations.text("source_id", &request.source_id, 256);
    violations.text("channel", &request.channel, 64);
    violations.metadata("metadata", &request.metadata);
    if violations.customer(request.customer.as_ref()).is_none() {
        violations.add("customer", "is required");
    }
    let count = if request.count == 0 { 1 } else { request.count };
    if !(1..=MOST_CODES).contains(&count) {
        violations.add("count", format!("must be 1 to {MOST_CODES}, not {count}"));
    }
    violations.check()?;
    u64::try_from(count).map_err(|_| convert::invalid("count", "is negative"))
}

struct Attempt<'a> {
    call: &'a Call<'a>,
    request: &'a pb::PublishRequest,
    campaign: &'a Arc<IssuedCampaign>,
    count: u64,
    buckets_ahead: u64,
    /// What the round before looked at, see [`Issue::looked`].
    looked: &'a [u64],
    /// When the campaign ended, if it has.
    expired_ms: Option<i64>,
}

impl Attempt<'_> {
    fn number(&self) -> u32 {
        self.campaign.campaign.number
    }

    fn customer(&self) -> &str {
        self.request
            .customer
            .as_ref()
            .map_or("", |customer| &customer.source_id)
    }

    fn join_once(&self) -> bool {
        self.request.join_once || self.campaign.campaign.join_once
    }

    fn record(&self) -> pb::Publication {
        pb::Publication {
            customer: self.customer().to_owned(),
            source_id: self.request.source_id.clone(),
            channel: self.request.channel.clone(),
            publish_time: Some(convert::timestamp(self.call.now_ms)),
            metadata: self.request.metadata.clone(),
            ..pb::Publication::default()
        }
    }

    fn plan(&self, project: &Project, once: Option<Once<'_>>) -> Plan {
        let (keys, number) = (&self.campaign.keys, self.number());
        let config = &self.call.engine.config;
        let mut plan = Plan::new();
        if let Some(once) = once {
            let home = self.campaign.partition;
            once.guard(&mut plan, keys, home, config.idempotency_ttl_ms);
        }
        plan.expect_version(keys.bundle_version(number), self.campaign.campaign.version);
        plan.expect_version(keys.project_version(), project.version);
        for key in self.earlier_keys() {
            plan.reuse(key);
        }
        plan.issue(self.issue());
        let further = keys.further_publications(number, self.customer());
        plan.note_publication(self.customer_key(), further);
        if let Some(source) = self.source_key() {
            plan.keep(source, Vec::new(), config.source_id_ttl_ms);
        }
        let record = pb::Publication {
            campaign_id: self.campaign.campaign.id.clone(),
            campaign: self.campaign.campaign.name.clone(),
            ..self.record()
        };
        let entry = pb::LedgerEntry {
            fact: Some(pb::ledger_entry::Fact::Publication(record)),
            customer: self.request.customer.clone(),
            request_id: self.request.request_id.clone(),
            ..pb::LedgerEntry::default()
        };
        plan.record(keys.ledger(), keys.outbox(), entry.encode_to_vec());
        plan
    }

    fn source_key(&self) -> Option<String> {
        let id = present(&self.request.source_id)?;
        Some(self.campaign.keys.source(self.number(), id))
    }

    fn customer_key(&self) -> String {
        let keys = &self.campaign.keys;
        keys.customer_publication(self.number(), self.customer())
    }

    /// Where an earlier publication is noted that answers this call in place of a new
    /// one.
    fn earlier_keys(&self) -> impl Iterator<Item = String> {
        let joined = self.join_once().then(|| self.customer_key());
        self.source_key().into_iter().chain(joined)
    }

    fn issue(&self) -> Issue {
        let (keys, number) = (&self.campaign.keys, self.number());
        let cursor = self
            .call
            .engine
            .cursors
            .get(&self.call.identity.project, number);
        let (from, found) = self.looked.split_last().unwrap_or((&cursor, &[]));
        let first_bucket = from / HOLDERS_PER_BUCKET;
        let buckets = self.buckets_ahead + self.count.div_ceil(HOLDERS_PER_BUCKET);
        let window =
            first_bucket * HOLDERS_PER_BUCKET..(first_bucket + buckets) * HOLDERS_PER_BUCKET;
        let has_bits = uses::has_bits(self.campaign);
        let first_page = window.start / PAGE_SIZE;
        let last_page = if has_bits {
            window.end / PAGE_SIZE + 1
        } else {
            first_page
        };
        let bucket = |bucket| keys.holders(number, bucket);
        let page = |page| keys.named(&keys::page(number, page));
        Issue {
            cursor_key: keys.cursor(number),
            count: self.count,
            // Of a campaign that is over only earlier publications are repeated.
            bound: self.expired_ms.map_or(self.campaign.positions(), |_| 0),
            first_bucket,
            bucket_keys: (first_bucket..first_bucket + buckets).map(bucket).collect(),
            first_page,
            page_keys: (first_page..last_page).map(page).collect(),
            skips: self.campaign.blocked_positions(window),
            looked: self.looked.to_owned(),
            looked_bucket_keys: found
                .iter()
                .map(|position| bucket(position / HOLDERS_PER_BUCKET))
                .collect(),
            looked_page_keys: found
                .iter()
                .filter(|_| has_bits)
                .map(|position| page(position / PAGE_SIZE))
                .collect(),
            record: self.record().encode_to_vec(),
        }
    }

    fn remember_cursor(&self, position: u64) {
        self.call
            .engine
            .cursors
            .set(&self.call.identity.project, self.number(), position);
    }

    async fn done(&self, results: &str) -> Result<pb::Publication, Refusal> {
        let positions = group::positions(results)?;
        if let Some(last) = positions.last() {
            self.remember_cursor(last + 1);
        }
        Ok(publications::whole(self.call, self.campaign, &positions, self.record()).await?)
    }

    async fn first_answer(&self, kept: &Kept) -> Result<pb::Publication, Refusal> {
        if let Some(first) = found_before(&kept.answer) {
            return self.publication(first).await;
        }
        let id = ledger::id(kept.home, &kept.answer)?;
        let entry = ledger::find(self.call, id, id.entry()).await?;
        match entry.and_then(|entry| entry.first_position()) {
            Some(first) => self.publication(first).await,
            None => Err(Refusal::new(Reason::PublicationNotFound).with("publication", id.entry())),
        }
    }

    /// The publication that answers the call in place of a new one, from now on
    /// whenever it is repeated.
    async fn earlier(
        &self,
        positions: &str,
        once: Option<Once<'_>>,
    ) -> Result<pb::Publication, Refusal> {
        let first = group::positions(positions)?.first().copied();
        let first = first.ok_or_else(|| Refusal::new(Reason::Internal))?;
        let publication = self.publication(first).await?;
        let published = publication.codes.len();
        let by_source = present(&self.request.source_id) == Some(&*publication.source_id);
        if by_source && published as u64 != self.count {
            return Err(Refusal::new(Reason::PublicationMismatch)
                .with("source_id", self.request.source_id.clone())
                .with("published", published.to_string())
                .with("requested", self.count.to_string()));
        }
        let Some(once) = once else {
            return Ok(publication);
        };
        let campaign = self.campaign;
        let mut plan = Plan::new();
        let ttl_ms = self.call.engine.config.idempotency_ttl_ms;
        once.guard(&mut plan, &campaign.keys, campaign.partition, ttl_ms);
        plan.answer(first.to_string().into_bytes());
        match self.call.engine.store.commit(plan).await? {
            Outcome::Done { .. } => Ok(publication),
            Outcome::Replayed(kept) => self.first_answer(&kept).await,
            Outcome::Reused => Err(once::reused(Some(once))),
            _ => Err(Refusal::new(Reason::Internal)),
        }
    }

    async fn publication(&self, first: u64) -> Result<pb::Publication, Refusal> {
        let publication = publications::of_position(self.call, self.campaign, first).await?;
        publication.ok_or_else(|| Refusal::new(Reason::Internal))
    }

    async fn preview(&self, once: Option<Once<'_>>) -> Result<pb::Publication, Refusal> {
        let place = std::slice::from_ref(&self.campaign.keys);
        if let Some(kept) = once::kept(self.call, once, place).await? {
            return self.first_answer(&kept).await;
        }
        let mut noted = redis::pipe();
        for key in self.earlier_keys() {
            noted.cmd("GET").arg(key);
        }
        if !noted.is_empty() {
            let found: Vec<Option<String>> = self.call.engine.store.query_pipeline(&noted).await?;
            if let Some(positions) = found.into_iter().flatten().next() {
                return self.earlier(&positions, None).await;
            }
        }
        let counts = crate::lookup::counts(self.call, self.campaign).await?;
        let left = u64::try_from(counts.unpublished_count).unwrap_or_default();
        let is_short = left < self.count && !self.campaign.campaign.auto_grow;
        if is_short || self.expired_ms.is_some() {
            return Err(self.refusal(left));
        }
        Ok(pb::Publication {
            campaign_id: self.campaign.campaign.id.clone(),
            campaign: self.campaign.campaign.name.clone(),
            ..self.record()
        })
    }

    /// Why no code is handed out, of which `left` are left.
    fn refusal(&self, left: u64) -> Refusal {
        if let Some(end) = self.expired_ms {
            let end = convert::instant(end);
            return Refusal::new(Reason::PromotionExpired).with("expire_time", end);
        }
        Refusal::new(Reason::CodesExhausted)
            .with("campaign", self.campaign.campaign.name.clone())
            .with("available", left.to_string())
            .with("requested", self.count.to_string())
    }
}

/// The first position of the publication that was found in place of a new one,
/// where that is what a request id was answered with.
fn found_before(answer: &[u8]) -> Option<u64> {
    std::str::from_utf8(answer).ok()?.parse().ok()
}
