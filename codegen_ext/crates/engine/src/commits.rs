//! How plans reach the store: in groups.
//!
//! Plans that touch the same partition share much of what a commit costs: the
//! call itself, the versions and the limits of a campaign that they read and
//! write. So while calls of a partition are under way, further plans for it wait
//! and then go together. One that comes alone waits for nobody. The store decides
//! on the plans of a group one after the other, as if each had come alone.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use redis::Value;
use tokio::{sync::oneshot, task::yield_now};

use crate::{
    group,
    plan::{Outcome, Plan},
    store::{Store, StoreError},
};

/// Calls of one partition that are under way at a time: while the store works on
/// one, the next one is on its way.
const MOST_UNDER_WAY: usize = 2;

/// Plans in one call. It bounds for how long nobody else is served: a plan takes
/// the store some 30 microseconds.
const MOST_PLANS: usize = 128;

/// Keys in one call; a Lua function takes no more than 8,000 arguments.
const MOST_KEYS: usize = 3_000;

/// Bytes of arguments in one call.
const MOST_BYTES: usize = 1 << 20;

type Answer = Result<Outcome, StoreError>;

struct Waiting {
    plan: Plan,
    answer: oneshot::Sender<Answer>,
}

/// The plans of one partition.
#[derive(Default)]
struct Lane {
    under_way: usize,
    waiting: VecDeque<Waiting>,
}

/// The partitions with plans, by the hash tag of their keys.
#[derive(Default)]
pub(crate) struct Lanes {
    lanes: Mutex<HashMap<String, Lane>>,
}

impl Lanes {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Lane>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a plan into line. Returns whether one more call may be made now.
    fn enter(&self, tag: &str, waiting: Waiting) -> bool {
        let mut lanes = self.lock();
        if !lanes.contains_key(tag) {
            lanes.insert(tag.to_owned(), Lane::default());
        }
        let Some(lane) = lanes.get_mut(tag) else {
            return false;
        };
        lane.waiting.push_back(waiting);
        let may_call = lane.under_way < MOST_UNDER_WAY;
        lane.under_way += usize::from(may_call);
        may_call
    }

    /// The plans of the next call; none when the call is not needed any more.
    fn next(&self, tag: &str) -> Option<(Vec<Plan>, Vec<oneshot::Sender<Answer>>)> {
        let mut lanes = self.lock();
        let lane = lanes.get_mut(tag)?;
        let (mut plans, mut answers) = (Vec::new(), Vec::new());
        let (mut keys, mut bytes) = (0, 0);
        while let Some(waiting) = lane.waiting.front() {
            let (more_keys, more_bytes) = waiting.plan.size();
            let full = plans.len() == MOST_PLANS
                || keys + more_keys > MOST_KEYS
                || bytes + more_bytes > MOST_BYTES;
            if full && !plans.is_empty() {
                break;
            }
            // Whoever does not wait any more has not been told anything yet.
            if let Some(Waiting { plan, answer }) = lane.waiting.pop_front()
                && !answer.is_closed()
            {
                keys += more_keys;
                bytes += more_bytes;
                plans.push(plan);
                answers.push(answer);
            }
        }
        if plans.is_empty() {
            Self::leave(&mut lanes, tag);
            return None;
        }
        Some((plans, answers))
    }

    /// One call less is under way. Nobody waits for the last one any longer.
    fn leave(lanes: &mut HashMap<String, Lane>, tag: &str) {
        let Some(lane) = lanes.get_mut(tag) else {
            return;
        };
        lane.under_way -= 1;
        if lane.under_way == 0 {
            lanes.remove(tag);
        }
    }

    /// Takes everybody out of the line.
    fn clear(&self, tag: &str) -> VecDeque<Waiting> {
        let mut lanes = self.lock();
        lanes
            .get_mut(tag)
            .map(|lane| std::mem::take(&mut lane.waiting))
            .unwrap_or_default()
    }
}

/// A caller for a lane. However it ends, the lane goes on without it.
struct Caller<'a> {
    lanes: &'a Lanes,
    tag: &'a str,
    has_left: bool,
}

impl Caller<'_> {
    fn next(&mut self) -> Option<(Vec<Plan>, Vec<oneshot::Sender<Answer>>)> {
        let next = self.lanes.next(self.tag);
        self.has_left = next.is_none();
        next
    }
}

impl Drop for Caller<'_> {
    fn drop(&mut self) {
        if !self.has_left {
            Lanes::leave(&mut self.lanes.lock(), self.tag);
        }
    }
}

impl Store {
    /// Has the store decide on a plan.
    pub async fn commit(&self, plan: Plan) -> Answer {
        let Some(tag) = plan.tag().map(str::to_owned) else {
            let mut outcomes = self.call(&[plan]).await?;
            return outcomes.pop().unwrap_or_else(|| Err(gone()));
        };
        let (answer, outcome) = oneshot::channel();
        if self.lanes().enter(&tag, Waiting { plan, answer }) {
            tokio::spawn(self.clone().call_while_needed(tag));
        }
        outcome.await.unwrap_or_else(|_| Err(gone()))
    }

    async fn call_while_needed(self, tag: String) {
        // Plans made in the same moment go together.
        let mut caller = Caller {
            lanes: self.lanes(),
            tag: &tag,
            has_left: false,
        };
        yield_now().await;
        while let Some((plans, answers)) = caller.next() {
            match self.call(&plans).await {
                Ok(outcomes) => {
                    for (answer, outcome) in answers.into_iter().zip(outcomes) {
                        let _ = answer.send(outcome);
                    }
                }
                Err(error) => {
                    // Nobody waits in line for a store that does not answer.
                    let line = match error {
                        StoreError::Unavailable(_) => self.lanes().clear(&tag),
                        StoreError::Unexpected(_) => VecDeque::new(),
                    };
                    let line = line.into_iter().map(|one| one.answer);
                    for answer in answers.into_iter().chain(line) {
                        let _ = answer.send(Err(error.clone()));
                    }
                }
            }
        }
    }

    async fn call(&self, plans: &[Plan]) -> Result<Vec<Answer>, StoreError> {
        let answers: Vec<Value> = self.query(&group::command(plans)).await?;
        group::parse(answers, plans.len())
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable("the call was given up".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(lanes: &Lanes) -> (bool, oneshot::Receiver<Answer>) {
        let (answer, outcome) = oneshot::channel();
        let plan = Plan::new();
        (lanes.enter("{p:01}", Waiting { plan, answer }), outcome)
    }

    #[test]
    fn a_lane_outlives_callers_that_panic() {
        let lanes = Lanes::default();
        for _ in 0..=MOST_UNDER_WAY {
            let (may_call, mut outcome) = enter(&lanes);
            assert!(may_call);
            let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let _caller = Caller {
                    lanes: &lanes,
                    tag: "{p:01}",
                    has_left: false,
                };
                panic!("in the middle of a call");
            }));
            assert!(panicked.is_err());
            assert_eq!(
                outcome.try_recv().err(),
                Some(oneshot::error::TryRecvError::Closed)
            );
        }
        assert!(lanes.lock().is_empty());
    }
}
