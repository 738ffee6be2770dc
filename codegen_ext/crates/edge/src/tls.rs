//! TLS of the public port.

use std::{path::Path, sync::Arc};

use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        server::WebPkiClientVerifier,
    },
};

use crate::config::TlsConfig;

/// Why the files of the settings make no server identity.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing or is no PEM of the right kind.
    #[error("{file}: {problem}")]
    File {
        /// The file.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Certificate and key do not fit, or the authorities cannot be used.
    #[error("certificate, key and client authorities do not fit: {0}")]
    Contents(String),
}

/// Reads the files of the settings.
pub fn acceptor(config: &TlsConfig) -> Result<TlsAcceptor, TlsError> {
    let contents = |error: &dyn std::fmt::Display| TlsError::Contents(error.to_string());
    let chain = certificates(&config.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&config.key)
        .map_err(|error| file_error(&config.key, &error))?;
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| contents(&error))?;
    let builder = match &config.client_authorities {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates(path)? {
                roots.add(authority).map_err(|error| contents(&error))?;
            }
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| contents(&error))?)
        }
    };
    let mut server = builder
        .with_single_cert(chain, key)
        .map_err(|error| contents(&error))?;
    server.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(server)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(chain) if chain.is_empty() => Err(file_error(path, &"has no certificate")),
        Ok(chain) => Ok(chain),
        Err(error) => Err(file_error(path, &error)),
    }
}

fn file_error(path: &Path, problem: &dyn std::fmt::Display) -> TlsError {
    TlsError::File {
        file: path.display().to_string(),
        problem: problem.to_string(),
    }
}
