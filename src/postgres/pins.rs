//! Which npm packages hold PostgreSQL, pinned to the byte.

/// One release of PostgreSQL on npm.
#[derive(Debug)]
pub(super) struct Pin {
    /// The major.
    pub(super) major: u32,
    /// The package's version; all of them are pre-releases to npm, whatever PostgreSQL calls them.
    pub(super) version: &'static str,
    /// The SHA-512 of the tarball in base64, for each platform that has one.
    integrities: &'static [(&'static str, &'static str)],
}

impl Pin {
    /// The SHA-512 of the tarball for `platform`, in base64.
    pub(super) fn integrity(&self, platform: &str) -> Option<&'static str> {
        self.integrities.iter().find(|(name, _)| *name == platform).map(|(_, integrity)| *integrity)
    }

    /// The version as PostgreSQL's archives count it: three numbers.
    pub(super) fn number(&self) -> &'static str {
        self.version.split('-').next().unwrap_or(self.version)
    }
}

/// The release of the major `major`, or the one to prefer where any will do.
pub(super) fn find(major: Option<u32>) -> Option<&'static Pin> {
    let major = major.unwrap_or(PREFERRED);
    PINS.iter().find(|pin| pin.major == major)
}

/// The newest major that has been out for more than a year.
pub(super) const PREFERRED: u32 = 17;

static PINS: [Pin; 5] = [
    Pin {
        major: 14,
        version: "14.23.0-beta.17",
        integrities: &[(
            "linux-x64",
            "WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w==",
        )],
    },
    Pin {
        major: 15,
        version: "15.18.0-beta.17",
        integrities: &[
            (
                "linux-x64",
                "TC0kHcDMAusLbQXRc+9KMz1BLJY+ntfPNbwFP79f9IURSxPRgFLy0Ig8oF1J8Wy9Wnj0XdZkMItV3Nov/LwqhA==",
            ),
            (
                "linux-arm64",
                "ape8eUuz4O2KrO8mySDMEKuHYEppJ71EJ4IanBa1fH6LOui9wifm4+iJnhFkaY+WGBa/Rgw/of+RlFHO2i+bLg==",
            ),
            (
                "darwin-arm64",
                "1hTznqARpTs+IaX3YYltEIJVNwXCuUoHhif+Xiub09SgtzpVhX1LRaJCpzp8kVJV0zxsBBFfv8kkT9TqJdJ32Q==",
            ),
            (
                "darwin-x64",
                "W4Vd2hDkezdUAniJesLY0MZIfVJtyN7DNg2Q6X0ciwuhGYw/dh8ZDdZLZxSFmVNvpz8Itfj2s2P4MTFPczMMnQ==",
            ),
        ],
    },
    Pin {
        major: 16,
        version: "16.14.0-beta.17",
        integrities: &[
            (
                "linux-x64",
                "8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg==",
            ),
            (
                "linux-arm64",
                "LNT9TXoOGR/RSop1PewcMtpuf1Dtg6sKU7sFA1ODqInRA8NoP15HyLekUHW5aWnruu4yfs1pcy6DaV39T556mQ==",
            ),
            (
                "darwin-arm64",
                "CB1DFZ08zfmNapx231rAJW74UZfs1jQmeGLwbQSaAIRVs2uqEdMhVNLwVlztFG3ZPSeuCsgTn/0yeYDmKF67og==",
            ),
            (
                "darwin-x64",
                "zikibpPYGWokfT/OFWNHCwerA3ZGat0ZyCIXOIbIucLBMDHztQ2WZQ9R5zil6oOxzElrMz2Q4aEOssGNrMDdyg==",
            ),
        ],
    },
    Pin {
        major: 17,
        version: "17.10.0-beta.17",
        integrities: &[
            (
                "linux-x64",
                "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==",
            ),
            (
                "linux-arm64",
                "mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig==",
            ),
            (
                "darwin-arm64",
                "E2dxhSllrcyAJBHuvgTrBTx2BaPlX2vvjXClPKHxfwBezk+nTZ01uAEraKiRJMpzHSCyN8J1dTjKh4q/uTsBLQ==",
            ),
            (
                "darwin-x64",
                "gXk65MIyttD/PWo6NDSmu/n4vzPcqZQmxVWjEKuecwlyGmWO984AZ3Ljb7F0bwPvXhqcovH4FGN4ydr0fGeJxg==",
            ),
        ],
    },
    Pin {
        major: 18,
        version: "18.4.0-beta.17",
        integrities: &[
            (
                "linux-x64",
                "jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==",
            ),
            (
                "linux-arm64",
                "TIzjtGnDGSD/LbdW0OWCEcbI+YVT0WKSfSr20TCkkP4UR8zeKe+QCZbO0/CM4hS9EWyZ4cDebjRvpRc3iMi6wg==",
            ),
            (
                "darwin-arm64",
                "Kg1ZMNFzkVIJs3g4V2UYEc5X005km9rGinxFBH8R1sOU2Rblvz4pt2Uf93Pu8Rk273Ue9HIdrbMPpgUqwjUi0Q==",
            ),
            (
                "darwin-x64",
                "4tShSYWMxUQTSWoQAdLnHISvRj6L9gTch9/31ASJPg6wgyN64LDRwMcOINEWybM7N0ropJ3nTYhFT3UX1bKY5Q==",
            ),
        ],
    },
];

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};

    use super::*;

    #[test]
    fn every_pin_is_a_whole_hash_of_a_version_of_its_major() {
        for pin in &PINS {
            assert!(pin.version.starts_with(&format!("{}.", pin.major)), "{pin:?}");
            assert!(semver::Version::parse(pin.number()).is_ok(), "{pin:?}");
            for (platform, integrity) in pin.integrities {
                assert_eq!(STANDARD.decode(integrity).unwrap().len(), 64, "{platform} {pin:?}");
            }
        }
        assert_eq!(find(None).unwrap().major, PREFERRED);
        assert_eq!(find(Some(14)).unwrap().number(), "14.23.0");
        assert!(find(Some(99)).is_none());
    }
}
