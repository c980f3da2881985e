//! From differences between catalogs to verdicts.

use std::collections::BTreeSet;

use super::Effect;
use crate::{
    catalog::{
        Catalog, Change, ConstraintKind, Difference, Direction, Id, Kind, Property, TypeShape, relation,
    },
    finding::Severity,
    guard::{
        name::Name,
        place::{Places, Verdict},
    },
};

/// What is said where an object is gone: the rule, how bad it is, what that means, the safer way.
struct Loss {
    rule: &'static str,
    severity: Severity,
    why: &'static str,
    safer: &'static str,
}

/// The verdicts on everything that is lost or narrowed.
pub(super) fn verdicts(effect: &Effect, places: Places<'_>) -> Vec<Verdict> {
    let judge = Judge::new(effect, places);
    effect.differences.iter().filter_map(|difference| judge.verdict(difference)).collect()
}

struct Judge<'a> {
    effect: &'a Effect,
    places: Places<'a>,
    /// Tables that are gone, and those whose rows are.
    lost_tables: BTreeSet<String>,
    /// Columns whose values are gone.
    lost_columns: BTreeSet<String>,
}

impl<'a> Judge<'a> {
    fn new(effect: &'a Effect, places: Places<'a>) -> Self {
        let lost = |kind: Kind| -> BTreeSet<String> {
            let gone = |difference: &&Difference| {
                difference.kind == kind && matches!(difference.change, Change::Lost | Change::Replaced)
            };
            effect.differences.iter().filter(gone).map(|difference| difference.object.clone()).collect()
        };
        Self { effect, places, lost_tables: lost(Kind::Table), lost_columns: lost(Kind::Column) }
    }

    fn verdict(&self, difference: &Difference) -> Option<Verdict> {
        match &difference.change {
            Change::Added => self.added(difference),
            Change::Lost | Change::Replaced => self.lost(difference),
            Change::Renamed { to } => self.renamed(difference, to),
            Change::Changed { property: Property::Definition, .. } if difference.kind == Kind::Constraint => {
                self.added(difference)
            }
            Change::Changed { .. } => self.changed(difference),
        }
    }

    /// A new thing that breaks an old promise.
    fn added(&self, difference: &Difference) -> Option<Verdict> {
        let table = difference.on.as_ref()?;
        if difference.kind != Kind::Constraint || !self.effect.before.tables.contains_key(table) {
            return None;
        }
        self.cascades(difference, table)
    }

    /// A foreign key through which deletions elsewhere now reach the rows of a table that was there before.
    fn cascades(&self, difference: &Difference, table: &Name) -> Option<Verdict> {
        let name = relation_member(&difference.object);
        let after = self.effect.after.tables.get(table)?.constraints.get(&name)?;
        let before = self.effect.before.tables.get(table)?.constraints.get(&name);
        let deletes = |definition: &str| definition.contains("ON DELETE CASCADE");
        if after.kind != ConstraintKind::ForeignKey
            || !deletes(&after.definition)
            || before.is_some_and(|before| deletes(&before.definition))
        {
            return None;
        }
        let parent = after.references.as_ref().map(|reference| reference.table.to_string());
        Some(Verdict {
            rule: "foreign_key_cascade",
            severity: Severity::Warn,
            object: difference.object.clone(),
            why: format!(
                "Deleting a row of {} now deletes the rows of {table} that point to it.",
                parent.unwrap_or_default()
            ),
            safer: "Leave ON DELETE at RESTRICT or SET NULL unless the rows mean nothing alone.".into(),
            proof: vec![format!("after the SQL has run: {}", after.definition)],
            statement: self.places.naming(&name),
        })
    }

    fn lost(&self, difference: &Difference) -> Option<Verdict> {
        if self.goes_along(difference) {
            return None;
        }
        let loss = loss(difference.kind);
        let mut proof = vec![
            match difference.change {
                Change::Replaced => {
                    "run on the temporary database, it was dropped, and another one now has its name"
                }
                _ => "run on the temporary database, it is gone",
            }
            .to_owned(),
        ];
        let along = self.company(difference);
        if !along.is_empty() {
            proof.push(format!("goes along: {}", along.join(", ")));
        }
        Some(Verdict {
            rule: loss.rule,
            severity: loss.severity,
            object: difference.object.clone(),
            why: self.retype(difference).unwrap_or_else(|| loss.why.to_owned()),
            safer: loss.safer.to_owned(),
            proof,
            statement: self.place(difference),
        })
    }

    /// Prisma changes a type that PostgreSQL cannot cast by dropping the column and adding it again.
    fn retype(&self, difference: &Difference) -> Option<String> {
        if difference.change != Change::Replaced || difference.kind != Kind::Column {
            return None;
        }
        let column = relation_member(&difference.object);
        let data_type = |catalog: &Catalog| {
            Some(catalog.tables.get(difference.on.as_ref()?)?.column(&column)?.data_type.clone())
        };
        let (from, to) = (data_type(&self.effect.before)?, data_type(&self.effect.after)?);
        Some(format!(
            "The column is dropped and added again, as {to} instead of {from}: this is how Prisma changes a type \
             that it cannot cast, and every value is lost."
        ))
    }

    /// Whether the object is a part of a greater loss, which names it.
    fn goes_along(&self, difference: &Difference) -> bool {
        let on_lost_table =
            difference.on.as_ref().is_some_and(|on| self.lost_tables.contains(&on.to_string()));
        on_lost_table || self.serves_something(difference) || self.lost_columns_of(difference).is_some()
    }

    /// Whether the object has no meaning of its own: the index behind a constraint, the sequence of a column.
    fn serves_something(&self, difference: &Difference) -> bool {
        let before = &self.effect.before;
        match difference.kind {
            Kind::Index => self.index(difference).is_some_and(|index| index.of_constraint),
            Kind::Sequence => {
                let sequence = before.sequences.get(&relation(&difference.object));
                sequence.and_then(|sequence| sequence.owned_by.as_ref()).is_some_and(|owner| {
                    let table = Name::split(owner);
                    let table = Name::from_parts(&table[..table.len().saturating_sub(1)]).to_string();
                    self.lost_columns.contains(owner) || self.lost_tables.contains(&table)
                })
            }
            _ => false,
        }
    }

    /// The lost column that took an index or a constraint along.
    fn lost_columns_of(&self, difference: &Difference) -> Option<String> {
        let table = difference.on.as_ref()?;
        let columns: Vec<String> = match difference.kind {
            Kind::Index => self.index(difference)?.columns.iter().flatten().cloned().collect(),
            Kind::Constraint => {
                let name = relation_member(&difference.object);
                self.effect.before.tables.get(table)?.constraints.get(&name)?.columns.clone()
            }
            _ => return None,
        };
        let definition = self.index(difference).map(|index| index.definition.clone()).unwrap_or_default();
        let all = &self.effect.before.tables.get(table)?.columns;
        all.iter()
            .filter(|column| columns.contains(&column.name) || mentions(&definition, &column.name))
            .map(|column| table.member(&column.name).to_string())
            .find(|column| self.lost_columns.contains(column))
    }

    fn index(&self, difference: &Difference) -> Option<&crate::catalog::Index> {
        let on = difference.on.as_ref()?;
        let name = &relation(&difference.object).name;
        let before = &self.effect.before;
        let of_table = before.tables.get(on).and_then(|table| table.indexes.get(name));
        of_table
            .or_else(|| before.views.get(on)?.indexes.get(name))
            .filter(|_| difference.kind == Kind::Index)
    }

    /// What goes along with a lost table or column, as a person would want to know: not its columns, keys and
    /// plain indexes, which stand in the schema, but what Prisma does not know of.
    fn company(&self, difference: &Difference) -> Vec<String> {
        let with = |other: &&Difference| match difference.kind {
            Kind::Table => {
                other.on.as_ref().is_some_and(|on| on.to_string() == difference.object)
                    && self.is_outside_the_schema(other)
            }
            Kind::Column => self.lost_columns_of(other).as_deref() == Some(&difference.object),
            _ => false,
        };
        let lost = self.effect.differences.iter().filter(|other| other.change == Change::Lost);
        lost.filter(with).map(|other| format!("{} {}", other.kind.words(), other.object)).collect()
    }

    /// Whether the object is one that no schema.prisma can describe.
    fn is_outside_the_schema(&self, difference: &Difference) -> bool {
        match difference.kind {
            Kind::Trigger | Kind::Policy | Kind::Rule => true,
            Kind::Index => self
                .index(difference)
                .is_some_and(|index| index.partial || index.columns.iter().any(Option::is_none)),
            Kind::Constraint => {
                let constraint = difference
                    .on
                    .as_ref()
                    .and_then(|on| self.effect.before.tables.get(on))
                    .and_then(|table| table.constraints.get(&relation_member(&difference.object)));
                constraint.is_some_and(|constraint| {
                    matches!(constraint.kind, ConstraintKind::Check | ConstraintKind::Exclusion)
                })
            }
            _ => false,
        }
    }

    fn renamed(&self, difference: &Difference, to: &str) -> Option<Verdict> {
        let (from_schema, to_schema) = (schema_of(difference, &difference.object), schema_of(difference, to));
        let (rule, severity, why) = match difference.kind {
            // With the table's name those of its columns change.
            Kind::Column if difference.on.as_ref().is_some_and(|on| self.is_renamed(on)) => return None,
            Kind::Column => (
                "rename_column",
                Severity::Warn,
                "Code that is still running asks for the old name and fails.",
            ),
            Kind::Table | Kind::View | Kind::MaterializedView if from_schema != to_schema => (
                "set_schema",
                Severity::Refuse,
                "It moves to another schema: code that is still running no longer finds it.",
            ),
            Kind::Table => (
                "rename_table",
                Severity::Warn,
                "Code that is still running asks for the old name and fails.",
            ),
            Kind::View | Kind::MaterializedView => {
                ("rename_view", Severity::Warn, "Code that is still running asks for the old name and fails.")
            }
            _ => return None,
        };
        Some(Verdict {
            rule,
            severity,
            object: difference.object.clone(),
            why: why.into(),
            safer: "Add the new name beside the old one, move the code, and remove the old name in a later release."
                .into(),
            proof: vec![format!("run on the temporary database, it is called {to} and keeps what it held")],
            statement: self.place(difference),
        })
    }

    fn is_renamed(&self, table: &Name) -> bool {
        let renamed = |difference: &&Difference| {
            difference.kind == Kind::Table && difference.object == table.to_string()
        };
        let mut of_table = self.effect.differences.iter().filter(renamed);
        of_table.any(|difference| matches!(difference.change, Change::Renamed { .. }))
    }

    fn changed(&self, difference: &Difference) -> Option<Verdict> {
        let Change::Changed { property, before, after, direction } = &difference.change else { return None };
        let replaced =
            self.lost_columns.contains(&difference.object) || self.lost_tables.contains(&difference.object);
        let text = matches!(property, Property::Definition | Property::Default | Property::Generated);
        if text && self.follows_a_rename(before) {
            return None;
        }
        if replaced || difference.on.as_ref().is_some_and(|on| self.lost_tables.contains(&on.to_string())) {
            return None;
        }
        let said = self.about_property(difference, *property, (before, after), *direction)?;
        let (was, is) = (written(before), written(after));
        Some(Verdict {
            rule: said.rule,
            severity: said.severity,
            object: difference.object.clone(),
            why: said.why.to_owned(),
            safer: said.safer.to_owned(),
            proof: vec![format!(
                "run on the temporary database, {}: {is} instead of {was}",
                property.words()
            )],
            statement: self.place(difference),
        })
    }

    fn about_property(
        &self,
        difference: &Difference,
        property: Property,
        (before, after): (&[String], &[String]),
        direction: Direction,
    ) -> Option<Loss> {
        use Severity::{Refuse, Warn};
        let of = |rule, severity, why, safer| Some(Loss { rule, severity, why, safer });
        let narrowed = direction == Direction::Narrowed;
        match (difference.kind, property) {
            (Kind::Column, Property::Default) if before.is_empty() => None,
            (Kind::Column, Property::Default) if after.is_empty() => of(
                "drop_default",
                Warn,
                "Code that is still running and leaves the column out now writes NULL, or fails where it must not.",
                "Drop the default in a later release, when all code writes the column itself.",
            ),
            (Kind::Column, Property::Default) => of(
                "change_default",
                Warn,
                "Existing rows keep the old value: what asks for the new one does not find them.",
                "UPDATE the rows that were given the old default as well, if they should follow the new one.",
            ),
            (Kind::Column, Property::Generated) if narrowed => of(
                "drop_expression",
                Refuse,
                "The column is no longer computed: its values stay as they are and grow stale.",
                "Add a plain column beside it and move the code first.",
            ),
            (Kind::Column, Property::Identity) if after.is_empty() => of(
                "drop_identity",
                Warn,
                "The database no longer numbers new rows: code that leaves the column out fails.",
                "Give the column a default first.",
            ),
            (Kind::Table, Property::Parents | Property::Bound) if narrowed => of(
                "detach_partition",
                Refuse,
                "Its rows are no longer among those of the table that it was a part of.",
                "Copy the rows elsewhere first, if they are still needed there.",
            ),
            (Kind::Table, Property::RowSecurity) if narrowed => of(
                "disable_row_security",
                Warn,
                "Rows that policies hid are seen by everybody who may read the table.",
                "Change the policies instead.",
            ),
            (Kind::Table, Property::RowSecurity) => of(
                "enable_row_security",
                Warn,
                "Whoever does not own the table sees and writes only what its policies let through: without any, nothing.",
                "Create the policies in the same migration.",
            ),
            (Kind::Table, Property::Persistence) if narrowed => of(
                "set_unlogged",
                Refuse,
                "After a crash of the server the table is empty.",
                "Leave it logged.",
            ),
            (_, Property::Privileges) if narrowed => of(
                "revoke",
                Warn,
                "Code that runs with these privileges fails from now on.",
                "Revoke when nothing needs them any more.",
            ),
            (Kind::Type, Property::Labels) if narrowed => self.labels(difference),
            (Kind::Type, Property::Definition) => of(
                "change_type",
                Refuse,
                "Values of the type in existing rows lose attributes or change.",
                "Make a new type and move the columns to it.",
            ),
            (Kind::Domain, Property::Nullability | Property::Definition)
                if !before.is_empty() || !after.is_empty() =>
            {
                of(
                    "change_domain",
                    Warn,
                    "Values that do not satisfy the domain are refused from now on, in existing rows with 23502 or 23514.",
                    "Add the condition NOT VALID, mend the rows, then validate it.",
                )
            }
            (Kind::Trigger | Kind::Policy, Property::Definition) => of(
                if difference.kind == Kind::Trigger { "change_trigger" } else { "change_policy" },
                Warn,
                "What the code that is still running relies on works differently from now on.",
                "Change it together with the code that depends on it.",
            ),
            (Kind::Index, Property::Definition) => of(
                "change_index",
                Warn,
                "The index of this name is another one: queries that needed the old one may become slow.",
                "Create the new index beside the old one, and drop the old one when nothing uses it.",
            ),
            (Kind::Sequence, Property::Definition) => of(
                "change_sequence",
                Warn,
                "The numbers that it hands out follow other rules.",
                "Make sure that no number is handed out twice.",
            ),
            _ => None,
        }
    }

    /// Labels that are gone from an enum. Within the same type they can only have got another name.
    fn labels(&self, difference: &Difference) -> Option<Loss> {
        let after = self.effect.after.types.get(&relation(&difference.object))?;
        let TypeShape::Enum { .. } = after.shape else { return None };
        Some(if after.id == difference.id {
            Loss {
                rule: "rename_enum_label",
                severity: Severity::Warn,
                why: "Code that is still running writes and expects the old label: it fails with 22P02.",
                safer: "Add the new label, move the code and the rows, and leave the old one where it is.",
            }
        } else {
            Loss {
                rule: "remove_enum_label",
                severity: Severity::Refuse,
                why: "Rows that hold a label that is gone make the migration fail with 22P02, and code that still \
                      writes it fails from then on.",
                safer: "Move the rows to another label in an earlier release, or keep the label.",
            }
        })
    }

    /// Whether a property reads differently only because something that it names has another name.
    fn follows_a_rename(&self, before: &[String]) -> bool {
        self.effect.differences.iter().any(|other| {
            let own = relation_member(&other.object);
            matches!(other.change, Change::Renamed { .. }) && before.iter().any(|text| mentions(text, &own))
        })
    }

    fn place(&self, difference: &Difference) -> Option<usize> {
        let own = relation_member(&difference.object);
        let table = difference.on.as_ref().and_then(|on| self.effect.before.tables.get(on));
        let on_table = |id: Id| self.places.changing(id, &own);
        match (difference.kind, table) {
            (Kind::Table | Kind::View | Kind::MaterializedView | Kind::Sequence | Kind::Index, _)
                if matches!(difference.change, Change::Lost | Change::Replaced) =>
            {
                self.places.dropping(difference.id).or_else(|| self.places.naming(&own))
            }
            (Kind::Table, _) => on_table(difference.id),
            (_, Some(table)) => on_table(table.id).or_else(|| self.places.naming(&own)),
            (_, None) => self.places.naming(&own),
        }
    }
}

fn loss(kind: Kind) -> Loss {
    use Severity::{Refuse, Warn};
    let of = |rule, severity, why, safer| Loss { rule, severity, why, safer };
    let later = "Stop using it first; drop it in a later release with a human's consent.";
    match kind {
        Kind::Table => of("drop_table", Refuse, "The table and all its rows are gone for good.", later),
        Kind::Column => of("drop_column", Refuse, "The column's values are gone for good.", later),
        Kind::Index => of(
            "drop_index",
            Refuse,
            "Queries that need the index become slow at once, and a unique index stops keeping its promise.",
            "Declare the index in schema.prisma, or keep it with [external] keep in run-migration.toml.",
        ),
        Kind::View | Kind::MaterializedView => {
            of("drop_view", Refuse, "Queries that read the view fail.", later)
        }
        Kind::Sequence => of(
            "drop_sequence",
            Refuse,
            "The counter's state is gone: a new one starts again and hands out numbers that are in use.",
            "Keep the sequence, or set the new one above the greatest value first.",
        ),
        Kind::Type | Kind::Domain => of("drop_type", Refuse, "Whatever still uses the type fails.", later),
        Kind::Schema => of("drop_schema", Refuse, "Everything in the schema is gone for good.", later),
        Kind::Extension => {
            of("drop_extension", Refuse, "Its types, operators and functions are gone.", later)
        }
        Kind::Routine => of("drop_function", Warn, "Code that calls it fails from now on.", later),
        Kind::Trigger => of("drop_trigger", Warn, "What the trigger did is no longer done.", later),
        Kind::Policy => of("drop_policy", Warn, "Rows are seen or hidden that were not before.", later),
        Kind::Rule => of("drop_rule", Warn, "What the rule did is no longer done.", later),
        Kind::Constraint => of(
            "drop_constraint",
            Warn,
            "Rows that it kept out can be written from now on, and stay.",
            "Make sure that no code relies on it.",
        ),
        Kind::Other => of("drop_object", Warn, "What depends on it works differently or fails.", later),
    }
}

/// The last part of a name: the column's, constraint's or trigger's own.
fn relation_member(object: &str) -> String {
    Name::split(object).pop().unwrap_or_default()
}

/// The schema of what `object` names; for what belongs to a table it says nothing.
fn schema_of(difference: &Difference, object: &str) -> Option<String> {
    if difference.on.is_some() { None } else { relation(object).schema }
}

/// Whether SQL as PostgreSQL writes it mentions the column.
fn mentions(definition: &str, column: &str) -> bool {
    let quoted = crate::catalog::quoted(column);
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '"';
    definition.contains(&quoted) || definition.split(|c| !is_word(c)).any(|word| word == column)
}

fn written(values: &[String]) -> String {
    if values.is_empty() { "none".into() } else { values.join(", ") }
}
