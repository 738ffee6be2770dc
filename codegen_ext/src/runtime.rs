//! The data plane as a Python object: an engine, the call layer over it, and the
//! server on the public port. Everything runs on its own threads; Python gets
//! answers through callbacks.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use promo_edge::{CallLayer, EdgeConfig, Server};
use promo_engine::{Engine, EngineConfig};
use prost::Message as _;
use pyo3::{
    exceptions::{PyRuntimeError, PyValueError},
    prelude::*,
    types::PyBytes,
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuntimeConfig {
    /// Threads that answer calls; 0 takes one per core.
    #[serde(default)]
    worker_threads: usize,
    engine: EngineConfig,
    #[serde(default)]
    edge: EdgeConfig,
}

/// An engine with its own threads, and a server if asked for.
#[pyclass(frozen)]
pub struct Runtime {
    tokio: Mutex<Option<tokio::runtime::Runtime>>,
    handle: tokio::runtime::Handle,
    engine: Arc<Engine>,
    layer: Arc<CallLayer<Engine>>,
    edge: EdgeConfig,
    server: Mutex<Option<Arc<Server<Engine>>>>,
}

#[pymethods]
impl Runtime {
    /// Starts the engine. `config` is a JSON document: `worker_threads`, `engine`
    /// and `edge`.
    #[new]
    fn new(py: Python<'_>, config: &str) -> PyResult<Self> {
        let config: RuntimeConfig = serde_json::from_str(config)
            .map_err(|error| PyValueError::new_err(format!("runtime settings: {error}")))?;
        py.detach(|| Self::start(config))
    }

    /// Starts to listen, and returns where.
    fn serve(&self, py: Python<'_>) -> PyResult<String> {
        py.detach(|| {
            let starting = Server::start(Arc::clone(&self.layer), &self.edge);
            let server = self
                .handle
                .block_on(starting)
                .map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
            let address = server.address().to_string();
            *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(server));
            Ok(address)
        })
    }

    /// Makes a unary call in this process, exactly like one through the port.
    /// `callback` is called from another thread with whether it succeeded, and
    /// the encoded answer or `google.rpc.Status`.
    #[pyo3(signature = (method, metadata, body, timeout_ms, callback))]
    fn call(
        &self,
        method: String,
        metadata: Vec<(String, String)>,
        body: Vec<u8>,
        timeout_ms: Option<u64>,
        callback: Py<PyAny>,
    ) -> PyResult<()> {
        let headers = headers(&metadata)?;
        let layer = Arc::clone(&self.layer);
        self.handle.spawn(async move {
            let deadline = timeout_ms.map(Duration::from_millis);
            match layer
                .call(&method, &headers, Bytes::from(body), deadline)
                .await
            {
                Ok(answer) => report(&callback, true, &answer),
                Err(failure) => report(&callback, false, &failure.status().encode_to_vec()),
            }
        });
        Ok(())
    }

    /// Gives back what overdue holds hold. `callback` is called as by `call`; the
    /// answer is how many holds were found, in digits.
    fn sweep(&self, callback: Py<PyAny>) {
        let engine = Arc::clone(&self.engine);
        self.handle.spawn(async move {
            match engine.sweep(now_ms()).await {
                Ok(found) => report(&callback, true, found.to_string().as_bytes()),
                Err(refusal) => {
                    let status = promo_engine::status::status(&refusal);
                    report(&callback, false, &status.encode_to_vec());
                }
            }
        });
    }

    /// Metrics of the data plane, as Prometheus text.
    fn metrics(&self) -> String {
        self.layer.metrics()
    }

    /// Whether the store answers.
    fn healthy(&self) -> bool {
        self.engine.healthy()
    }

    /// Lets calls in flight finish within a time, then stops for good.
    fn drain(&self, py: Python<'_>, grace_ms: u64) {
        py.detach(|| {
            let server = self
                .server
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            if let Some(server) = server {
                self.handle
                    .block_on(server.drain(Duration::from_millis(grace_ms)));
            }
            let tokio = self
                .tokio
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            if let Some(tokio) = tokio {
                tokio.shutdown_timeout(Duration::from_millis(500));
            }
        });
    }
}

impl Runtime {
    fn start(config: RuntimeConfig) -> PyResult<Self> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        if config.worker_threads > 0 {
            builder.worker_threads(config.worker_threads);
        }
        let tokio = builder
            .thread_name("promo-data-plane")
            .enable_all()
            .build()
            .map_err(|error| PyRuntimeError::new_err(format!("threads: {error}")))?;
        let handle = tokio.handle().clone();
        let _entered = handle.enter();
        let engine = Engine::connect(config.engine)
            .map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        Ok(Self {
            layer: Arc::new(CallLayer::new(Arc::clone(&engine), &config.edge)),
            tokio: Mutex::new(Some(tokio)),
            handle: handle.clone(),
            engine,
            edge: config.edge,
            server: Mutex::default(),
        })
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let tokio = self
            .tokio
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(tokio) = tokio {
            // Waiting here could wait for a callback that waits for the GIL.
            tokio.shutdown_background();
        }
    }
}

fn headers(metadata: &[(String, String)]) -> PyResult<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(metadata.len());
    for (name, value) in metadata {
        let malformed = || PyValueError::new_err(format!("metadata {name:?} is malformed"));
        let name = HeaderName::try_from(name.to_ascii_lowercase()).map_err(|_| malformed())?;
        headers.append(name, HeaderValue::try_from(value).map_err(|_| malformed())?);
    }
    Ok(headers)
}

/// Hands an answer to Python. A callback that fails has nobody to tell but
/// Python's own hook for such errors.
fn report(callback: &Py<PyAny>, succeeded: bool, answer: &[u8]) {
    Python::attach(|py| {
        if let Err(error) = callback.call1(py, (succeeded, PyBytes::new(py, answer))) {
            error.write_unraisable(py, None);
        }
    });
}

fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
