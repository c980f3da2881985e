//! Types of columns: which ones hold everything that others do.

/// Whether every value of the one type is a value of the other that a program writes in the same way.
pub(super) fn widens(old: &str, new: &str) -> bool {
    const CHAINS: [&[&str]; 3] =
        [&["smallint", "integer", "bigint"], &["real", "double precision"], &["character varying", "text"]];
    let (old_base, old_limits) = parts(old);
    let (new_base, new_limits) = parts(new);
    if old_base == new_base {
        // Fewer limits, or none smaller.
        return new_limits.is_empty()
            || old_limits.len() == new_limits.len()
                && old_limits.iter().zip(&new_limits).all(|(old, new)| old <= new)
                && leaves_room(&old_limits, &new_limits);
    }
    CHAINS.iter().any(|chain| {
        let place = |base: &str| chain.iter().position(|one| *one == base);
        matches!((place(&old_base), place(&new_base)), (Some(from), Some(to)) if from < to)
            && new_limits.is_empty()
    })
}

/// The digits before the point must not become fewer when those after it become more.
fn leaves_room(old: &[u32], new: &[u32]) -> bool {
    match (old, new) {
        ([precision, scale], [new_precision, new_scale]) => {
            new_precision.saturating_sub(*new_scale) >= precision.saturating_sub(*scale)
        }
        _ => true,
    }
}

/// `numeric(10,2)` as `numeric` and 10, 2.
fn parts(data_type: &str) -> (String, Vec<u32>) {
    match data_type.split_once('(') {
        Some((before, rest)) => {
            let (limits, after) = rest.split_once(')').unwrap_or((rest, ""));
            let base = format!("{}{after}", before.trim_end());
            (base, limits.split(',').filter_map(|limit| limit.trim().parse().ok()).collect())
        }
        None => (data_type.to_owned(), Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wider_types_are_told_from_others() {
        for (old, new) in [
            ("integer", "bigint"),
            ("smallint", "bigint"),
            ("real", "double precision"),
            ("character varying(50)", "character varying(100)"),
            ("character varying(50)", "text"),
            ("character varying(50)", "character varying"),
            ("numeric(10,2)", "numeric(12,4)"),
            ("numeric(10,2)", "numeric"),
            ("timestamp(3) without time zone", "timestamp without time zone"),
            ("timestamp(3) without time zone", "timestamp(6) without time zone"),
        ] {
            assert!(widens(old, new), "{old} to {new}");
        }
        for (old, new) in [
            ("bigint", "integer"),
            ("integer", "text"),
            ("text", "character varying(50)"),
            ("character varying(50)", "character varying(20)"),
            ("numeric(10,2)", "numeric(10,4)"),
            ("timestamp(3) without time zone", "timestamp(3) with time zone"),
            ("integer", "integer[]"),
            ("text", "jsonb"),
            ("double precision", "integer"),
        ] {
            assert!(!widens(old, new), "{old} to {new}");
        }
    }
}
