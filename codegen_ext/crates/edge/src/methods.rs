//! The methods that the edge knows, and what each needs.

use std::collections::{BTreeSet, HashMap};

use promo_engine::{access, protocol::FILE_DESCRIPTOR_SET};
use prost::Message;
use prost_types::FileDescriptorSet;

/// One method of the public surface.
pub struct Method {
    /// Path on the wire.
    pub path: &'static str,
    /// Scope that the caller's key needs.
    pub scope: &'static str,
    /// Whether the engine answers it.
    pub hot: bool,
    /// Whether its answer is a stream.
    pub streams: bool,
    /// Whether it makes many calls in one.
    pub is_batch: bool,
    /// Place in the table, and in the metrics.
    pub index: usize,
}

impl Method {
    /// Name of its service, such as `promo.v1.SessionService`.
    pub fn service(&self) -> &'static str {
        self.path.split('/').nth(1).unwrap_or_default()
    }
}

/// Every method that needs a key.
pub struct Methods {
    all: Vec<Method>,
    by_path: HashMap<&'static str, usize>,
}

impl Methods {
    /// The engine's access table, with what the contract says of each method.
    pub fn new() -> Self {
        let streaming = streaming_paths();
        let all: Vec<Method> = access::METHODS
            .iter()
            .enumerate()
            .map(|(index, method)| Method {
                path: method.path,
                scope: method.scope,
                hot: method.hot,
                streams: streaming.contains(method.path),
                is_batch: method.path.contains("/Batch"),
                index,
            })
            .collect();
        let by_path = all
            .iter()
            .map(|method| (method.path, method.index))
            .collect();
        Self { all, by_path }
    }

    /// The method with this path.
    pub fn find(&self, path: &str) -> Option<&Method> {
        self.by_path
            .get(path)
            .and_then(|index| self.all.get(*index))
    }

    /// All methods, in the order of their indices.
    pub fn all(&self) -> &[Method] {
        &self.all
    }

    /// The services with a hot method, which serve while the store answers, or
    /// those without one, which serve while the control plane does.
    pub fn services(&self, hot: bool) -> BTreeSet<&'static str> {
        let engine = self.all.iter().filter(|method| method.hot);
        let engine: BTreeSet<_> = engine.map(Method::service).collect();
        if hot {
            return engine;
        }
        let all: BTreeSet<_> = self.all.iter().map(Method::service).collect();
        &all - &engine
    }
}

fn streaming_paths() -> BTreeSet<String> {
    // The set was written by our own build; one that cannot be read means that
    // no method streams, which a test would show.
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap_or_default();
    let mut paths = BTreeSet::new();
    for file in &set.file {
        for service in &file.service {
            let streaming = service
                .method
                .iter()
                .filter(|method| method.server_streaming());
            paths.extend(
                streaming.map(|method| {
                    format!("/{}.{}/{}", file.package(), service.name(), method.name())
                }),
            );
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_says_which_answers_stream() {
        let methods = Methods::new();
        let streaming: Vec<_> = methods
            .all()
            .iter()
            .filter(|method| method.streams)
            .collect();
        assert_eq!(streaming.len(), 1);
        assert_eq!(streaming[0].path, "/promo.v1.CodeService/ExportCodes");
    }

    #[test]
    fn a_batch_has_its_calls_in_its_first_field() {
        let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
        let mut batches = 0;
        for method in Methods::new().all().iter().filter(|method| method.is_batch) {
            let name = method.path.split('/').next_back().unwrap();
            let mut messages = set.file.iter().flat_map(|file| &file.message_type);
            let message = messages.find(|message| message.name() == format!("{name}Request"));
            let [field] = message.unwrap().field.as_slice() else {
                panic!("{name} has one field");
            };
            assert_eq!((field.name(), field.number()), ("requests", 1));
            assert!(method.hot);
            batches += 1;
        }
        assert_eq!(batches, 3);
    }

    #[test]
    fn every_method_of_the_contract_is_known_and_no_other() {
        let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
        let methods = Methods::new();
        let mut contract = 0;
        for file in &set.file {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    assert!(methods.find(&path).is_some(), "{path}");
                    contract += 1;
                }
            }
        }
        assert_eq!(methods.all().len(), contract);
        assert!(methods.find("/promo.v1.SessionService/Steal").is_none());
    }

    #[test]
    fn a_service_is_hot_or_managed() {
        let methods = Methods::new();
        assert!(
            methods
                .services(true)
                .contains("promo.v1.RedemptionService")
        );
        assert!(
            methods
                .services(false)
                .contains("google.longrunning.Operations")
        );
        assert!(methods.services(true).is_disjoint(&methods.services(false)));
    }
}
