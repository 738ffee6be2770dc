//! Several things of the store, looked at at one instant.

use redis::Value;

use crate::{
    functions,
    store::{Store, StoreError},
};

/// What to look at. Each method returns the place of its value in what
/// `run` returns.
#[derive(Debug, Default)]
pub struct Reading {
    keys: Vec<String>,
    how: Vec<String>,
}

impl Reading {
    fn add(&mut self, key: String, how: String) -> usize {
        self.keys.push(key);
        self.how.push(how);
        self.keys.len() - 1
    }

    /// A string.
    pub fn string(&mut self, key: String) -> usize {
        self.add(key, "s".into())
    }

    /// A bit of a string.
    pub fn bit(&mut self, key: String, offset: u64) -> usize {
        self.add(key, format!("b{offset}"))
    }

    /// A field of a hash.
    pub fn field(&mut self, key: String, field: u64) -> usize {
        self.add(key, format!("h{field}"))
    }

    /// How many things are to be looked at.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Looks. Without anything to look at the store is not asked.
    pub async fn run(self, store: &Store) -> Result<Vec<Value>, StoreError> {
        if self.keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = redis::cmd("FCALL_RO");
        command
            .arg(&functions::library().read)
            .arg(self.keys.len())
            .arg(&self.keys)
            .arg(&self.how);
        store.query(&command).await
    }
}
