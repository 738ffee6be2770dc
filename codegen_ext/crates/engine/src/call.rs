//! One call: who makes it, when, and what it may see.

use std::sync::Arc;

use promo_decision::{reason::Reason, refusal::Refusal};

use crate::{
    auth::Identity, definitions::Project, engine::Engine, guesses::Guesser, store::StoreError,
};

/// A call of an authenticated caller.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// What answers it.
    pub engine: &'a Engine,
    /// Who makes it.
    pub identity: &'a Identity,
    /// When it was made, milliseconds since 1970, UTC.
    pub now_ms: i64,
}

impl Call<'_> {
    /// The caller's project.
    pub async fn project(&self) -> Result<Arc<Project>, Refusal> {
        let project = self
            .engine
            .definitions
            .project(&self.identity.project)
            .await?;
        project.ok_or_else(|| self.no_project())
    }

    /// The caller's project, with everything that was defined before the call.
    pub async fn fresh_project(&self) -> Result<Arc<Project>, Refusal> {
        self.engine.look().await?;
        self.project().await
    }

    /// Whether definitions have changed since `project` was read.
    pub async fn is_outdated(&self, project: &Project) -> Result<bool, Refusal> {
        self.engine.look().await?;
        Ok(self.engine.definitions.epoch() != project.epoch)
    }

    /// The caller's project, newer than one by which the store did not decide.
    pub async fn newer_project(&self, stale: &Project) -> Result<Arc<Project>, Refusal> {
        let project = self.engine.definitions.refresh(stale).await?;
        project.ok_or_else(|| self.no_project())
    }

    /// Who would be guessing, if the call guesses.
    pub fn guesser<'b>(&'b self, customer: Option<&'b str>) -> Guesser<'b> {
        Guesser {
            project: &self.identity.project,
            key_id: &self.identity.key_id,
            customer,
        }
    }

    fn no_project(&self) -> Refusal {
        Refusal::new(Reason::ProjectNotFound).with("project", self.identity.project.to_string())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(detail) => {
                tracing::debug!(%detail, "store.unavailable");
                Self::new(Reason::StoreUnavailable)
            }
            StoreError::Unexpected(detail) => {
                tracing::error!(%detail, "store.unexpected");
                Self::new(Reason::Internal)
            }
        }
    }
}
