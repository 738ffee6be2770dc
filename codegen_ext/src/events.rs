//! Log events of the data plane, told to Python: there is one log.

use std::sync::{
    Arc, OnceLock, PoisonError, RwLock,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use pyo3::{exceptions::PyRuntimeError, prelude::*};
use serde_json::{Map, Value};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
};

use crate::python_thread;

/// Events that may wait for Python; more are dropped rather than kept.
const MOST_WAITING: usize = 1_000;

static LISTENER: OnceLock<Listener> = OnceLock::new();
static WAITING: AtomicUsize = AtomicUsize::new(0);

struct Listener {
    level: LevelFilter,
    callback: RwLock<Arc<Py<PyAny>>>,
}

/// Has `callback(level, target, event, fields)` called for every event of the
/// data plane that is at least as grave as `level`: debug, info, warning or
/// error. `fields` is a JSON object. The level of the first listener holds for the
/// life of the process, the last callback is the one that is called.
#[pyfunction]
pub fn listen(level: &str, callback: Py<PyAny>) -> PyResult<()> {
    let level = match level {
        "debug" => LevelFilter::DEBUG,
        "info" => LevelFilter::INFO,
        "warning" => LevelFilter::WARN,
        _ => LevelFilter::ERROR,
    };
    let callback = Arc::new(callback);
    let mut first = false;
    let listener = LISTENER.get_or_init(|| {
        first = true;
        Listener {
            level,
            callback: RwLock::new(Arc::clone(&callback)),
        }
    });
    if first {
        tracing::subscriber::set_global_default(Events)
            .map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        report_panics();
    } else {
        *listener
            .callback
            .write()
            .unwrap_or_else(PoisonError::into_inner) = callback;
    }
    Ok(())
}

/// A panic is an event, not text in the middle of structured lines.
fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or_default();
        let place = panic.location().map(ToString::to_string);
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let problem = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        tracing::error!(thread, place, problem, "data_plane.panicked");
    }));
}

struct Events;

impl Subscriber for Events {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let grave = LISTENER
            .get()
            .is_some_and(|listener| *metadata.level() <= listener.level);
        grave && metadata.is_event() && is_ours(metadata.target())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        LISTENER.get().map(|listener| listener.level)
    }

    fn event(&self, event: &Event<'_>) {
        let Some(listener) = LISTENER.get() else {
            return;
        };
        if WAITING.fetch_add(1, Relaxed) >= MOST_WAITING {
            WAITING.fetch_sub(1, Relaxed);
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = name(*event.metadata().level());
        let target = event.metadata().target();
        let callback = listener
            .callback
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let callback = Arc::clone(&callback);
        python_thread::send(Box::new(move |py| {
            WAITING.fetch_sub(1, Relaxed);
            let others = Value::Object(fields.others).to_string();
            callback.call1(py, (level, target, fields.event, others))?;
            Ok(())
        }));
    }

    // The data plane has events only.
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

fn is_ours(target: &str) -> bool {
    ["promo_", "_native"]
        .iter()
        .any(|prefix| target.starts_with(prefix))
}

fn name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        _ => "debug",
    }
}

#[derive(Default)]
struct Fields {
    /// The event's own name.
    event: String,
    others: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.others.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.event = format!("{value:?}");
        } else {
            self.put(field, format!("{value:?}").into());
        }
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
}
