//! The data plane as a Python object: an engine, the call layer over it, and the
//! server on the public port. Everything runs on its own threads; Python gets
//! answers through callbacks, which one more thread calls.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use promo_decision::{Reason, Refusal};
use promo_edge::{CallLayer, EdgeConfig, Server, now_ms};
use promo_engine::{
    ControlPlane, Engine, EngineConfig, protocol::google::rpc::Status, status::status,
};
use prost::Message as _;
use pyo3::{
    exceptions::{PyRuntimeError, PyValueError},
    prelude::*,
    types::PyBytes,
};
use serde::Deserialize;
use tokio::task::AbortHandle;

use crate::python_thread;

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
        py.detach(|| Self::connect(config))
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
    /// `peer` is the IP address it is made for, if for another's. `callback` is called once, from another thread, with whether it succeeded
    /// and the encoded answer or `google.rpc.Status`.
    #[pyo3(signature = (method, metadata, body, timeout_ms, peer, callback))]
    fn call(
        &self,
        method: String,
        metadata: Vec<(String, String)>,
        body: &[u8],
        timeout_ms: Option<u64>,
        peer: Option<&str>,
        callback: Py<PyAny>,
    ) -> PyResult<Pending> {
        let headers = headers(metadata)?;
        let peer = peer.map(address).transpose()?;
        let layer = Arc::clone(&self.layer);
        let body = Bytes::copy_from_slice(body);
        let deadline = timeout_ms.map(Duration::from_millis);
        Ok(self.start(callback, async move {
            let answer = layer.call(&method, &headers, body, deadline, peer).await;
            answer.map_err(|failure| failure.status().clone())
        }))
    }

    /// Gives back what overdue holds hold. `callback` is called as by `call`; the
    /// answer is how many holds were found, in digits.
    fn sweep(&self, callback: Py<PyAny>) -> Pending {
        let engine = Arc::clone(&self.engine);
        self.start(callback, async move {
            let found = engine.sweep(now_ms()).await;
            found
                .map(|found| found.to_string().into())
                .map_err(|refusal| status(&refusal))
        })
    }

    /// Metrics of the data plane, as Prometheus text.
    fn metrics(&self) -> String {
        self.layer.metrics()
    }

    /// Whether the store answers and has definitions.
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
    /// Has work done whose result a callback is told.
    fn start(
        &self,
        callback: Py<PyAny>,
        work: impl Future<Output = Result<Bytes, Status>> + Send + 'static,
    ) -> Pending {
        let completion = Completion(Some(callback));
        let task = self
            .handle
            .spawn(async move { completion.report(work.await) });
        Pending {
            task: task.abort_handle(),
        }
    }

    fn connect(config: RuntimeConfig) -> PyResult<Self> {
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
        let control = config.edge.control_plane();
        let port = control
            .clone()
            .map(|control| control as Arc<dyn ControlPlane>);
        let engine = Engine::connect(config.engine, port)
            .map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        Ok(Self {
            layer: Arc::new(CallLayer::new(Arc::clone(&engine), control, &config.edge)),
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

fn headers(metadata: Vec<(String, String)>) -> PyResult<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(metadata.len());
    for (name, value) in metadata {
        let malformed = || PyValueError::new_err(format!("metadata {name:?} is malformed"));
        let name = HeaderName::try_from(name.to_ascii_lowercase()).map_err(|_| malformed())?;
        headers.append(name, HeaderValue::try_from(value).map_err(|_| malformed())?);
    }
    Ok(headers)
}

fn address(text: &str) -> PyResult<IpAddr> {
    text.parse()
        .map_err(|_| PyValueError::new_err(format!("peer {text:?} is no IP address")))
}

/// A call under way.
#[pyclass(frozen)]
pub struct Pending {
    task: AbortHandle,
}

#[pymethods]
impl Pending {
    /// Ends the call, if it is not over; what it did is not undone.
    fn cancel(&self) {
        self.task.abort();
    }
}

/// Tells a callback how a call ended, also when its task goes without an end.
struct Completion(Option<Py<PyAny>>);

impl Completion {
    fn report(mut self, result: Result<Bytes, Status>) {
        self.send(result);
    }

    fn send(&mut self, result: Result<Bytes, Status>) {
        if let Some(callback) = self.0.take() {
            python_thread::send(Box::new(move |py| {
                let (succeeded, answer) = match result {
                    Ok(answer) => (true, answer),
                    Err(status) => (false, status.encode_to_vec().into()),
                };
                callback.call1(py, (succeeded, PyBytes::new(py, &answer)))?;
                Ok(())
            }));
        }
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        // The threads were stopped, or the caller cancelled and does not listen.
        self.send(Err(status(&Refusal::new(Reason::Draining))));
    }
}
