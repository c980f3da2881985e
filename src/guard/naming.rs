//! A migration's name, made from what it does.

use super::{
    action::{Action, EnumChange, Kind, TableChange},
    name::Name,
    sql,
};

/// Bytes of a name.
const LONGEST: usize = 60;

/// One thing that a script does, as far as its name is concerned.
struct Change {
    /// What it is done to: changes of one subject belong together.
    subject: String,
    /// What the name says of it.
    words: String,
    /// What comes first in a name is what weighs most, the least number.
    weight: u8,
}

/// A name for the migration `sql`: lower-case letters, digits and `_`, at most 60 bytes, such as `add_widget`,
/// `alter_widget_add_colour`, `drop_widget` or `alter_widget_and_2_more`.
#[must_use]
pub fn derive(sql: &str) -> String {
    let changes = sql::with_stack(|| changes(sql)).unwrap_or_default();
    let Some(first) = changes.iter().min_by_key(|change| change.weight) else { return "migration".into() };
    let mut subjects: Vec<&str> = changes.iter().map(|change| change.subject.as_str()).collect();
    subjects.sort_unstable();
    subjects.dedup();
    let own: Vec<_> = changes.iter().filter(|change| change.subject == first.subject).collect();
    let is_new = first.weight == 0;
    let (head, more) = match (own.len(), subjects.len()) {
        // What is made with a table is part of making it.
        (1, 1) => (first.words.clone(), 0),
        (_, 1) if is_new => (first.words.clone(), 0),
        (count, 1) => (first.words.clone(), count - 1),
        (1, several) => (first.words.clone(), several - 1),
        (_, several) if is_new => (first.words.clone(), several - 1),
        (_, several) => (format!("alter_{}", first.subject), several - 1),
    };
    join(&head, more)
}

fn join(head: &str, more: usize) -> String {
    let tail = if more == 0 { String::new() } else { format!("_and_{more}_more") };
    let head = plain(head);
    let room = LONGEST - tail.len();
    format!("{}{tail}", head[..head.len().min(room)].trim_end_matches('_'))
}

/// `text` in lower-case ASCII letters, digits and single `_`.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for character in text.chars() {
        match character.to_ascii_lowercase() {
            character if character.is_ascii_alphanumeric() => plain.push(character),
            _ if plain.ends_with('_') || plain.is_empty() => {}
            _ => plain.push('_'),
        }
    }
    plain.trim_end_matches('_').to_owned()
}

fn changes(sql: &str) -> Vec<Change> {
    let mut changes = Vec::new();
    sql::for_each_statement(sql, &mut |steps| {
        changes.extend(steps.iter().filter_map(|step| change(&step.action)));
    });
    changes
}

fn change(action: &Action) -> Option<Change> {
    let of = |name: &Name, words: String, weight| Some(Change { subject: plain(&name.name), words, weight });
    match action {
        Action::CreateTable(table) => of(&table.name, format!("add_{}", table.name.name), 0),
        Action::Create(create) => of(&create.name, format!("add_{}", create.name.name), 2),
        Action::Drop(drop) => match (&drop.name.member, drop.kind) {
            (Some(member), _) => of(&drop.name, format!("alter_{}_drop_{member}", drop.name.name), 3),
            (None, Kind::Table) => of(&drop.name, format!("drop_{}", drop.name.name), 1),
            (None, _) => of(&drop.name, format!("drop_{}", drop.name.name), 4),
        },
        Action::Rename(kind, from, to) => {
            let words = match (&from.member, &to.member) {
                (Some(from_member), Some(to_member)) => {
                    format!("rename_{}_{from_member}_to_{to_member}", from.name)
                }
                _ => format!("rename_{}_to_{}", from.name, to.name),
            };
            of(from, words, if *kind == Kind::Table { 1 } else { 3 })
        }
        Action::AlterTable(table, change) => {
            let words = format!("alter_{}{}", table.name, detail(change));
            of(table, words, 3)
        }
        Action::CreateIndex(index) => {
            let columns = index.columns.join("_");
            of(&index.table, format!("index_{}_{columns}", index.table.name), 4)
        }
        Action::Enum(name, EnumChange::AddValue(label)) => {
            of(name, format!("alter_{}_add_{label}", name.name), 3)
        }
        Action::Enum(name, EnumChange::RenameValue(from, to)) => {
            of(name, format!("rename_{}_{from}_to_{to}", name.name), 3)
        }
        Action::CreateTrigger(trigger) => {
            of(&trigger.name, format!("alter_{}_add_trigger", trigger.name.name), 4)
        }
        Action::Define(routine) => of(&routine.name, format!("add_{}", routine.name.name), 4),
        Action::Truncate(truncate) => of(&truncate.table, format!("truncate_{}", truncate.table.name), 3),
        Action::Rows(rows) => of(&rows.table, format!("update_{}", rows.table.name), 5),
        _ => None,
    }
}

fn detail(change: &TableChange) -> String {
    match change {
        TableChange::AddColumn(column, _) => format!("_add_{}", column.name),
        TableChange::SetType(set) => format!("_{}_type", set.column),
        TableChange::SetNotNull(column) => format!("_{column}_required"),
        TableChange::DropNotNull(column) => format!("_{column}_optional"),
        TableChange::SetDefault(column, _) | TableChange::DropDefault(column) => format!("_{column}_default"),
        TableChange::AddConstraint(constraint) => match constraint.name.as_deref() {
            Some(name) => format!("_add_{name}"),
            None => "_add_constraint".into(),
        },
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::derive;

    #[test]
    fn a_name_says_what_the_migration_does() {
        for (sql, wanted) in [
            ("CREATE TABLE \"Widget\" (id int);", "add_widget"),
            ("CREATE TABLE \"Widget\" (id int); CREATE INDEX i ON \"Widget\"(id);", "add_widget"),
            ("ALTER TABLE \"Widget\" ADD COLUMN \"colour\" TEXT;", "alter_widget_add_colour"),
            (
                "ALTER TABLE \"Widget\" ADD COLUMN a int, ADD COLUMN b int, DROP c;",
                "alter_widget_add_a_and_2_more",
            ),
            ("DROP TABLE \"Widget\";", "drop_widget"),
            ("ALTER TABLE a RENAME TO b;", "rename_a_to_b"),
            ("ALTER TABLE t RENAME COLUMN a TO b;", "rename_t_a_to_b"),
            ("ALTER TABLE t ALTER a SET NOT NULL;", "alter_t_a_required"),
            ("ALTER TABLE a ADD x int; ALTER TABLE b ADD x int; DROP INDEX i;", "alter_a_add_x_and_2_more"),
            ("CREATE TABLE a (x int); CREATE TABLE b (x int);", "add_a_and_1_more"),
            ("CREATE TYPE \"Role\" AS ENUM ('a');", "add_role"),
            ("ALTER TYPE \"Role\" ADD VALUE 'boss';", "alter_role_add_boss"),
            ("CREATE INDEX \"x\" ON \"User\"(\"email\", \"name\");", "index_user_email_name"),
            ("CREATE TABLE \"Café Ünï\" (id int);", "add_caf_n"),
            ("SELECT 1;", "migration"),
            ("", "migration"),
        ] {
            assert_eq!(derive(sql), wanted, "{sql}");
        }
    }

    #[test]
    fn a_name_is_never_too_long() {
        let long = "x".repeat(200);
        let name = derive(&format!("ALTER TABLE {long} ADD a int; ALTER TABLE b ADD a int;"));
        assert_eq!(name.len(), 60);
        assert!(name.ends_with("_and_1_more"), "{name}");
    }
}
