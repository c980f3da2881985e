//! Names of database objects, as PostgreSQL resolves them and as reports print them.

use std::fmt;

/// PostgreSQL cuts every identifier at this many bytes.
pub const LONGEST: usize = 63;

/// The name of an object: already folded to lower case where it was not quoted, without quotes and escapes,
/// cut where PostgreSQL cuts it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    /// The schema, where it is given.
    pub schema: Option<String>,
    /// The object's own name, or the table's for what belongs to a table.
    pub name: String,
    /// A column, constraint, trigger, policy or rule of that table.
    pub member: Option<String>,
}

impl Name {
    /// The name made of `parts`, outermost first: `[[database.]schema.]name`.
    #[must_use]
    pub fn from_parts(parts: &[String]) -> Self {
        let mut parts = parts.iter().rev();
        let name = parts.next().map(|part| cut(part)).unwrap_or_default();
        Self { schema: parts.next().map(|part| cut(part)), name, member: None }
    }

    /// A name without a schema.
    #[must_use]
    pub fn bare(name: &str) -> Self {
        Self { schema: None, name: cut(name), member: None }
    }

    /// What belongs to this table under the name `member`.
    #[must_use]
    pub fn member(&self, member: &str) -> Self {
        Self { member: Some(cut(member)), ..self.clone() }
    }

    /// The table that this member belongs to; the same name for anything else.
    #[must_use]
    pub fn table(&self) -> Self {
        Self { member: None, ..self.clone() }
    }

    /// The same schema, another name: what `RENAME TO` leads to.
    #[must_use]
    pub fn renamed(&self, name: &str) -> Self {
        Self { schema: self.schema.clone(), name: cut(name), member: None }
    }

    /// Reads a name as a person types it: parts between dots, quoted as in SQL where a part holds a dot or a
    /// quote. Nothing is folded.
    #[must_use]
    pub fn split(text: &str) -> Vec<String> {
        let mut parts = vec![String::new()];
        let mut quoted = false;
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '"' if quoted && characters.peek() == Some(&'"') => {
                    characters.next();
                    push(&mut parts, '"');
                }
                '"' => quoted = !quoted,
                '.' if !quoted => parts.push(String::new()),
                other => push(&mut parts, other),
            }
        }
        parts
    }
}

fn push(parts: &mut [String], character: char) {
    if let Some(last) = parts.last_mut() {
        last.push(character);
    }
}

fn cut(name: &str) -> String {
    let mut end = name.len().min(LONGEST);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name[..end].to_owned()
}

/// `[schema.]name[.member]` without `public`, a part quoted only where it could be misread. Capitals alone need
/// no quotes here: what is printed is compared as it stands.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schema = self.schema.iter().filter(|schema| *schema != "public");
        let parts = schema.chain([&self.name]).chain(&self.member);
        for (index, part) in parts.enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            if is_plain(part) { f.write_str(part)? } else { write!(f, "\"{}\"", part.replace('"', "\"\""))? }
        }
        Ok(())
    }
}

fn is_plain(part: &str) -> bool {
    part.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && part.chars().all(|character| character.is_alphanumeric() || matches!(character, '_' | '$'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(parts: &[&str]) -> Name {
        Name::from_parts(&parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn public_is_left_out_and_quotes_stand_only_where_needed() {
        assert_eq!(name(&["public", "User"]).member("email").to_string(), "User.email");
        assert_eq!(name(&["db", "audit", "log"]).to_string(), "audit.log");
        assert_eq!(name(&["a.b"]).member("say \"hi\"").to_string(), r#""a.b"."say ""hi""""#);
        assert_eq!(name(&["café"]).to_string(), "café");
    }

    #[test]
    fn printed_names_can_be_read_back() {
        for parts in [vec!["a", "b.c"], vec!["say \"hi\"", "x y"], vec!["Order", ""]] {
            let printed = name(&[parts[0]]).member(parts[1]).to_string();
            assert_eq!(Name::split(&printed), parts);
        }
    }

    #[test]
    fn names_end_where_postgresql_ends_them() {
        assert_eq!(name(&[&"x".repeat(70)]).name.len(), 63);
        assert_eq!(name(&[&format!("{}é", "x".repeat(62))]).name.len(), 62);
    }
}
