//! Conditions that choose rows, and those that only look so.

use super::findings;

/// Conditions that hold for every row, or do not look at the row at all.
const EVERY_ROW: &[&str] = &[
    "NOT (1=0)",
    "1",
    "'t'",
    "true::boolean",
    "(SELECT true)",
    "id IS NOT DISTINCT FROM id",
    "email ~ ''",
    "id >= 0 AND true",
    "a IN (a)",
    "ARRAY[1] @> ARRAY[1]",
    "1 IN (1,2)",
    "1 BETWEEN 0 AND 2",
    "coalesce(a,b) = coalesce(a,b)",
    "a || '' = a || ''",
    "a <> 'x' OR a = 'x'",
    "length(a) >= 0",
    "now() > '-infinity'",
    "random() < 2",
    "current_user IS NOT NULL",
    "(a, b) = (a, b)",
    "a = 1 OR a != 1",
    "EXISTS (SELECT 1 FROM users)",
    "ctid = ctid",
    "true IS TRUE",
    "NOT NOT true",
    "(((true)))",
    "a IS NULL OR NOT a IS NULL",
    "id NOTNULL",
    "NOT id ISNULL",
    "a = ANY (ARRAY[a])",
    "a LIKE '%%'",
    "a ILIKE '%'",
    "a SIMILAR TO '%'",
    "CASE WHEN true THEN true ELSE false END",
    "0 = 0 AND 'x' = 'x' AND 2 > 1",
    "a = a AND b = b",
    "users.a = users.a",
    "u.id = id",
    "TRUE = TRUE",
    "NOT (a <> a)",
    "a >= a",
    "a BETWEEN a AND a",
    "id > -1",
    "id != ''",
    "id IN (SELECT id FROM users WHERE true)",
    "id = ANY(ARRAY(SELECT id FROM users))",
    "(SELECT count(*) FROM users) > 0",
    "tableoid = 'users'::regclass",
    "a IS NOT UNKNOWN OR true",
    "(a = 1) IS NOT NULL OR (a=1) IS NULL",
    "xmin IS NOT NULL",
    "a ~ '.*'",
    "a ~* '^'",
    "1 <> 2",
    "'a' < 'b'",
    "NULL IS NULL",
    "(1,2) = (1,2)",
    "NOT EXISTS (SELECT 1 WHERE false)",
    "id IN (SELECT u2.id FROM users u2)",
    "id IN (SELECT users.id FROM users)",
    "v.id = id",
];

/// Conditions that choose.
const SOME_ROWS: &[&str] = &[
    "a = 1",
    "a IS NULL",
    "a IN (1,2)",
    "a LIKE 'x%'",
    "NOT a",
    "a",
    "created_at < now() - interval '1 day'",
    "id > 100",
    "id = 5",
    "a BETWEEN 1 AND 2",
    "a = b",
    "EXISTS (SELECT 1 FROM t WHERE t.id = users.id)",
    "id IN (SELECT user_id FROM gone)",
    "a <> ''",
    "deleted_at IS NOT NULL",
    "lower(a) = 'x'",
    "a @> '{}'::jsonb AND b",
    "a ~ '^x'",
    "(a, b) IN ((1,2))",
    "f(a)",
    "a::date = current_date",
    "NOT (a = 1 OR b = 2)",
    "a = 1 OR b = 2",
    "a IS DISTINCT FROM b",
    "id NOT IN (SELECT id FROM keep)",
    "coalesce(a, 0) = 0",
    "a = ANY(ARRAY[1,2])",
    "length(a) > 10",
    "NOT EXISTS (SELECT 1 FROM t WHERE t.id = users.id)",
];

fn rules(condition: &str, alias: &str) -> Vec<&'static str> {
    let sql = format!("DELETE FROM users {alias} WHERE {condition};");
    findings(&sql).iter().map(|finding| finding.rule).collect()
}

#[test]
fn conditions_that_let_every_row_through_are_none() {
    let alias = |condition: &str| if condition.starts_with("v.") { "AS v" } else { "u" };
    let missed: Vec<_> = EVERY_ROW
        .iter()
        .filter(|condition| rules(condition, alias(condition)) != ["delete_all_rows"])
        .collect();
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn conditions_that_choose_are_left_alone() {
    let alarms: Vec<_> =
        SOME_ROWS.iter().filter(|condition| rules(condition, "") != ["delete_rows"]).collect();
    assert!(alarms.is_empty(), "{alarms:#?}");
}
