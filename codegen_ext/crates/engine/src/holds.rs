//! Holds: uses and budgets taken for a time. A hold is taken from the same
//! limits as a redemption; its record says what to give back, and an ordered set
//! says when.

use prost::Message;

use crate::{
    definitions::Project,
    keys::{self, Keys, Partition},
    movements,
    plan::{self, Plan},
    protocol::promo::v1 as pb,
    store::{Store, StoreError},
};

/// How many overdue holds one look finds.
const OVERDUE_AT_ONCE: usize = 64;

/// How many looks in a row end overdue holds for one caller.
const MOST_LOOKS: usize = 256;

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
    /// The id of the campaign of each code, in the same order.
    #[prost(string, repeated, tag = "5")]
    pub campaigns: Vec<String>,
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
        let member = member(self.partition, &self.session);
        for partition in self.partitions(project) {
            plan.unschedule(Keys::new(&project.id, partition).holds(), &member);
        }
    }

    fn partitions(&self, project: &Project) -> Vec<Partition> {
        partitions(project, self.partition, &self.record)
    }
}

/// The partitions in which a hold is scheduled: its own, and those of everything
/// it took from, so that whoever lacks what it took finds it there.
fn partitions(project: &Project, home: Partition, record: &Record) -> Vec<Partition> {
    let taken = record.movements.iter();
    let campaigns = taken.filter_map(|movement| keys::campaign_of_limit(&movement.limit));
    let mut partitions: Vec<Partition> = campaigns
        .map(|campaign| Partition::of_campaign(campaign, project.partitions))
        .chain([home])
        .collect();
    partitions.sort_unstable();
    partitions.dedup();
    partitions
}

/// What stands for a hold in the sets of holds: where it is kept, and its key.
fn member(home: Partition, session: &str) -> String {
    format!("{:02x}{session}", home.0)
}

/// Where the hold that a member stands for is kept, and its key.
pub fn parse_member(member: &str) -> Option<(Partition, &str)> {
    let (home, session) = member.split_at_checked(2)?;
    Some((Partition(u8::from_str_radix(home, 16).ok()?), session))
}

/// Adds to a plan that a hold begins, if its key is free.
pub fn begin(
    plan: &mut Plan,
    project: &Project,
    home: Partition,
    session: &str,
    record: &Record,
    now_ms: i64,
) {
    let keys = Keys::new(&project.id, home);
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
    let member = member(home, session);
    for partition in partitions(project, home, record) {
        let holds = Keys::new(&project.id, partition).holds();
        plan.schedule(holds, record.expire_ms, &member);
    }
}

/// Finds the live holds with a key in every partition of a project. There is one
/// at most, but for calls that began one at the same moment in two campaigns.
pub async fn live(
    store: &Store,
    project: &Project,
    session: &str,
    now_ms: i64,
) -> Result<Vec<Hold>, StoreError> {
    let everywhere = (0..project.partitions).map(|partition| (Partition(partition), session));
    let places: Vec<_> = everywhere.collect();
    let mut holds: Vec<Hold> = at(store, project, &places)
        .await?
        .into_iter()
        .flatten()
        .collect();
    holds.retain(|hold| hold.live(now_ms));
    Ok(holds)
}

/// The holds with these keys where they are kept; none where a key is free.
pub async fn at(
    store: &Store,
    project: &Project,
    places: &[(Partition, &str)],
) -> Result<Vec<Option<Hold>>, StoreError> {
    let mut pipeline = redis::pipe();
    for (home, session) in places {
        let keys = Keys::new(&project.id, *home);
        pipeline.cmd("GET").arg(keys.hold(session));
    }
    let records: Vec<Option<Vec<u8>>> = store.query_pipeline(&pipeline).await?;
    let holds = places.iter().zip(records);
    holds
        .map(|((home, session), bytes)| {
            let hold = bytes.map(|bytes| Hold::parse(*home, session, bytes));
            hold.transpose()
        })
        .collect()
}

/// Gives back what a hold holds, unless somebody else ended it.
pub async fn release(store: &Store, project: &Project, hold: &Hold) -> Result<(), StoreError> {
    let mut plan = Plan::new();
    hold.end(&mut plan, project);
    for movement in &hold.record.movements {
        movements::add_return(&mut plan, project, movement);
    }
    store.commit(plan).await.map(drop)
}

/// Looks for overdue holds until there are none, within reason.
pub async fn reclaim_all(
    store: &Store,
    project: &Project,
    partition: Partition,
    now_ms: i64,
) -> Result<(), StoreError> {
    for _ in 0..MOST_LOOKS {
        if reclaim(store, project, partition, now_ms).await? < OVERDUE_AT_ONCE {
            break;
        }
    }
    Ok(())
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
    for member in &overdue {
        match of_member(store, project, member).await? {
            Some(hold) if !hold.live(now_ms) => release(store, project, &hold).await?,
            // A session key can be used again once its hold has ended. If the
            // later hold took nothing here, the entry is of the one before.
            Some(hold) if hold.partitions(project).contains(&partition) => {}
            Some(hold) => {
                let mut plan = Plan::new();
                let record = Keys::new(&project.id, hold.partition).hold(&hold.session);
                plan.unchanged(record, hold.bytes);
                plan.unschedule(keys.holds(), member);
                store.commit(plan).await?;
            }
            None => {
                let mut command = redis::cmd("ZREM");
                command.arg(keys.holds()).arg(member);
                let _: i64 = store.query(&command).await?;
            }
        }
    }
    Ok(overdue.len())
}

/// The hold that a member of a set stands for. One that cannot be read holds what
/// it holds for good; it must not keep others from ending.
async fn of_member(
    store: &Store,
    project: &Project,
    member: &str,
) -> Result<Option<Hold>, StoreError> {
    let Some((home, session)) = parse_member(member) else {
        return Ok(None);
    };
    let mut command = redis::cmd("GET");
    command.arg(Keys::new(&project.id, home).hold(session));
    let bytes: Option<Vec<u8>> = store.query(&command).await?;
    let Some(bytes) = bytes else { return Ok(None) };
    Ok(Hold::parse(home, session, bytes)
        .inspect_err(|error| {
            tracing::error!(project = %project.id, member, %error, "hold.unreadable");
        })
        .ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_is_found_by_what_stands_for_it() {
        let member = member(Partition(0x2a), "till-7:basket");
        assert_eq!(
            parse_member(&member),
            Some((Partition(0x2a), "till-7:basket"))
        );
        assert_eq!(parse_member("x"), None);
        assert_eq!(parse_member("éa"), None);
    }
}
