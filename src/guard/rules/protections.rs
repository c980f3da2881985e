//! Triggers, functions, rules, privileges and row security: what the running code relies on without naming it.

use super::{Look, Rule, Verdict, drops::holds_no_rows};
use crate::{
    finding::Severity::{Info, Warn},
    guard::{
        action::{Action, Drop, Kind, RuleKind, Weakening},
        catalog::Space,
    },
};

/// The step's `DROP` of an object that holds no rows and was there before.
fn dropped<'a>(look: &'a Look<'_>, is_meant: fn(Kind) -> bool) -> Option<&'a Drop> {
    match look.action() {
        Action::Drop(drop)
            if is_meant(drop.kind)
                && !drop.cascade
                && !look.catalog.is_ours(drop.kind.into(), &drop.name) =>
        {
            Some(drop)
        }
        _ => None,
    }
}

fn verdict(look: &Look<'_>, drop: &Drop) -> Verdict {
    look.on(drop.kind, &drop.name).if_made_again(Info, "It is made again further down.")
}

pub(super) const DROP_TRIGGER: Rule = Rule {
    id: "drop_trigger",
    severity: Warn,
    finds: "DROP TRIGGER of a trigger that was there before",
    why: "What the trigger kept up to date, checked or logged is no longer, and no error says so.",
    safer: "Make sure that the application does it first; to change a trigger, make the new one in the same migration.",
    bad: &["DROP TRIGGER audit ON users;"],
    good: &[
        "DROP TRIGGER IF EXISTS audit ON users; CREATE TRIGGER audit AFTER INSERT ON users EXECUTE FUNCTION f();",
    ],
    check: |look| dropped(look, |kind| kind == Kind::Trigger).map(|drop| verdict(look, drop)),
};

pub(super) const DROP_FUNCTION: Rule = Rule {
    id: "drop_function",
    severity: Warn,
    finds: "DROP FUNCTION, PROCEDURE or AGGREGATE that was there before",
    why: "Code, and functions whose bodies PostgreSQL does not look into, fail when they next call it.",
    safer: "Replace it with CREATE OR REPLACE FUNCTION; drop it in a later release, when nothing calls it.",
    bad: &["DROP FUNCTION f(int);", "drop procedure if exists p;"],
    good: &["DROP FUNCTION IF EXISTS f(); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';"],
    check: |look| dropped(look, |kind| kind == Kind::Routine).map(|drop| verdict(look, drop)),
};

pub(super) const DROP_OBJECT: Rule = Rule {
    id: "drop_object",
    severity: Warn,
    finds: "DROP of a rule, role, server, publication and whatever else holds no rows",
    why: "What relied on the object fails or changes its behaviour from now on.",
    safer: "Drop it in a later release, when nothing relies on it.",
    bad: &[
        "DROP RULE r ON t;",
        "DROP PUBLICATION p;",
        "DROP ROLE IF EXISTS app;",
        "DROP CAST (text AS int);",
    ],
    good: &["DROP TABLE IF EXISTS t;"],
    check: |look| {
        let is_meant = |kind| {
            holds_no_rows(kind)
                && !matches!(kind, Kind::Routine | Kind::Trigger | Kind::Policy | Kind::Constraint)
        };
        dropped(look, is_meant)
            .map(|drop| verdict(look, drop).because(format!("It is a {}.", drop.kind.words())))
    },
};

pub(super) const DISABLE_TRIGGER: Rule = Rule {
    id: "disable_trigger",
    severity: Warn,
    finds: "DISABLE TRIGGER or RULE, and session_replication_role = replica, which disables all of them",
    why: "Triggers no longer fire, those that enforce foreign keys included: rows get in that break them, and no \
          error says so.",
    safer: "Leave them on. Where a bulk change needs it, disable one named trigger and enable it again in the same file.",
    bad: &[
        "ALTER TABLE t DISABLE TRIGGER ALL;",
        "ALTER TABLE t DISABLE RULE r;",
        "SET session_replication_role = 'replica';",
        "SELECT set_config('session_replication_role', 'replica', true);",
    ],
    good: &["ALTER TABLE t ENABLE TRIGGER ALL;", "SET session_replication_role = origin;"],
    check: |look| match look.action() {
        Action::Weaken(table, Weakening::DisableTrigger(name)) => {
            Some(look.on(Kind::Trigger, &table.member(name)))
        }
        Action::Weaken(table, Weakening::DisableRule(name)) => Some(look.on(Kind::Rule, &table.member(name))),
        Action::Set(setting, value) if setting == "session_replication_role" => value
            .trim_matches('\'')
            .eq_ignore_ascii_case("replica")
            .then(|| Verdict::about("session_replication_role")),
        Action::Call(call) => {
            let (setting, value) = call.setting()?;
            (setting == "session_replication_role" && value.eq_ignore_ascii_case("replica"))
                .then(|| Verdict::about("session_replication_role"))
        }
        _ => None,
    },
};

pub(super) const CHANGE_POLICY: Rule = Rule {
    id: "change_policy",
    severity: Warn,
    finds: "Row security of a table that was there before: policies made, changed or dropped, switched on or off",
    why: "Rows appear to those who must not see them, or vanish for the code that still runs; neither is an error.",
    safer: "Test it as each role that the application uses, and release it with the code that expects it.",
    bad: &[
        "ALTER TABLE t DISABLE ROW LEVEL SECURITY;",
        "CREATE POLICY p ON t USING (owner = current_user);",
        "DROP POLICY IF EXISTS p ON t;",
        "ALTER POLICY p ON t USING (true);",
    ],
    good: &[
        "CREATE TABLE t (a int); ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (true);",
    ],
    check: |look| match look.action() {
        Action::Weaken(table, Weakening::RowSecurity(words))
            if !look.catalog.is_ours(Space::Relation, table) =>
        {
            Some(look.on(Kind::Table, table).because(format!("{words}.")))
        }
        Action::Create(create) if create.kind == Kind::Policy => {
            let is_new = look.catalog.is_ours(Space::Relation, &create.name.table());
            (!is_new).then(|| look.on(Kind::Policy, &create.name))
        }
        _ => dropped(look, |kind| kind == Kind::Policy).map(|drop| verdict(look, drop)),
    },
};

pub(super) const REVOKE: Rule = Rule {
    id: "revoke",
    severity: Warn,
    finds: "REVOKE of privileges or roles",
    why: "Code that relies on the privilege fails with 42501 from the moment this is committed.",
    safer: "Revoke in a later release, when no running code needs the privilege.",
    bad: &["REVOKE SELECT ON users FROM app;", "REVOKE admin FROM app;"],
    good: &["CREATE TABLE t (a int); REVOKE ALL ON TABLE t FROM PUBLIC;", "GRANT SELECT ON users TO app;"],
    check: |look| match look.action() {
        Action::Revoke(revoke) => {
            let is_new = |name| look.catalog.is_ours(Space::Relation, name);
            let on_new = !revoke.objects.is_empty() && revoke.objects.iter().all(is_new);
            let object = revoke.objects.first().map_or_else(|| "privileges".into(), ToString::to_string);
            (!on_new).then(|| Verdict::about(object))
        }
        _ => None,
    },
};

pub(super) const CREATE_RULE: Rule = Rule {
    id: "create_rule",
    severity: Warn,
    finds: "CREATE RULE ... DO INSTEAD on a table that was there before",
    why: "Writes of the running code do something else from now on, or nothing at all, and report success.",
    safer: "Use a trigger, which can fail loudly; or change the code that writes.",
    bad: &["CREATE RULE r AS ON DELETE TO users DO INSTEAD NOTHING;"],
    good: &[
        "CREATE VIEW v AS SELECT 1 AS a; CREATE RULE r AS ON INSERT TO v DO INSTEAD NOTHING;",
        "CREATE RULE r AS ON INSERT TO users DO ALSO NOTIFY users;",
    ],
    check: |look| match look.action() {
        Action::CreateRule(name, RuleKind::Instead) => {
            let is_new = look.catalog.is_ours(Space::Relation, &name.table());
            (!is_new).then(|| look.on(Kind::Rule, name))
        }
        _ => None,
    },
};
