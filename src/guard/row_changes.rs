//! Where a script changes rows: nothing that is known of a catalog can tell what they were.

use super::{
    action::{Action, Step},
    sql,
};

/// The lines, from 1, of the statements of `script` that change rows, or of which nobody can tell.
///
/// # Errors
/// Where the system grants no thread to work in.
pub fn lines(script: &str) -> std::io::Result<Vec<usize>> {
    let mut lines = sql::with_stack(|| {
        let mut lines = Vec::new();
        sql::for_each_statement(script, &mut |steps| {
            let changing = steps.iter().filter(|step| changes_rows(step));
            lines.extend(changing.map(|step| script[..step.place.start].matches('\n').count() + 1));
        });
        lines
    })?;
    lines.dedup();
    Ok(lines)
}

const fn changes_rows(step: &Step) -> bool {
    matches!(
        step.action,
        Action::Rows(_)
            | Action::Truncate(_)
            | Action::RestartSequence(_)
            | Action::Unparsed(_)
            | Action::Dynamic(_)
            | Action::Outside(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_rows_is_found_wherever_it_stands() {
        let script = "CREATE TABLE a (b int);\nINSERT INTO a VALUES (1);\nDO $$ BEGIN\n  UPDATE a SET b = 2;\nEND $$;\n\
                      SELECT 1; TRUNCATE a;\nALTER TABLE a ADD c int;\n";
        assert_eq!(lines(script).unwrap(), [2, 4, 6]);
    }
}
