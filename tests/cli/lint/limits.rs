//! Input of any size and shape: a right answer or a clear error, in bounded time and memory.

use run_migration::finding::Severity::Refuse;

use super::findings;
use crate::support::run::run;

fn refusing(sql: &str) -> Vec<(String, Option<u32>)> {
    let refusing = findings(sql).into_iter().filter(|finding| finding.severity == Refuse);
    refusing.map(|finding| (format!("{}:{}", finding.rule, finding.object), finding.line)).collect()
}

#[test]
fn a_million_lines_are_read_to_the_last() {
    let table = format!("CREATE TABLE IF NOT EXISTS t (\n{}  z int\n);\n", "  a text,\n".repeat(47));
    let mut sql = table.repeat(20_000);
    sql.push_str("DROP TABLE t;");
    assert_eq!(refusing(&sql), [("drop_table:t".to_owned(), Some(1_000_001))]);
}

#[test]
fn one_statement_of_many_lines_is_read() {
    let rows = "(1),\n".repeat(300_000);
    assert_eq!(
        refusing(&format!("INSERT INTO t VALUES\n{rows}(2); DROP TABLE t;")),
        [("drop_table:t".to_owned(), Some(300_002))]
    );
}

#[test]
fn what_nests_deeper_than_anybody_writes_is_refused_and_does_not_overflow() {
    let deep = |open: &str, middle: &str, close: &str| {
        format!("SELECT 1;\nSELECT {}{middle}{};", open.repeat(30_000), close.repeat(30_000))
    };
    for sql in [
        deep("(", "1", ")"),
        deep("ARRAY[", "1", "]"),
        deep("NOT ", "true", ""),
        deep("- ", "1", ""),
        deep("CASE WHEN a THEN ", "1", " END"),
        deep("", "1", " + 1"),
        deep("", "a", "::text"),
        deep("f(", "1", ")"),
        deep("(SELECT ", "1", ")"),
    ] {
        assert_eq!(refusing(&sql), [("unparsed_sql:script".to_owned(), Some(2))], "{}", &sql[..60]);
    }
    let blocks = |open: &str, close: &str| {
        format!("DO $$ BEGIN {} DROP TABLE t; {} END $$;", open.repeat(100_000), close.repeat(100_000))
    };
    for sql in [blocks("BEGIN ", "END; "), blocks("IF a THEN ", "END IF; "), blocks("LOOP ", "END LOOP; ")] {
        assert_eq!(refusing(&sql), [("unparsed_sql:script".to_owned(), Some(1))], "{}", &sql[..60]);
    }
    let body = "(".repeat(100_000);
    for sql in [
        format!("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS '{body}';"),
        format!("DO $x$ BEGIN EXECUTE '{body}'; END $x$;"),
        format!("DO $x$ BEGIN EXECUTE $y$ DO $z$ {} $z$ $y$; END $x$;", "BEGIN ".repeat(100_000)),
    ] {
        assert_eq!(refusing(&sql), [("unparsed_sql:script".to_owned(), Some(1))], "{}", &sql[..60]);
    }
}

#[test]
fn long_lists_and_long_conditions_are_no_nesting() {
    let list = vec!["1"; 50_000].join(", ");
    assert!(refusing(&format!("SELECT * FROM t WHERE a IN ({list});")).is_empty());
    let conditions = vec!["a = 1"; 9_000].join(" OR ");
    assert!(refusing(&format!("DELETE FROM t WHERE {conditions};")).is_empty());
    let columns: Vec<_> = (0..1_600).map(|n| format!("ADD COLUMN c{n} int")).collect();
    assert!(refusing(&format!("ALTER TABLE t {};", columns.join(", "))).is_empty());
}

#[test]
fn more_findings_than_anybody_reads_end_in_a_refusal() {
    let found = refusing(&"DROP TABLE t;".repeat(20_000));
    assert!(found.len() <= 10_001, "{}", found.len());
    assert_eq!(found.last().unwrap().0, "unparsed_sql:script");
}

#[test]
fn a_file_of_one_line_is_shown_in_pieces() {
    let dir = tempfile::tempdir().unwrap();
    let filler = format!("/* {} */ SELECT 'é'; ", "é".repeat(50_000));
    std::fs::write(dir.path().join("m.sql"), format!("{filler}DROP TABLE t; {filler}")).unwrap();
    let ended = run(dir.path(), &["lint", "m.sql"]).expect(2);
    assert!(ended.stdout.len() < 3_000, "{}", ended.stdout.len());
    assert!(
        ended.stdout.contains("m.sql:1:50020") && ended.stdout.contains("DROP TABLE t;"),
        "{}",
        ended.stdout
    );
}

#[test]
fn line_endings_and_a_byte_order_mark_change_nothing() {
    let plain = "-- a\nCREATE TABLE t (a int);\n\nALTER TABLE u\n  DROP COLUMN b;\n";
    let wanted = [("drop_column:u.b".to_owned(), Some(5))];
    for sql in [plain.to_owned(), plain.replace('\n', "\r\n"), format!("\u{feff}{plain}")] {
        assert_eq!(refusing(&sql), wanted);
    }
}

#[test]
fn bytes_that_are_no_text_are_an_error_that_says_where() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("latin1.sql"), b"-- a\nCOMMENT ON TABLE t IS 'caf\xe9';\n").unwrap();
    std::fs::write(dir.path().join("nul.sql"), b"SELECT 1;\nSELECT \0 2;\n").unwrap();
    run(dir.path(), &["lint", "latin1.sql"])
        .expect(1)
        .says(&["latin1.sql:2: byte 31 (0xE9) is not UTF-8", "iconv"]);
    let ended = run(dir.path(), &["lint", "nul.sql"]).expect(2);
    assert!(ended.stdout.contains("nul.sql:2:8") && ended.stdout.contains("NUL byte"), "{}", ended.stdout);
    // What can be checked is, all the same.
    std::fs::write(dir.path().join("drop.sql"), "DROP TABLE t;").unwrap();
    let report = run(dir.path(), &["lint", ".", "--format", "json"]).expect(1).json();
    assert_eq!(report["findings"].as_array().unwrap().len(), 2, "{report:#}");
    assert!(report["error"].as_str().unwrap().contains("latin1.sql:2"));
}

#[test]
fn ten_thousand_files_are_read() {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..10_000 {
        std::fs::write(dir.path().join(format!("{number:05}.sql")), "CREATE TABLE t (a int);\n").unwrap();
    }
    std::fs::write(dir.path().join("99999.sql"), "DROP TABLE t;").unwrap();
    let report = run(dir.path(), &["lint", ".", "--format", "json"]).expect(2).json();
    assert_eq!(report["findings"].as_array().unwrap().len(), 1, "{report:#}");
    assert_eq!(report["findings"][0]["file"], "./99999.sql");
}
