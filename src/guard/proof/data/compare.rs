//! Rows before and after: which is which, and what became of its values.

use std::collections::BTreeMap;

use super::{
    ask::{Asker, Broken},
    rows::Values,
    stage::Refusal,
    values::DataType,
};

/// What becomes of one value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fate {
    /// It is the same.
    Kept,
    /// Only blanks at its end are gone.
    Blanks,
    /// The last of more than fifteen digits of a float is another one.
    Rounded { before: String, after: String },
    /// It is a text of what it was: a list, bytes.
    Written { before: String, after: String },
    /// It is another one.
    Changed { before: String, after: Option<String> },
    /// It makes the script fail.
    Fails { value: String, refusal: Refusal },
}

/// What becomes of rows whose columns keep their types.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Losses {
    /// How many rows there were.
    pub(super) rows: usize,
    /// How many of them are gone.
    pub(super) gone: usize,
    /// What was replaced, by column.
    pub(super) replaced: BTreeMap<String, Replaced>,
}

/// Values of a column that were replaced by others.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Replaced {
    /// How many there were.
    pub(super) values: usize,
    /// How many of them were replaced.
    pub(super) count: usize,
    /// One of them.
    pub(super) before: String,
    /// What it became.
    pub(super) after: Option<String>,
}

impl Asker<'_> {
    /// Columns that tell rows apart before and after, by both names: a key of which nothing changes.
    pub(super) fn key(&self, focus: &str) -> Option<Vec<(String, String)>> {
        let (table, after) = (self.subject.table, self.subject.after);
        let kept = |name: &String| {
            let old = table.column(name)?;
            let new = after.columns.iter().find(|new| new.number == old.number)?;
            (name != focus && !old.nullable && old.data_type == new.data_type)
                .then(|| (name.clone(), new.name.clone()))
        };
        table
            .indexes
            .values()
            .filter(|index| index.unique && !index.partial)
            .find_map(|index| index.columns.iter().map(|column| kept(column.as_ref()?)).collect())
    }

    /// The rows before, each with itself after, if it is still there.
    fn pairs<'r>(
        &self,
        focus: &str,
        (before, after): (&'r [Values], &'r [Values]),
    ) -> Vec<(&'r Values, Option<&'r Values>)> {
        match self.key(focus) {
            Some(key) => before
                .iter()
                .map(|old| {
                    let is_it = |new: &&Values| {
                        key.iter().all(|(old_name, new_name)| old.get(old_name) == new.get(new_name))
                    };
                    (old, after.iter().find(is_it))
                })
                .collect(),
            // Rows are written anew in the order in which they were.
            None => before.iter().enumerate().map(|(place, old)| (old, after.get(place))).collect(),
        }
    }

    pub(super) async fn fates(
        &self,
        column: &str,
        types: (&str, &str),
        rows: (&[Values], &[Values]),
    ) -> Result<Vec<Fate>, Broken> {
        let number = self.subject.table.column(column).map(|column| column.number);
        let after = self.subject.after.columns.iter().find(|after| Some(after.number) == number);
        let after_name = after.map_or(column, |after| &after.name);
        let mut fates = Vec::new();
        for (old, new) in self.pairs(column, rows) {
            let (Some(Some(before)), Some(new)) = (old.get(column), new) else { continue };
            let after = new.get(after_name).cloned().flatten();
            fates.push(self.fate(types, before, after).await?);
        }
        Ok(fates)
    }

    async fn fate(&self, types: (&str, &str), before: &str, after: Option<String>) -> Result<Fate, Broken> {
        let (from, to) = (DataType::parse(self.catalog, types.0), DataType::parse(self.catalog, types.1));
        let changed = |after| Fate::Changed { before: before.to_owned(), after };
        let Some(after) = after else { return Ok(changed(None)) };
        let another_shape = from.array && !to.array || from.base == "bytea" && to.is_text();
        let wrapped = to.array && !from.array && after == format!("{{{before}}}");
        if another_shape {
            return Ok(Fate::Written { before: before.to_owned(), after });
        }
        if before == after || wrapped {
            return Ok(Fate::Kept);
        }
        if from.is_text() && to.is_text() && before.trim_end_matches(' ') == after.trim_end_matches(' ') {
            return Ok(Fate::Blanks);
        }
        if self.stage.is_same((types.0, before), (types.1, &after)).await? {
            return Ok(Fate::Kept);
        }
        Ok(if from.is_float() && are_close(before, &after) {
            Fate::Rounded { before: before.to_owned(), after }
        } else {
            changed(Some(after))
        })
    }

    pub(super) fn losses(&self, rows: (&[Values], &[Values])) -> Losses {
        let mut losses = Losses { rows: rows.0.len(), ..Losses::default() };
        let pairs = self.pairs("", rows);
        losses.gone = pairs.iter().filter(|(_, new)| new.is_none()).count();
        for (old, new) in pairs {
            let Some(new) = new else { continue };
            for (column, before, after) in self.replaced(old, new) {
                let values = rows.0.iter().filter(|row| matches!(row.get(&column), Some(Some(_)))).count();
                let first = Replaced { values, count: 0, before, after };
                losses.replaced.entry(column).or_insert(first).count += 1;
            }
        }
        losses
    }

    /// Values of columns with the same type that are others now. NULL holds nothing to be lost.
    fn replaced(&self, old: &Values, new: &Values) -> Vec<(String, String, Option<String>)> {
        let (table, after) = (self.subject.table, self.subject.after);
        let mut replaced = Vec::new();
        for column in table.columns.iter().filter(|column| column.generated.is_none()) {
            let same = after.columns.iter().find(|new| new.number == column.number);
            let Some(same) = same.filter(|same| same.data_type == column.data_type) else { continue };
            let (before, after) =
                (old.get(&column.name).cloned().flatten(), new.get(&same.name).cloned().flatten());
            if let Some(before) = before
                && after.as_ref() != Some(&before)
            {
                replaced.push((column.name.clone(), before, after));
            }
        }
        replaced
    }
}

/// Whether two numbers agree in the first fifteen digits, which is what a cast of a float keeps.
fn are_close(before: &str, after: &str) -> bool {
    match (before.parse::<f64>(), after.parse::<f64>()) {
        (Ok(before), Ok(after)) => (before - after).abs() < before.abs() * 1e-14,
        _ => false,
    }
}
