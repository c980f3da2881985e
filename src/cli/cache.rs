//! `run-migration cache`: what can be typed.

use clap::{Args, Subcommand};

/// What can be done with what earlier runs found out.
#[derive(Debug, Clone, Subcommand)]
pub enum CacheCommand {
    /// Show what is kept, how large it is and when it was used last
    Info,
    /// Print the cache directory
    Dir,
    /// Remove what earlier runs found out; installed tools stay
    Clear,
    /// Remove what was not used for the longest time, so that the rest is small enough to be saved by a CI cache
    Trim(TrimArgs),
}

/// Options of `cache trim`.
#[derive(Debug, Clone, Args)]
pub struct TrimArgs {
    /// How large the databases and answers may stay in all, such as 50M (K, M, G: powers of 1024)
    #[arg(long, value_name = "SIZE", default_value = "50M", value_parser = size)]
    pub max_size: u64,
}

fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KB" | "KIB" => 10,
        "M" | "MB" | "MIB" => 20,
        "G" | "GB" | "GIB" => 30,
        unit => return Err(format!("{unit} is no unit: K, M and G are")),
    };
    let number: u64 = digits.parse().map_err(|_| "a whole number is needed, such as 50M".to_owned())?;
    number.checked_mul(1 << shift).ok_or_else(|| "that is more than there can be".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        for (text, bytes) in [("0", 0), ("7", 7), ("50M", 50 << 20), ("3g", 3 << 30), ("2KiB", 2048)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "M", "1.5G", "-1", "10T", "99999999999G"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
