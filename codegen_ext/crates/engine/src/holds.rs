//! Holds: uses and budgets taken for a time. A hold is taken from the same
//! limits as a redemption; its record says what to give back, and an ordered set
//! says when.

use prost::Message;

use crate::{
    definitions::Project,
    keys::{Keys, Partition},
    movements,
    plan::{self, Outcome, Plan},
    protocol::promo::v1 as pb,
    store::{Store, StoreError},
};

/// How many overdue holds one look finds.
const OVERDUE_AT_ONCE: usize = 64;

/// How long a record outlives its hold, so that what it took can be given back
/// even if nobody looks for a long time.
const GRACE_MS: i64 = 100 * 24 * 3_600_000;

/// What a hold holds, as the store keeps it.
#[derive(Clone, PartialEq, Message)]
pub struct Record {
    /// What was taken, without what the store answered.
    #[prost(message, repeated, tag = "1")]
    pub movements: Vec<pb::Movement>,
    /// The codes held.
    #[prost(string, repeated, tag = "2")]
    pub codes: Vec<String>,
    /// `source_id` of the customer.
    #[prost(string, tag = "3")]
    pub customer: String,
    /// When the hold ends, milliseconds since 1970, UTC.
    #[prost(int64, tag = "4")]
    pub expire_ms: i64,
}

/// A hold as it was read.
#[derive(Clone, Debug)]
pub struct Hold {
    /// Where it is kept.
    pub partition: Partition,
    /// Its key.
    pub session: String,
    /// What it holds, completed with what the store answered.
    pub record: Record,
    /// The bytes read, which a commit compares.
    pub bytes: Vec<u8>,
}

impl Hold {
    fn parse(partition: Partition, session: &str, bytes: Vec<u8>) -> Result<Self, StoreError> {
        let malformed = || StoreError::Unexpected("malformed hold".into());
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(malformed)?;
        let length = u32::from_le_bytes(*length) as usize;
        let (record, results) = rest.split_at_checked(length).ok_or_else(malformed)?;
        let mut record = Record::decode(record).map_err(|_| malformed())?;
        let results = std::str::from_utf8(results).map_err(|_| malformed())?;
        movements::complete(&mut record.movements, &plan::parse_results(results));
        Ok(Self {
            partition,
            session: session.to_owned(),
            record,
            bytes,
        })
    }

    /// Whether the hold is still its owner's.
    pub fn live(&self, now_ms: i64) -> bool {
        now_ms < self.record.expire_ms
    }

    /// The hold as callers see it.
    pub fn session(&self) -> pb::Session {
        pb::Session {
            key: self.session.clone(),
            expire_time: Some(crate::convert::timestamp(self.record.expire_ms)),
            codes: self.record.codes.clone(),
            customer: self.record.customer.clone(),
        }
    }

    /// Adds to a plan that the hold ends, if it still is as it was read.
    pub fn end(&self, plan: &mut Plan, project: &Project) {
        let keys = Keys::new(&project.id, self.partition);
        plan.unchanged(keys.hold(&self.session), self.bytes.clone());
        plan.remove(keys.hold(&self.session));
        plan.unschedule(keys.holds(), &self.session);
    }
}

/// Adds to a plan that a hold begins, if its key is free.
pub fn begin(plan: &mut Plan, keys: &Keys, session: &str, record: &Record, now_ms: i64) {
    let encoded = record.encode_to_vec();
    let length = u32::try_from(encoded.len()).unwrap_or(u32::MAX);
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend_from_slice(&encoded);
    plan.absent(keys.hold(session));
    plan.keep(
        keys.hold(session),
        bytes,
        record.expire_ms - now_ms + GRACE_MS,
    );
    plan.schedule(keys.holds(), record.expire_ms, session);
}

/// Finds a hold by its key in any partition of a project.
pub async fn find(
    store: &Store,
    project: &Project,
    session: &str,
) -> Result<Option<Hold>, StoreError> {
    let mut pipeline = redis::pipe();
    for partition in 0..project.partitions {
        let keys = Keys::new(&project.id, Partition(partition));
        pipeline.cmd("GET").arg(keys.hold(session));
    }
    let records: Vec<Option<Vec<u8>>> = store.query_pipeline(&pipeline).await?;
    (0..)
        .zip(records)
        .find_map(|(partition, bytes)| Some((partition, bytes?)))
        .map_or(Ok(None), |(partition, bytes)| {
            Hold::parse(Partition(partition), session, bytes).map(Some)
        })
}

/// Gives back what a hold holds. Returns whether it was there.
pub async fn release(store: &Store, project: &Project, hold: &Hold) -> Result<bool, StoreError> {
    let mut plan = Plan::new();
    hold.end(&mut plan, project);
    for movement in &hold.record.movements {
        movements::add_return(&mut plan, project, movement);
    }
    Ok(matches!(plan.commit(store).await?, Outcome::Done { .. }))
}

/// Gives back what overdue holds of a partition hold, some at a time. Returns
/// how many were found; limits that a call was refused for may have uses again.
pub async fn reclaim(
    store: &Store,
    project: &Project,
    partition: Partition,
    now_ms: i64,
) -> Result<usize, StoreError> {
    let keys = Keys::new(&project.id, partition);
    let mut command = redis::cmd("ZRANGEBYSCORE");
    command
        .arg(keys.holds())
        .arg("-inf")
        .arg(now_ms)
        .arg("LIMIT")
        .arg(0)
        .arg(OVERDUE_AT_ONCE);
    let overdue: Vec<String> = store.query(&command).await?;
    for session in &overdue {
        let mut command = redis::cmd("GET");
        command.arg(keys.hold(session));
        let bytes: Option<Vec<u8>> = store.query(&command).await?;
        if let Some(bytes) = bytes {
            let hold = Hold::parse(partition, session, bytes)?;
            // A session key can be used again once its hold has ended, so the
            // record may be of a later hold.
            if !hold.live(now_ms) {
                release(store, project, &hold).await?;
            }
        } else {
            let mut command = redis::cmd("ZREM");
            command.arg(keys.holds()).arg(session);
            let _: i64 = store.query(&command).await?;
        }
    }
    Ok(overdue.len())
}
