//! Encrypted connections: which certificates are believed.

use std::sync::Arc;

use camino::Utf8PathBuf;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
};
use tokio_postgres_rustls::MakeRustlsConnect;

/// What has to be right about the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// Nothing: the connection is encrypted, but anybody could be at the other end.
    Nothing,
    /// A trusted authority signed it.
    Chain,
    /// A trusted authority signed it, and for this host's name.
    Full,
}

/// Which authorities are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// The system's; `SSL_CERT_FILE` and `SSL_CERT_DIR` name others.
    System,
    /// Those in this PEM file and no others.
    File(Utf8PathBuf),
}

/// How a server proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What has to be right about its certificate.
    pub verify: Verify,
    /// Who is trusted to sign it.
    pub roots: Roots,
}

/// The policy cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file with the authorities cannot be read; the text names it.
    #[error("the certificates of the database's URL cannot be read: {0}")]
    Unreadable(std::io::Error),
    /// It holds no certificate that can be used.
    #[error("{path}: there is no usable certificate in it: {cause}")]
    NoCertificate {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// The system trusts nobody.
    #[error("the system has no trusted certificates to verify the database's certificate with{}", .0.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default())]
    NoSystemRoots(Option<String>),
    /// The library refuses these settings.
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
}

impl TlsError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unreadable(_) => Some(
                "give sslcert or sslrootcert an absolute path: Prisma takes a relative one from schema.prisma's directory, \
                 this tool from the working directory"
                    .into(),
            ),
            Self::NoCertificate { .. } => Some("it must be PEM, beginning with -----BEGIN CERTIFICATE-----".into()),
            Self::NoSystemRoots(_) => {
                Some("install the package ca-certificates, or name the file of the authority with sslrootcert".into())
            }
            Self::Setup(_) => None,
        }
    }
}

/// What tokio-postgres makes encrypted connections with under `policy`.
///
/// # Errors
/// Where the trusted certificates cannot be read.
pub fn connector(policy: &Policy) -> Result<MakeRustlsConnect, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(Verifier::new(policy, &provider)?);
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Setup(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// Rustls knows only the strictest policy; this one knows all three.
#[derive(Debug)]
struct Verifier {
    verify: Verify,
    /// `None` where nothing is verified.
    strict: Option<Arc<WebPkiServerVerifier>>,
    /// The certificates of the file that was named.
    named: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn new(policy: &Policy, provider: &Arc<CryptoProvider>) -> Result<Self, TlsError> {
        let nobody =
            Self { verify: policy.verify, strict: None, named: Vec::new(), provider: Arc::clone(provider) };
        if policy.verify == Verify::Nothing {
            return Ok(nobody);
        }
        let (roots, named) = match &policy.roots {
            Roots::System => (system_roots()?, Vec::new()),
            Roots::File(path) => file_roots(path)?,
        };
        let strict = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(|error| TlsError::Setup(error.to_string()))?;
        Ok(Self { strict: Some(strict), named, ..nobody })
    }
}

fn system_roots() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(found.certs);
    if usable == 0 {
        return Err(TlsError::NoSystemRoots(found.errors.first().map(ToString::to_string)));
    }
    Ok(roots)
}

fn file_roots(path: &Utf8PathBuf) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), TlsError> {
    let bad = |cause: String| TlsError::NoCertificate { path: path.clone(), cause };
    let pem = fs_err::read(path).map_err(TlsError::Unreadable)?;
    let named: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| bad(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    if named.is_empty() {
        return Err(bad("no PEM section is a certificate".into()));
    }
    for certificate in &named {
        roots.add(certificate.clone()).map_err(|error| bad(error.to_string()))?;
    }
    Ok((roots, named))
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(strict) = &self.strict else { return Ok(ServerCertVerified::assertion()) };
        // A self-signed server certificate that was named itself: PostgreSQL's manual makes them so, and rustls
        // would not take an authority's certificate for a server's.
        if self.named.iter().any(|named| named == end_entity) {
            if self.verify == Verify::Full {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        match strict.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The name is looked at last: whoever gets so far has a trusted chain.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.verify == Verify::Chain => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if self.strict.is_none() {
            // Old kinds of certificates, which cannot even be parsed here, are good enough for this policy.
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if self.strict.is_none() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
