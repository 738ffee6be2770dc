//! A tiny engine, a tiny control plane and a server in front of them.

pub mod control;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use promo_decision::{reason::Reason, refusal::Refusal};
use promo_edge::{CallLayer, Caller, EdgeConfig, Plane, Server};
use promo_engine::protocol::google::rpc::{self, ErrorInfo, RetryInfo};
use prost::Message;
use tonic::{
    Status,
    metadata::{Ascii, MetadataValue},
    transport::Channel,
};
use tonic_prost::ProstCodec;

pub const REDEEM: &str = "/promo.v1.RedemptionService/Redeem";
pub const PUBLISH: &str = "/promo.v1.PublicationService/Publish";
pub const GET_CAMPAIGN: &str = "/promo.v1.CampaignService/GetCampaign";
pub const EXPORT: &str = "/promo.v1.CodeService/ExportCodes";
/// May redeem, read campaigns and export codes.
pub const KEY: &str = "Bearer shop:secret";

/// A message of one text, for calls whose content does not matter.
#[derive(Clone, PartialEq, Message)]
pub struct Text {
    #[prost(string, tag = "1")]
    pub text: String,
}

pub fn text(text: &str) -> Text {
    Text {
        text: text.to_owned(),
    }
}

pub struct Shop {
    key_id: Arc<str>,
}

impl Caller for Shop {
    fn key_id(&self) -> &Arc<str> {
        &self.key_id
    }
    fn project(&self) -> &'static str {
        "pr0ject1"
    }
    fn may(&self, scope: &str) -> bool {
        scope != "publications.write"
    }
    fn scopes(&self) -> String {
        "campaigns.read,redemptions.write".to_owned()
    }
    fn admin(&self) -> bool {
        false
    }
}

/// Does what the message's text says: refuse, panic, sleep, or echo.
pub struct TinyPlane {
    pub healthy: AtomicBool,
    /// Calls taken out of each second.
    pub taken: Mutex<BTreeMap<i64, u64>>,
    pub leases: AtomicU64,
    pub authentications: AtomicU64,
}

impl Default for TinyPlane {
    fn default() -> Self {
        Self {
            healthy: AtomicBool::new(true),
            taken: Mutex::default(),
            leases: AtomicU64::new(0),
            authentications: AtomicU64::new(0),
        }
    }
}

impl TinyPlane {
    fn take(&self, want: u64, limit: u64, second: i64) -> u64 {
        let mut all = self.taken.lock().unwrap();
        let taken = all.entry(second).or_default();
        let granted = want.min(limit - *taken);
        *taken += granted;
        granted
    }
}

impl Plane for TinyPlane {
    type Caller = Shop;

    async fn authenticate(&self, authorization: Option<&str>) -> Result<Arc<Shop>, Refusal> {
        self.authentications.fetch_add(1, SeqCst);
        match authorization {
            None => Err(Refusal::new(Reason::CredentialsMissing)),
            Some(KEY) => Ok(Arc::new(Shop {
                key_id: "shop".into(),
            })),
            Some(_) => Err(Refusal::new(Reason::CredentialsInvalid)),
        }
    }

    async fn call(
        &self,
        _caller: &Shop,
        method: &'static str,
        body: Bytes,
        now_ms: i64,
    ) -> Result<Bytes, Refusal> {
        assert!(
            now_ms > 1_600_000_000_000,
            "the call's time is that of the clock"
        );
        let Ok(request) = Text::decode(body) else {
            return Err(Refusal::new(Reason::ResumeTokenInvalid));
        };
        match request.text.as_str() {
            "refuse" => Err(Refusal::new(Reason::CodeNotFound).with("code", "50 % für dich")),
            "fault" => Err(Refusal::new(Reason::Internal)),
            "panic" => panic!("asked to"),
            "sleep" => {
                tokio::time::sleep(Duration::from_millis(400)).await;
                Ok(text("slept").encode_to_vec().into())
            }
            other => Ok(text(&format!("{method} {other}")).encode_to_vec().into()),
        }
    }

    async fn lease(
        &self,
        _key_id: &str,
        want: u64,
        limit_per_second: u64,
        now_ms: i64,
    ) -> Result<u64, Refusal> {
        self.leases.fetch_add(1, SeqCst);
        Ok(self.take(want, limit_per_second, now_ms.div_euclid(1_000)))
    }

    async fn take_ahead(
        &self,
        _key_id: &str,
        calls: u64,
        limit_per_second: u64,
        now_ms: i64,
    ) -> Result<(), Refusal> {
        let (mut rest, mut second) = (calls, now_ms.div_euclid(1_000));
        while rest > 0 {
            rest -= self.take(rest, limit_per_second, second);
            second += 1;
        }
        Ok(())
    }

    fn healthy(&self) -> bool {
        self.healthy.load(SeqCst)
    }
}

/// A server with its engine, on a free port.
pub struct Edge {
    pub plane: Arc<TinyPlane>,
    pub layer: Arc<CallLayer<TinyPlane>>,
    pub server: Server<TinyPlane>,
}

impl Edge {
    pub async fn start(mut config: EdgeConfig) -> Self {
        "127.0.0.1:0".clone_into(&mut config.listen);
        let plane = Arc::new(TinyPlane::default());
        let layer = Arc::new(CallLayer::new(
            Arc::clone(&plane),
            config.control_plane(),
            &config,
        ));
        let server = Server::start(Arc::clone(&layer), &config).await.unwrap();
        Self {
            plane,
            layer,
            server,
        }
    }

    pub async fn client(&self) -> Client {
        let address = format!("http://{}", self.server.address());
        Client::new(
            Channel::from_shared(address)
                .unwrap()
                .connect()
                .await
                .unwrap(),
        )
    }
}

/// Settings with a control plane.
pub fn with_control(socket: &Path) -> EdgeConfig {
    EdgeConfig {
        control_socket: Some(socket.to_owned()),
        ..EdgeConfig::default()
    }
}

/// A client of any method whose messages are texts.
#[derive(Clone)]
pub struct Client {
    pub channel: Channel,
    pub key: Option<MetadataValue<Ascii>>,
    pub timeout: Option<Duration>,
}

impl Client {
    pub fn new(channel: Channel) -> Self {
        Self {
            channel,
            key: Some(KEY.parse().unwrap()),
            timeout: None,
        }
    }

    pub fn with_key(&self, key: Option<&str>) -> Self {
        Self {
            key: key.map(|key| key.parse().unwrap()),
            ..self.clone()
        }
    }

    pub fn within(&self, timeout: Duration) -> Self {
        Self {
            timeout: Some(timeout),
            ..self.clone()
        }
    }

    fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        if let Some(key) = &self.key {
            request.metadata_mut().insert("authorization", key.clone());
        }
        if let Some(timeout) = self.timeout {
            request.set_timeout(timeout);
        }
        request
    }

    fn grpc(&self) -> tonic::client::Grpc<Channel> {
        tonic::client::Grpc::new(self.channel.clone())
    }

    pub async fn unary(&self, path: &'static str, message: &str) -> Result<String, Status> {
        let mut grpc = self.grpc();
        grpc.ready()
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        let codec = ProstCodec::<Text, Text>::default();
        let path = http::uri::PathAndQuery::from_static(path);
        let response = grpc.unary(self.request(text(message)), path, codec).await?;
        Ok(response.into_inner().text)
    }

    pub async fn stream(
        &self,
        path: &'static str,
        message: &str,
    ) -> Result<tonic::Streaming<Text>, Status> {
        let mut grpc = self.grpc();
        grpc.ready()
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        let codec = ProstCodec::<Text, Text>::default();
        let path = http::uri::PathAndQuery::from_static(path);
        let response = grpc
            .server_streaming(self.request(text(message)), path, codec)
            .await?;
        Ok(response.into_inner())
    }
}

/// Name of the reason that a status carries.
pub fn reason(status: &Status) -> String {
    detail::<ErrorInfo>(status)
        .map(|info| info.reason)
        .unwrap_or_default()
}

/// Milliseconds after which the status says to try again.
pub fn retry_after(status: &Status) -> Option<Duration> {
    let delay = detail::<RetryInfo>(status)?.retry_delay?;
    Some(Duration::new(
        u64::try_from(delay.seconds).ok()?,
        u32::try_from(delay.nanos).ok()?,
    ))
}

/// A detail of a status.
pub fn detail<M: Message + prost::Name + Default>(status: &Status) -> Option<M> {
    let status = rpc::Status::decode(status.details()).ok()?;
    let wanted = format!("type.googleapis.com/{}", M::full_name());
    let any = status
        .details
        .into_iter()
        .find(|any| any.type_url == wanted)?;
    M::decode(any.value.as_slice()).ok()
}

/// Waits until something is so, for at most five seconds.
pub async fn eventually(mut condition: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("did not become so within five seconds");
}

/// A directory for a socket, removed with the value.
pub struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("control.sock")
    }

    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}
