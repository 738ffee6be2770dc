//! TLS, and TLS of both sides.

use crate::support::{Client, Edge, Place, REDEEM, TinyPlane};
use promo_edge::{EdgeConfig, config::TlsConfig};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for a name, and its key.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (
            params.signed_by(&key, &self.0).unwrap().pem(),
            key.serialize_pem(),
        )
    }

    fn pem(&self) -> String {
        self.0.pem()
    }
}

async fn start(place: &Place, authority: &Authority, clients: Option<&Authority>) -> Edge {
    let (certificate, key) = authority.issue("edge.test");
    let tls = TlsConfig {
        certificate: place.file("server.pem", &certificate),
        key: place.file("server.key", &key),
        client_authorities: clients.map(|clients| place.file("clients.pem", &clients.pem())),
    };
    Edge::start(EdgeConfig {
        tls: Some(tls),
        ..EdgeConfig::default()
    })
    .await
}

async fn connect(edge: &Edge, config: ClientTlsConfig) -> Result<String, String> {
    let channel = Channel::from_shared(format!("https://{}", edge.server.address())).unwrap();
    let channel = channel.tls_config(config.domain_name("edge.test")).unwrap();
    let channel = channel.connect().await.map_err(|error| error.to_string())?;
    Client::new(channel)
        .unary(REDEEM, "x")
        .await
        .map_err(|status| status.to_string())
}

fn trusting(authority: &Authority) -> ClientTlsConfig {
    ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority.pem()))
}

#[tokio::test]
async fn a_client_that_trusts_the_authority_is_served() {
    let (place, authority) = (Place::new(), Authority::new());
    let edge = start(&place, &authority, None).await;
    assert!(connect(&edge, trusting(&authority)).await.is_ok());
    assert!(connect(&edge, trusting(&Authority::new())).await.is_err());
    // Plain text on the port of TLS ends the connection, and only that one.
    let plain = Channel::from_shared(format!("http://{}", edge.server.address())).unwrap();
    if let Ok(channel) = plain.connect().await {
        assert!(Client::new(channel).unary(REDEEM, "x").await.is_err());
    }
    assert!(connect(&edge, trusting(&authority)).await.is_ok());
}

#[tokio::test]
async fn only_clients_with_a_certificate_are_let_in_when_authorities_are_named() {
    let (place, authority, clients) = (Place::new(), Authority::new(), Authority::new());
    let edge = start(&place, &authority, Some(&clients)).await;
    let with = |issuer: &Authority| {
        let (certificate, key) = issuer.issue("shop");
        trusting(&authority).identity(Identity::from_pem(certificate, key))
    };
    assert!(connect(&edge, with(&clients)).await.is_ok());
    assert!(
        connect(&edge, trusting(&authority)).await.is_err(),
        "no certificate"
    );
    assert!(
        connect(&edge, with(&authority)).await.is_err(),
        "another authority's"
    );
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named() {
    let place = Place::new();
    let authority = Authority::new();
    let (certificate, key) = authority.issue("edge.test");
    let (_, other_key) = authority.issue("edge.test");
    let good = TlsConfig {
        certificate: place.file("server.pem", &certificate),
        key: place.file("server.key", &key),
        client_authorities: None,
    };
    let cases = [
        (
            TlsConfig {
                key: place.file("x.key", &other_key),
                ..good.clone()
            },
            "do not fit",
        ),
        (
            TlsConfig {
                key: place.file("y.key", "nothing"),
                ..good.clone()
            },
            "y.key",
        ),
        (
            TlsConfig {
                certificate: place.file("e.pem", ""),
                ..good.clone()
            },
            "e.pem",
        ),
        (
            TlsConfig {
                certificate: "/nowhere.pem".into(),
                ..good.clone()
            },
            "/nowhere.pem",
        ),
    ];
    for (tls, expected) in cases {
        let config = EdgeConfig {
            listen: "127.0.0.1:0".to_owned(),
            tls: Some(tls),
            ..EdgeConfig::default()
        };
        let engine = std::sync::Arc::new(TinyPlane::default());
        let layer = std::sync::Arc::new(promo_edge::CallLayer::new(engine, None, &config));
        let error = promo_edge::Server::start(layer, &config)
            .await
            .err()
            .unwrap();
        assert!(error.to_string().contains(expected), "{error}");
    }
}
