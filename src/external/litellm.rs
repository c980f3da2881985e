//! LiteLLM builds two indexes of its request log after it has deployed its migrations, because the table is too
//! large for a plain CREATE INDEX. Its schema declares them, its migrations never make them.

use super::script::Script;

/// The model, which is also the table.
const MODEL: &str = "LiteLLM_SpendLogs";

/// The columns of each index, in their order.
const INDEXES: [&[&str]; 2] = [&["api_key", "startTime"], &["litellm_call_id"]];

/// The script that makes those of the two that `schema` declares.
pub(super) fn request_log_indexes(schema: &str) -> Option<Script> {
    let declared = INDEXES.iter().filter(|columns| declares(schema, columns));
    let statements: Vec<String> = declared.map(|columns| statement(columns)).collect();
    (!statements.is_empty()).then(|| Script::built_in(statements.join("\n")))
}

fn statement(columns: &[&str]) -> String {
    let quoted: Vec<_> = columns.iter().map(|column| format!("\"{column}\"")).collect();
    format!(
        "CREATE INDEX IF NOT EXISTS \"{MODEL}_{}_idx\" ON \"{MODEL}\" ({});",
        columns.join("_"),
        quoted.join(", ")
    )
}

/// Whether the model has `@@index([...])` on exactly these columns.
fn declares(schema: &str, columns: &[&str]) -> bool {
    let wanted = format!("@@index([{}]", columns.join(","));
    let mut in_model = false;
    schema.lines().any(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        match words.first() {
            // A field can be called `model` too; only the head of a model opens a brace.
            Some(&"model") if line.trim_end().ends_with('{') => {
                in_model = words.get(1).is_some_and(|name| name.trim_end_matches('{') == MODEL);
            }
            Some(&"}") => in_model = false,
            _ => {}
        }
        in_model && words.concat().starts_with(&wanted)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_schema_declares_is_made() {
        let schema = "model Other {\n  @@index([litellm_call_id])\n}\nmodel LiteLLM_SpendLogs {\n  id String @id\n  \
                      model String\n  @@index([api_key, startTime])\n  @@index([startTime])\n}\n";
        assert_eq!(
            request_log_indexes(schema).unwrap().sql(),
            "CREATE INDEX IF NOT EXISTS \"LiteLLM_SpendLogs_api_key_startTime_idx\" ON \"LiteLLM_SpendLogs\" \
             (\"api_key\", \"startTime\");"
        );
        assert!(request_log_indexes("model LiteLLM_SpendLogs {\n}\n").is_none());
    }
}
