//! Who calls: keys are kept as hashes in the store, and a few here.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use promo_decision::{reason::Reason, refusal::Refusal};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::{
    definitions::no_definitions,
    keys,
    store::{Store, StoreError},
};

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Public half of the key.
    pub key_id: Arc<str>,
    /// The project that the key opens.
    pub project: Arc<str>,
    /// What it may do.
    pub scopes: BTreeSet<String>,
    /// Whether it may speak for other projects.
    pub admin: bool,
}

impl Identity {
    /// Refuses a caller who lacks a scope.
    pub fn require(&self, scope: &str) -> Result<(), Refusal> {
        if self.scopes.contains(scope) {
            Ok(())
        } else {
            Err(Refusal::new(Reason::ScopeMissing).with("scope", scope.to_owned()))
        }
    }
}

#[derive(Deserialize)]
struct Document {
    hash: String,
    project: String,
    scopes: BTreeSet<String>,
    #[serde(default)]
    admin: bool,
}

struct Known {
    hash: [u8; 32],
    identity: Arc<Identity>,
}

/// Bounds what callers who invent key ids can make the engine remember.
const MOST_KNOWN: usize = 10_000;

/// Authenticates callers.
#[derive(Default)]
pub struct Keyring {
    known: RwLock<HashMap<String, Arc<Known>>>,
    generation: AtomicU64,
}

impl Keyring {
    /// Forgets every key; called when the definitions' epoch moves, so that a
    /// revoked key stops working.
    pub fn forget(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.known
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clear();
    }

    /// Tells who calls. `authorization` is `Bearer <key id>:<token>`.
    pub async fn authenticate(
        &self,
        store: &Store,
        authorization: Option<&str>,
    ) -> Result<Arc<Identity>, Refusal> {
        let invalid = || Refusal::new(Reason::CredentialsInvalid);
        let header = authorization.ok_or_else(|| Refusal::new(Reason::CredentialsMissing))?;
        let (id, token) = header
            .strip_prefix("Bearer ")
            .or_else(|| header.strip_prefix("bearer "))
            .and_then(|pair| pair.split_once(':'))
            .ok_or_else(invalid)?;
        if id.is_empty() || id.len() > 128 || token.len() > 512 {
            return Err(invalid());
        }
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let known = match self.lookup(id) {
            Some(known) => Some(known),
            None => self.load(store, id).await?,
        };
        // An unknown id costs the same comparison as a wrong token.
        let hash = known.as_ref().map_or([0; 32], |known| known.hash);
        match known {
            Some(known) if equal(&hash, &digest) => Ok(Arc::clone(&known.identity)),
            _ => Err(invalid()),
        }
    }

    fn lookup(&self, id: &str) -> Option<Arc<Known>> {
        let known = self
            .known
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        known.get(id).cloned()
    }

    async fn load(&self, store: &Store, id: &str) -> Result<Option<Arc<Known>>, StoreError> {
        let generation = self.generation.load(Ordering::SeqCst);
        let mut pipeline = redis::pipe();
        pipeline.cmd("HGET").arg(keys::AUTH).arg(id);
        pipeline.cmd("EXISTS").arg(keys::EPOCH);
        let (text, any): (Option<Vec<u8>>, bool) = store.query_pipeline(&pipeline).await?;
        let Some(text) = text else {
            // A store that lost everything does not make a key wrong.
            return if any { Ok(None) } else { Err(no_definitions()) };
        };
        let document: Document = serde_json::from_slice(&text)
            .map_err(|error| StoreError::Unexpected(format!("key document: {error}")))?;
        let hash = parse_hash(&document.hash)
            .ok_or_else(|| StoreError::Unexpected("key document: hash".into()))?;
        let known = Arc::new(Known {
            hash,
            identity: Arc::new(Identity {
                key_id: id.into(),
                project: document.project.into(),
                scopes: document.scopes,
                admin: document.admin,
            }),
        });
        let mut all = self
            .known
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if all.len() >= MOST_KNOWN {
            all.clear();
        }
        // What was read before a revocation must not be remembered after it.
        if self.generation.load(Ordering::SeqCst) == generation {
            all.insert(id.to_owned(), Arc::clone(&known));
        }
        Ok(Some(known))
    }
}

/// Compares in a time that does not tell where the difference is.
fn equal(left: &[u8; 32], right: &[u8; 32]) -> bool {
    let difference = left.iter().zip(right).fold(0, |all, (a, b)| all | (a ^ b));
    std::hint::black_box(difference) == 0
}

fn parse_hash(text: &str) -> Option<[u8; 32]> {
    hex::decode(text).ok()?.try_into().ok()
}
