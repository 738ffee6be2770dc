//! The engine: one object that answers the hot methods.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use bytes::Bytes;
use promo_decision::{Reason, Refusal, Violation};
use prost::Message;

use crate::{
    auth::{Identity, Keyring},
    batch,
    call::Call,
    config::EngineConfig,
    control::ControlPlane,
    customers,
    definitions::Definitions,
    growth::Turns,
    guesses::Guard,
    holds,
    keys::Partition,
    lookup, publish, rate, redeem, rollback, session_list, sessions,
    store::{Store, StoreError},
    task, validate, vouchers,
};

/// What keeps the engine from starting.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The master secret is not 32 bytes in hex.
    #[error("the master secret is not 32 bytes in hex")]
    MasterSecret,
    /// The address of the store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Answers the hot methods.
pub struct Engine {
    pub(crate) config: EngineConfig,
    pub(crate) store: Store,
    pub(crate) definitions: Definitions,
    pub(crate) guard: Guard,
    pub(crate) cursors: Cursors,
    pub(crate) control: Option<Arc<dyn ControlPlane>>,
    pub(crate) growth: Turns,
    keyring: Keyring,
}

/// Where publications of campaigns are, as far as this process knows: a hint that
/// saves a call, never the truth.
#[derive(Default)]
pub(crate) struct Cursors {
    positions: RwLock<HashMap<(Arc<str>, u32), u64>>,
}

impl Cursors {
    pub(crate) fn get(&self, project: &Arc<str>, campaign: u32) -> u64 {
        let positions = self
            .positions
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        positions
            .get(&(Arc::clone(project), campaign))
            .copied()
            .unwrap_or(0)
    }

    pub(crate) fn set(&self, project: &Arc<str>, campaign: u32, position: u64) {
        let mut positions = self
            .positions
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        positions.insert((Arc::clone(project), campaign), position);
    }
}

impl Engine {
    /// Starts an engine: connects to the store in the background and watches the
    /// definitions. Without a control plane, what only that knows is unavailable.
    /// Must be called within a tokio runtime.
    pub fn connect(
        config: EngineConfig,
        control: Option<Arc<dyn ControlPlane>>,
    ) -> Result<Arc<Self>, EngineError> {
        let master = config.master_key().ok_or(EngineError::MasterSecret)?;
        let store = Store::connect(&config.store_url, config.store_timeout())?;
        let engine = Arc::new(Self {
            definitions: Definitions::new(store.clone(), master),
            guard: Guard::new(config.guess_limit, config.guess_window_ms),
            cursors: Cursors::default(),
            control,
            growth: Turns::default(),
            keyring: Keyring::default(),
            store,
            config,
        });
        let watched = Arc::downgrade(&engine);
        task::keep_running("engine.watch", move || watch(watched.clone()));
        Ok(engine)
    }

    /// Whether the store answers and has definitions.
    pub fn healthy(&self) -> bool {
        self.store.connected() && !self.definitions.missing()
    }

    /// Tells who calls; `authorization` is `Bearer <key id>:<token>`.
    pub async fn authenticate(
        &self,
        authorization: Option<&str>,
    ) -> Result<Arc<Identity>, Refusal> {
        self.keyring.authenticate(&self.store, authorization).await
    }

    /// Calls granted to this server for a key in the second of `now_ms`, so that
    /// servers share the key's limit.
    pub async fn lease(
        &self,
        key_id: &str,
        want: u64,
        limit: u64,
        now_ms: i64,
    ) -> Result<u64, Refusal> {
        Ok(rate::lease(&self.store, key_id, want, limit, now_ms).await?)
    }

    /// Takes calls of a key out of the second of `now_ms` and of those after it.
    pub async fn take_ahead(
        &self,
        key_id: &str,
        calls: u64,
        limit: u64,
        now_ms: i64,
    ) -> Result<(), Refusal> {
        Ok(rate::take_ahead(&self.store, key_id, calls, limit, now_ms).await?)
    }

    /// Answers a hot method. `now_ms` is the time of the call.
    pub async fn call(
        &self,
        identity: &Identity,
        method: &str,
        body: Bytes,
        now_ms: i64,
    ) -> Result<Bytes, Refusal> {
        let call = Call {
            engine: self,
            identity,
            now_ms,
        };
        match method {
            "/promo.v1.RedemptionService/Redeem" => {
                answer(redeem::redeem(&call, read(&body)?).await)
            }
            "/promo.v1.RedemptionService/BatchRedeem" => answer(batch::redeem(&call, &body).await),
            "/promo.v1.RedemptionService/Rollback" => {
                answer(rollback::rollback(&call, read(&body)?).await)
            }
            "/promo.v1.RedemptionService/GetRedemption" => {
                answer(lookup::redemption(&call, read(&body)?).await)
            }
            "/promo.v1.ValidationService/Validate" => {
                answer(validate::validate(&call, read(&body)?).await)
            }
            "/promo.v1.ValidationService/BatchValidate" => {
                answer(batch::validate(&call, &body).await)
            }
            "/promo.v1.PublicationService/Publish" => {
                answer(publish::publish(&call, read(&body)?).await)
            }
            "/promo.v1.PublicationService/BatchPublish" => {
                answer(batch::publish(&call, &body).await)
            }
            "/promo.v1.PublicationService/GetPublication" => {
                answer(lookup::publication(&call, read(&body)?).await)
            }
            "/promo.v1.PublicationService/CountCodes" => {
                answer(lookup::count_codes(&call, read(&body)?).await)
            }
            "/promo.v1.PublicationService/ListHeldCodes" => {
                answer(lookup::held_codes(&call, read(&body)?).await)
            }
            "/promo.v1.SessionService/GetSession" => {
                answer(sessions::get(&call, read(&body)?).await)
            }
            "/promo.v1.SessionService/ListSessions" => {
                answer(session_list::list(&call, read(&body)?).await)
            }
            "/promo.v1.SessionService/ReleaseSession" => {
                answer(sessions::release(&call, read(&body)?).await)
            }
            "/promo.v1.VoucherService/GetVoucher" => {
                answer(vouchers::get(&call, read(&body)?).await)
            }
            "/promo.v1.VoucherService/UpdateVoucher" => {
                answer(vouchers::update(&call, read(&body)?).await)
            }
            "/promo.v1.VoucherService/EnableVoucher" => {
                answer(vouchers::enable(&call, read(&body)?).await)
            }
            "/promo.v1.VoucherService/DisableVoucher" => {
                answer(vouchers::disable(&call, read(&body)?).await)
            }
            "/promo.v1.VoucherService/DeleteVoucher" => {
                answer(vouchers::delete(&call, read(&body)?).await)
            }
            "/promo.v1.CustomerService/UpsertCustomer" => {
                answer(customers::upsert(&call, read(&body)?).await)
            }
            "/promo.v1.CustomerService/EraseCustomer" => {
                answer(customers::erase(&call, read(&body)?).await)
            }
            _ => Err(Refusal::new(Reason::MethodNotFound).with("method", method)),
        }
    }

    /// Looks whether definitions or keys have changed, and forgets what has. The
    /// end of a key does not wait for definitions to be read.
    pub(crate) async fn look(&self) -> Result<(), StoreError> {
        let epoch = self.definitions.latest_epoch().await?;
        if epoch != self.definitions.epoch() {
            self.keyring.forget();
        }
        self.definitions.follow(epoch).await
    }

    /// Gives back what overdue holds of every project in memory hold, so that
    /// limits show it even if nobody asks. Returns how many holds were found. What
    /// goes wrong in one partition does not keep the others from it.
    pub async fn sweep(&self, now_ms: i64) -> Result<usize, Refusal> {
        self.guard.forget(now_ms);
        let mut found = 0;
        for project in self.definitions.loaded() {
            for partition in (0..project.partitions).map(Partition) {
                match holds::reclaim(&self.store, &project, partition, now_ms).await {
                    Ok(overdue) => found += overdue,
                    Err(error @ StoreError::Unavailable(_)) => return Err(error.into()),
                    Err(StoreError::Unexpected(detail)) => {
                        let (project, partition) = (&project.id, partition.0);
                        tracing::error!(%project, partition, %detail, "holds.unreadable");
                    }
                }
            }
        }
        Ok(found)
    }
}

/// The message of a call.
pub(crate) fn read<M: Message + Default>(body: &Bytes) -> Result<M, Refusal> {
    M::decode(body.clone()).map_err(|error| {
        Refusal::invalid(vec![Violation::new(
            "request",
            format!("is no such message: {error}"),
        )])
    })
}

fn answer<M: Message>(result: Result<M, Refusal>) -> Result<Bytes, Refusal> {
    result.map(|message| message.encode_to_vec().into())
}

/// Looks for changes of definitions and keys for as long as the engine is used.
async fn watch(engine: std::sync::Weak<Engine>) {
    loop {
        let Some(this) = engine.upgrade() else { return };
        if let Err(error) = this.look().await {
            tracing::debug!(%error, "definitions.not_polled");
        }
        let pause = this.config.poll_interval();
        drop(this);
        tokio::time::sleep(pause).await;
    }
}
