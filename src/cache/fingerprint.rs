//! Hashes over inputs.

use std::fmt;

use sha2::{Digest, Sha256};

/// A hash over parts that cannot run into one another.
#[derive(Debug, Clone)]
pub struct Fingerprint(Sha256);

impl Fingerprint {
    /// The beginning of a fingerprint for `purpose`, and for this build of the tool.
    #[must_use]
    pub fn new(purpose: &str) -> Self {
        Self(Sha256::new()).with(super::BUILD).with(purpose)
    }

    /// With one more part.
    #[must_use]
    pub fn with(mut self, part: impl AsRef<[u8]>) -> Self {
        let part = part.as_ref();
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
        self
    }

    /// With a list of parts, as long as it is.
    #[must_use]
    pub fn with_all<T: AsRef<[u8]>>(self, parts: impl IntoIterator<Item = T>) -> Self {
        let parts: Vec<T> = parts.into_iter().collect();
        let counted = self.with((parts.len() as u64).to_le_bytes());
        parts.into_iter().fold(counted, Self::with)
    }

    /// With a part that may be missing, which is another thing than an empty one.
    #[must_use]
    pub fn with_option(self, part: Option<impl AsRef<[u8]>>) -> Self {
        self.with_all(part)
    }

    /// The key that all of it comes to.
    #[must_use]
    pub fn key(&self) -> Key {
        Key(self.0.clone().finalize().into())
    }
}

/// The name of an entry: a hash of all that shapes it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key([u8; 32]);

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_one_another() {
        let of = |parts: &[&str]| Fingerprint::new("test").with_all(parts).key();
        assert_eq!(of(&["a", "b"]), of(&["a", "b"]));
        for other in [&["ab"][..], &["", "ab"], &["b", "a"], &["a", "b", ""], &["a"], &[]] {
            assert_ne!(of(&["a", "b"]), of(other), "{other:?}");
        }
        let option = |part: Option<&str>| Fingerprint::new("test").with_option(part).key();
        assert_ne!(option(None), option(Some("")));
        assert_ne!(Fingerprint::new("one").key(), Fingerprint::new("other").key());
        assert_eq!(of(&["a"]).to_string().len(), 64);
    }
}
