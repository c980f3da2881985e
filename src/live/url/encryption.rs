//! How a URL asks for TLS: in Prisma's dialect, in libpq's, in both.

use camino::Utf8PathBuf;
use tokio_postgres::config::SslMode;

use super::error::UrlError;
use crate::live::tls::{Policy, Roots, Verify};

/// `sslmode`: Prisma's three, libpq's other three, and node-postgres' `no-verify`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Mode {
    Disable,
    Allow,
    #[default]
    Prefer,
    Require,
    NoVerify,
    VerifyCa,
    VerifyFull,
}

impl Mode {
    fn read(value: &str) -> Result<Self, UrlError> {
        Ok(match value {
            "disable" => Self::Disable,
            "allow" => Self::Allow,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "no-verify" => Self::NoVerify,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => {
                let wanted = "disable, allow, prefer, require, verify-ca, verify-full or no-verify";
                return Err(UrlError::Parameter { name: "sslmode", wanted });
            }
        })
    }

    const fn to_driver(self) -> SslMode {
        match self {
            Self::Disable => SslMode::Disable,
            Self::Allow | Self::Prefer => SslMode::Prefer,
            Self::Require | Self::NoVerify | Self::VerifyCa | Self::VerifyFull => SslMode::Require,
        }
    }
}

/// `sslaccept`, Prisma's own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Accept {
    Strict,
    InvalidCertificates,
}

impl Accept {
    fn read(value: &str) -> Result<Self, UrlError> {
        match value {
            "strict" => Ok(Self::Strict),
            "accept_invalid_certs" => Ok(Self::InvalidCertificates),
            _ => Err(UrlError::Parameter { name: "sslaccept", wanted: "strict or accept_invalid_certs" }),
        }
    }
}

/// What is said about TLS.
#[derive(Default)]
pub(super) struct TlsParameters {
    mode: Mode,
    accept: Option<Accept>,
    /// `sslcert`, which with Prisma is the authority that signed the server's certificate.
    pub(super) prisma_roots: Option<Utf8PathBuf>,
    /// `sslrootcert`, the same with libpq.
    pub(super) roots: Option<Utf8PathBuf>,
}

impl TlsParameters {
    pub(super) fn set_mode(&mut self, value: &str) -> Result<(), UrlError> {
        self.mode = Mode::read(value)?;
        Ok(())
    }

    pub(super) fn set_acceptance(&mut self, value: &str) -> Result<(), UrlError> {
        self.accept = Some(Accept::read(value)?);
        Ok(())
    }

    /// What the driver is told.
    pub(super) const fn driver_mode(&self) -> SslMode {
        self.mode.to_driver()
    }

    /// The strictest of what was asked for, in whichever dialect.
    pub(super) fn policy(self, notes: &mut Vec<String>) -> Policy {
        let system_roots = self.roots.as_deref().is_some_and(|path| path == "system");
        let verify = match (self.mode, self.accept) {
            (Mode::VerifyFull, _) | (_, Some(Accept::Strict)) => Verify::Full,
            _ if system_roots => Verify::Full,
            (Mode::VerifyCa, _) => Verify::Chain,
            (Mode::Require, None) if self.roots.is_some() => Verify::Chain,
            _ => Verify::Nothing,
        };
        if self.mode == Mode::Allow {
            notes.push("sslmode=allow in the database URL is taken for prefer".into());
        }
        if self.accept == Some(Accept::InvalidCertificates) && verify != Verify::Nothing {
            notes.push("sslaccept=accept_invalid_certs in the database URL contradicts the rest: the server's certificate is verified".into());
        }
        if self.prisma_roots.is_some() && self.accept.is_none() && verify == Verify::Nothing {
            notes.push("sslcert in the database URL has no effect without sslaccept=strict, as with Prisma: the server's certificate is not verified".into());
        }
        let roots = match self.roots.filter(|_| !system_roots).or(self.prisma_roots) {
            Some(path) => Roots::File(path),
            None => Roots::System,
        };
        Policy { verify, roots }
    }
}
