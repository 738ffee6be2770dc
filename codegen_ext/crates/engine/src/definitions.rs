//! What people have defined, as the engine has it in memory.
//!
//! The truth is in SQL; its owner puts compiled bundles into the store and counts
//! an epoch up. The engine looks at the epoch every moment, and at once when a
//! commit says that a definition is stale or when a name or code is unknown, so
//! what was just created is found.

use std::{
    collections::HashMap,
    num::NonZeroU8,
    ops::Deref,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use promo_codes::{Codec, Layout, LayoutKey, LayoutSpec, MasterKey, Ranges};
use promo_decision::{Campaign, CampaignBundle, CodeMode, Zone};
use serde::Deserialize;

use crate::{
    keys::{self, Keys, Partition},
    store::{Store, StoreError},
};

/// A project as its owner publishes it.
#[derive(Debug, Deserialize)]
struct ProjectBundle {
    id: String,
    version: u64,
    time_zone: String,
    partitions: NonZeroU8,
    #[serde(default)]
    layouts: Vec<LayoutBundle>,
    #[serde(default)]
    campaigns: Vec<CampaignName>,
}

#[derive(Debug, Deserialize)]
struct LayoutBundle {
    spec: LayoutSpec,
    /// Wrapped under the master secret, in base64.
    key: String,
    /// First index, first index after it, campaign; ascending and disjoint.
    ranges: Vec<(u64, u64, u32)>,
}

#[derive(Debug, Deserialize)]
struct CampaignName {
    number: u32,
    id: String,
    name: String,
}

/// A layout and whose its indices are.
struct IssuedLayout {
    codec: Arc<Codec>,
    ranges: Vec<(u64, u64, u32)>,
}

/// A project in memory.
pub struct Project {
    /// Id of the project.
    pub id: Arc<str>,
    /// Version of the definitions, which commits compare.
    pub version: u64,
    /// The epoch up to which its definitions are known to be complete.
    pub epoch: i64,
    /// Zone of calendar limits, days and hours.
    pub zone: Zone,
    /// How many partitions the project has.
    pub partitions: u8,
    layouts: Arc<Vec<IssuedLayout>>,
    numbers: Arc<HashMap<String, u32>>,
    campaigns: RwLock<Campaigns>,
}

type Campaigns = HashMap<u32, Arc<IssuedCampaign>>;

/// A campaign in memory, with what its codes are.
pub struct IssuedCampaign {
    /// What it gives, when and how often.
    pub campaign: Campaign,
    /// Where its codes come from; none when they are stored.
    pub codec: Option<Arc<Codec>>,
    /// Its indices in the layout, or its positions where codes are stored.
    ranges: Ranges,
    /// Builds its keys.
    pub keys: Keys,
    /// Its partition.
    pub partition: Partition,
}

/// A code that a project has issued.
pub struct FoundCode {
    /// The campaign that it belongs to.
    pub campaign: u32,
    /// The code as it was issued.
    pub code: String,
    /// Its place in the layout, or in the campaign where codes are stored.
    pub place: Place,
}

/// Where a code stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Index in its layout's permutation.
    Index(u64),
    /// Position in its campaign.
    Position(u64),
}

impl IssuedCampaign {
    /// How many positions the campaign has, from 0. Words that a blocklist leaves
    /// out have some, too.
    pub fn positions(&self) -> u64 {
        self.ranges.len()
    }

    /// How many codes the campaign has.
    pub fn code_count(&self) -> u64 {
        self.campaign.code_count.unwrap_or(self.ranges.len())
    }

    /// The position of a place, none when it is not this campaign's.
    pub fn position(&self, place: Place) -> Option<u64> {
        let index = match place {
            // What the store has of an import counts when the campaign says so.
            Place::Position(position) => {
                let is_issued = match self.campaign.codes {
                    CodeMode::Stored => position < self.positions(),
                    CodeMode::Arithmetic => position >= keys::NAMED_FROM,
                };
                return is_issued.then_some(position);
            }
            Place::Index(index) => index,
        };
        self.ranges.position_of(index)
    }

    /// Whether a blocklist leaves some of its codes out.
    pub fn has_blocklist(&self) -> bool {
        let codec = self.codec.as_ref();
        codec.is_some_and(|codec| !codec.layout().spec().blocklist.is_empty())
    }

    /// Positions among these whose codes a blocklist leaves out.
    pub fn blocked_positions(&self, positions: std::ops::Range<u64>) -> Vec<u64> {
        let Some(codec) = self.codec.as_ref().filter(|_| self.has_blocklist()) else {
            return Vec::new();
        };
        positions
            .filter(|position| {
                self.index(*position)
                    .is_some_and(|index| codec.is_blocked(index))
            })
            .collect()
    }

    /// The index of a position, none when it was not issued.
    pub fn index(&self, position: u64) -> Option<u64> {
        self.ranges.index_at(position)
    }
}

impl Project {
    /// The number of the campaign with this id or name.
    pub fn campaign_number(&self, id_or_name: &str) -> Option<u32> {
        self.numbers.get(id_or_name).copied()
    }

    /// A partition that follows from a text alone.
    pub fn partition_of(&self, text: &str) -> Partition {
        keys::partition_of_text(text, self.partitions)
    }

    /// The issued arithmetic code that a text spells.
    pub fn decode(&self, text: &str) -> Option<FoundCode> {
        self.layouts.iter().find_map(|layout| {
            let index = layout.codec.decode(text.as_bytes())?;
            let at = layout.ranges.partition_point(|&(_, end, _)| end <= index);
            let &(start, _, campaign) = layout.ranges.get(at)?;
            let issued = start <= index;
            let code = issued.then(|| layout.codec.encode(index)).flatten()?;
            Some(FoundCode {
                campaign,
                code,
                place: Place::Index(index),
            })
        })
    }

    fn cached(&self, number: u32) -> Option<Arc<IssuedCampaign>> {
        let campaigns = self
            .campaigns
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        campaigns.get(&number).cloned()
    }

    fn codec_of(&self, number: u32) -> Option<Arc<Codec>> {
        self.layouts
            .iter()
            .find(|layout| layout.ranges.iter().any(|range| range.2 == number))
            .map(|layout| Arc::clone(&layout.codec))
    }

    /// The campaigns in memory.
    fn known(&self) -> Vec<(u32, Arc<IssuedCampaign>)> {
        let campaigns = self
            .campaigns
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        campaigns
            .iter()
            .map(|(number, one)| (*number, Arc::clone(one)))
            .collect()
    }

    /// The same project as it was found at another epoch. A copy, since who still
    /// decides by the old one must be able to tell.
    fn at(&self, epoch: i64, campaigns: Campaigns) -> Self {
        Self {
            id: Arc::clone(&self.id),
            version: self.version,
            epoch,
            zone: self.zone.clone(),
            partitions: self.partitions,
            layouts: Arc::clone(&self.layouts),
            numbers: Arc::clone(&self.numbers),
            campaigns: RwLock::new(campaigns),
        }
    }
}

/// What is in memory of a project, compared with the store.
struct Compared {
    /// The version in the store; none when it has no such project.
    version: Option<u64>,
    /// Campaigns that are still as they are in the store.
    unchanged: Campaigns,
}

/// The epoch of one who has not seen any.
const NEVER: i64 = -1;

/// The definitions that this process has in memory.
pub struct Definitions {
    store: Store,
    master: MasterKey,
    epoch: AtomicI64,
    projects: RwLock<HashMap<String, Arc<Project>>>,
    loading: tokio::sync::Mutex<()>,
    /// Whether the store had no definitions when somebody looked last.
    missing: AtomicBool,
    /// How often a project could not be loaded since the store was out of reach.
    failures: AtomicU64,
}

impl Definitions {
    /// Nothing in memory yet.
    pub fn new(store: Store, master: MasterKey) -> Self {
        Self {
            store,
            master,
            epoch: AtomicI64::new(NEVER),
            projects: RwLock::default(),
            loading: tokio::sync::Mutex::new(()),
            missing: AtomicBool::new(false),
            failures: AtomicU64::new(0),
        }
    }

    /// The epoch in the store. A store that has none has no definitions: it is
    /// new, or was emptied, or took over without its data.
    pub async fn latest_epoch(&self) -> Result<i64, StoreError> {
        let mut command = redis::cmd("GET");
        command.arg(keys::EPOCH);
        let epoch: Option<i64> = self.store.query(&command).await?;
        if let Some(epoch) = epoch {
            self.missing.store(false, Ordering::SeqCst);
            return Ok(epoch);
        }
        self.missing.store(true, Ordering::SeqCst);
        // It may count to the same number again.
        if self.epoch.swap(NEVER, Ordering::SeqCst) != NEVER {
            tracing::error!("definitions.lost");
        }
        Err(no_definitions())
    }

    /// Whether the store had no definitions when somebody looked last.
    pub fn missing(&self) -> bool {
        self.missing.load(Ordering::SeqCst)
    }

    /// Reads again what has changed up to an epoch.
    pub async fn follow(&self, epoch: i64) -> Result<(), StoreError> {
        if self.epoch() == epoch {
            return Ok(());
        }
        let _loading = self.loading.lock().await;
        if self.epoch() == epoch {
            return Ok(());
        }
        let projects = self.loaded();
        let compared = self.compare(&projects).await?;
        for (project, compared) in projects.iter().zip(compared) {
            if compared.version == Some(project.version) {
                self.keep(project.at(epoch, compared.unchanged));
                continue;
            }
            match self.reload(&project.id, epoch, compared.unchanged).await {
                // One project that cannot be read must not keep the others, or
                // the end of a key, from being seen.
                Err(StoreError::Unexpected(detail)) => {
                    tracing::error!(project = %project.id, %detail, "definitions.unreadable");
                    self.forget(&project.id);
                }
                reloaded => {
                    reloaded?;
                }
            }
        }
        self.epoch.store(epoch, Ordering::SeqCst);
        Ok(())
    }

    /// The epoch that was looked at last.
    pub fn epoch(&self) -> i64 {
        self.epoch.load(Ordering::SeqCst)
    }

    fn keep(&self, project: Project) -> Arc<Project> {
        let project = Arc::new(project);
        let mut projects = self
            .projects
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        projects.insert(project.id.to_string(), Arc::clone(&project));
        project
    }

    fn forget(&self, id: &str) {
        let mut projects = self
            .projects
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        projects.remove(id);
    }

    /// The project, loaded if need be; none when there is no such project.
    pub async fn project(&self, id: &str) -> Result<Option<Arc<Project>>, StoreError> {
        if self.missing() {
            return Err(no_definitions());
        }
        if let Some(project) = self.cached(id) {
            return Ok(Some(project));
        }
        let failures = self.failures.load(Ordering::SeqCst);
        let _loading = self.loading.lock().await;
        if let Some(project) = self.cached(id) {
            return Ok(Some(project));
        }
        // Those who waited for an attempt that failed do not wait for one more
        // each: of a store that hangs all hear as soon as the first of them.
        if self.failures.load(Ordering::SeqCst) != failures {
            return Err(StoreError::Unavailable("definitions not loaded".into()));
        }
        let loaded = self.reload(id, self.epoch(), Campaigns::new()).await;
        if matches!(loaded, Err(StoreError::Unavailable(_))) {
            self.failures.fetch_add(1, Ordering::SeqCst);
        }
        loaded
    }

    /// The project as it is in the store now, unless somebody else has read it
    /// since it was as in `seen`.
    pub async fn refresh(&self, seen: &Project) -> Result<Option<Arc<Project>>, StoreError> {
        let _loading = self.loading.lock().await;
        match self.cached(&seen.id) {
            Some(newer) if !std::ptr::eq(&raw const *newer, seen) => return Ok(Some(newer)),
            Some(_) | None => {}
        }
        let compared = self.compare(std::slice::from_ref(&seen)).await?.pop();
        let unchanged = compared.map(|compared| compared.unchanged);
        let epoch = self.epoch();
        self.reload(&seen.id, epoch, unchanged.unwrap_or_default())
            .await
    }

    /// The campaign with this number, loaded if need be.
    pub async fn campaign(
        &self,
        project: &Project,
        number: u32,
    ) -> Result<Option<Arc<IssuedCampaign>>, StoreError> {
        if let Some(campaign) = project.cached(number) {
            return Ok(Some(campaign));
        }
        let partition = Partition::of_campaign(number, project.partitions);
        let keys = Keys::new(&project.id, partition);
        let mut command = redis::cmd("GET");
        command.arg(keys.bundle(number));
        let text: Option<Vec<u8>> = self.store.query(&command).await?;
        let Some(text) = text else { return Ok(None) };
        let bundle = CampaignBundle::parse(&text).map_err(unreadable)?;
        let compiled = Campaign::compile(bundle).map_err(unreadable)?;
        let mut codec = project.codec_of(number);
        if codec.is_none() && compiled.codes == CodeMode::Arithmetic && !compiled.ranges.is_empty()
        {
            // The project was read before the campaign had codes.
            let newer = self.refresh(project).await?;
            codec = newer.and_then(|newer| newer.codec_of(number));
            if codec.is_none() {
                return Ok(None);
            }
        }
        let ranges = compiled.ranges.iter().map(|&(start, end)| start..end);
        let ranges: Vec<_> = ranges.filter(|range| !range.is_empty()).collect();
        let campaign = Arc::new(IssuedCampaign {
            campaign: compiled,
            codec,
            ranges: Ranges::new(&ranges).map_err(unreadable)?,
            keys,
            partition,
        });
        let mut campaigns = project
            .campaigns
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        campaigns.insert(number, Arc::clone(&campaign));
        Ok(Some(campaign))
    }

    fn cached(&self, id: &str) -> Option<Arc<Project>> {
        let projects = self.projects.read().unwrap_or_else(PoisonError::into_inner);
        projects.get(id).cloned()
    }

    /// The projects in memory.
    pub fn loaded(&self) -> Vec<Arc<Project>> {
        let projects = self.projects.read().unwrap_or_else(PoisonError::into_inner);
        projects.values().cloned().collect()
    }

    /// Reads a project; `campaigns` are those of it that need not be read again.
    async fn reload(
        &self,
        id: &str,
        epoch: i64,
        campaigns: Campaigns,
    ) -> Result<Option<Arc<Project>>, StoreError> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("GET").arg(keys::project_bundle(id));
        pipeline.cmd("EXISTS").arg(keys::EPOCH);
        let (text, any): (Option<Vec<u8>>, bool) = self.store.query_pipeline(&pipeline).await?;
        if let Some(text) = text {
            let bundle: ProjectBundle = serde_json::from_slice(&text).map_err(unreadable)?;
            return Ok(Some(self.keep(self.build(bundle, epoch, campaigns)?)));
        }
        if !any {
            return Err(no_definitions());
        }
        self.forget(id);
        Ok(None)
    }

    fn build(
        &self,
        bundle: ProjectBundle,
        epoch: i64,
        campaigns: Campaigns,
    ) -> Result<Project, StoreError> {
        let mut layouts = Vec::with_capacity(bundle.layouts.len());
        for layout in bundle.layouts {
            let wrapped = BASE64_STANDARD.decode(&layout.key).map_err(unreadable)?;
            let key = LayoutKey::unwrap(&wrapped, &self.master).map_err(unreadable)?;
            let compiled = Layout::compile(&layout.spec).map_err(unreadable)?;
            layouts.push(IssuedLayout {
                codec: Arc::new(Codec::new(compiled, &key)),
                ranges: layout.ranges,
            });
        }
        let mut numbers = HashMap::with_capacity(bundle.campaigns.len() * 2);
        for campaign in bundle.campaigns {
            numbers.insert(campaign.name, campaign.number);
            numbers.insert(campaign.id, campaign.number);
        }
        Ok(Project {
            id: bundle.id.into(),
            version: bundle.version,
            epoch,
            zone: Zone::named(&bundle.time_zone).map_err(unreadable)?,
            partitions: bundle.partitions.get(),
            layouts: Arc::new(layouts),
            numbers: Arc::new(numbers),
            campaigns: RwLock::new(campaigns),
        })
    }

    /// Compares projects with the store, in one go.
    async fn compare<P: Deref<Target = Project>>(
        &self,
        projects: &[P],
    ) -> Result<Vec<Compared>, StoreError> {
        let known: Vec<_> = projects.iter().map(|project| project.known()).collect();
        let mut pipeline = redis::pipe();
        for (project, campaigns) in projects.iter().zip(&known) {
            let keys = Keys::new(&project.id, Partition(0));
            pipeline.cmd("GET").arg(keys.project_version());
            for (number, one) in campaigns {
                pipeline.cmd("GET").arg(one.keys.bundle_version(*number));
            }
        }
        if pipeline.is_empty() {
            return Ok(Vec::new());
        }
        let versions: Vec<Option<u64>> = self.store.query_pipeline(&pipeline).await?;
        let mut versions = versions.into_iter();
        let mut next = || versions.next().flatten();
        Ok(known
            .into_iter()
            .map(|campaigns| Compared {
                version: next(),
                unchanged: campaigns
                    .into_iter()
                    .filter(|(_, one)| next() == Some(one.campaign.version))
                    .collect(),
            })
            .collect())
    }
}

/// Nothing is known of any project: not even who may call.
pub fn no_definitions() -> StoreError {
    StoreError::Unavailable("the store has no definitions".into())
}

fn unreadable(error: impl std::fmt::Display) -> StoreError {
    StoreError::Unexpected(format!("definition: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partitions(count: i64) -> Result<u8, serde_json::Error> {
        let document = serde_json::json!({
            "id": "k3v9q2aa", "version": 1, "time_zone": "UTC", "partitions": count,
        });
        serde_json::from_value::<ProjectBundle>(document).map(|bundle| bundle.partitions.get())
    }

    #[test]
    fn a_project_has_1_to_255_partitions() {
        assert_eq!(partitions(1).unwrap(), 1);
        assert_eq!(partitions(255).unwrap(), 255);
        for wrong in [-1, 0, 256] {
            assert!(partitions(wrong).is_err(), "{wrong}");
        }
    }
}
