//! Changes of a column's type: what becomes of the values.

use super::{Look, Rule, Verdict, columns::change};
use crate::{
    finding::Severity::{Refuse, Warn},
    guard::{
        action::{DataType, Kind, TableChange, TypeChange, Using},
        catalog::Space,
        conversion::{Conversion, convert},
        name::Name,
    },
};

/// What the change does to the values of a column that was there before.
fn conversion(look: &Look<'_>, table: &Name, set: &TypeChange) -> Option<Conversion> {
    let column = table.member(&set.column);
    if look.catalog.is_ours(Space::Column, &column) {
        return None;
    }
    let from = look.catalog.get(Space::Column, &column).and_then(|object| object.data_type.clone());
    Some(match &set.using {
        Using::Constant => Conversion::loses("USING takes no word of the old value."),
        Using::Computed => {
            Conversion::loses("What USING makes of the old values cannot be told from the text.")
        }
        Using::Nothing => convert(from.as_ref(), set.to.as_ref(), false),
        Using::Casts(casts) => chain(from, casts, set.to.as_ref()),
    })
}

/// One cast after the other: the worst of them counts.
fn chain(from: Option<DataType>, casts: &[DataType], to: Option<&DataType>) -> Conversion {
    let Some((last, inner)) = casts.split_last() else { return convert(from.as_ref(), to, false) };
    if !inner.is_empty() && last.array && from.as_ref().is_some_and(|from| from.array) {
        // The text of a list reads back as a list: its elements are what changes.
        let element = |data_type: &DataType| DataType { array: false, ..data_type.clone() };
        let casts: Vec<_> = casts.iter().map(element).collect();
        return chain(from.as_ref().map(element), &casts, to.map(element).as_ref());
    }
    let whole = convert(from.as_ref(), Some(last), true);
    let mut at = from;
    let mut worst = Conversion::keeps();
    for cast in inner {
        worst = worst.worse(convert(at.as_ref(), Some(cast), true));
        at = Some(cast.clone());
    }
    // What an intermediate text cannot lose is judged from end to end.
    let last_step = convert(at.as_ref(), Some(last), true);
    let end = if inner.is_empty() { whole } else { last_step };
    worst.worse(end).worse(convert(Some(last), to, false))
}

/// The step's change of a column's type, and what it does.
fn judged<'a>(look: &'a Look<'_>) -> Option<(&'a Name, &'a TypeChange, Conversion)> {
    match change(look)? {
        (table, TableChange::SetType(set)) => Some((table, set, conversion(look, table, set)?)),
        _ => None,
    }
}

/// Why a change that keeps every value still writes the table anew; `None` where it does not.
pub(super) fn rewrites(look: &Look<'_>, table: &Name, set: &TypeChange) -> Option<String> {
    match conversion(look, table, set)? {
        Conversion::Keeps { rewrites: true, why } => Some(why),
        _ => None,
    }
}

pub(super) const LOSSY_TYPE_CHANGE: Rule = Rule {
    id: "lossy_type_change",
    severity: Refuse,
    finds: "Another type for a column, to which the values are rounded, cut or reformatted without an error",
    why: "The old values are gone for good: PostgreSQL rounds 1.75 to 2, cuts a time stamp to its date and turns a \
          list into the text {x,y} without a word.",
    safer: "Add a column of the new type beside the old one, fill it, compare both, and drop the old one in a later \
            release.",
    bad: &[
        "ALTER TABLE t ALTER COLUMN price SET DATA TYPE INTEGER;",
        "ALTER TABLE t ALTER price TYPE decimal(6,2);",
        "alter table t alter at type date;",
        "ALTER TABLE t ALTER a TYPE text USING (NULL);",
        "ALTER TABLE t ALTER a TYPE text USING lower(a);",
        "ALTER TABLE t ALTER a TYPE varchar(3) USING a::varchar(3);",
        "ALTER TABLE t ALTER COLUMN at TYPE TIMESTAMP(0);",
    ],
    good: &[
        "ALTER TABLE t ALTER COLUMN a TYPE text;",
        "ALTER TABLE t ALTER COLUMN a SET DATA TYPE BIGINT;",
        "ALTER TABLE t ADD COLUMN a float8; ALTER TABLE t ALTER COLUMN a TYPE int;",
        "CREATE TABLE t (a float8); ALTER TABLE t ALTER COLUMN a TYPE int;",
    ],
    check: |look| {
        let (table, set, conversion) = judged(look)?;
        let Conversion::Loses(why) = conversion else { return None };
        Some(look.on(Kind::Column, &table.member(&set.column)).because(why))
    },
};

pub(super) const TYPE_CHANGE_FAILS: Rule = Rule {
    id: "type_change_may_fail",
    severity: Warn,
    finds: "Another type for a column, which a value may not fit",
    why: "It fails as a whole on the first value that does not fit, after it has kept everybody waiting.",
    safer: "Look for such values first; or add a column of the new type beside the old one and fill it.",
    bad: &[
        "ALTER TABLE t ALTER COLUMN name TYPE varchar(50);",
        "ALTER TABLE t ALTER COLUMN id TYPE uuid USING id::uuid;",
        "ALTER TABLE t ALTER COLUMN role TYPE \"Role\" USING (role::text::\"Role\");",
    ],
    good: &[
        "CREATE TABLE t (a text); ALTER TABLE t ALTER a TYPE varchar(5);",
        "ALTER TABLE t ALTER a TYPE text;",
    ],
    check: |look| {
        let (table, set, conversion) = judged(look)?;
        let Conversion::MayFail(why) = conversion else { return None };
        Some(verdict(look, table, set, &why))
    },
};

fn verdict(look: &Look<'_>, table: &Name, set: &TypeChange, why: &str) -> Verdict {
    look.on(Kind::Column, &table.member(&set.column)).because(why)
}
