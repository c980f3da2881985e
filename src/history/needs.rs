//! What a history needs of the server that it is replayed on.

use super::History;
use crate::{
    guard::needs::{self, Needed},
    postgres::Wish,
};

/// The extensions that `history` installs, and the roles that it names and does not make; each once, where it is
/// named first.
///
/// # Errors
/// Where the system grants no thread to work in.
pub fn of(history: &History) -> std::io::Result<(Vec<Wish>, Vec<Wish>)> {
    let (mut extensions, mut roles) = (Vec::<Wish>::new(), Vec::<Wish>::new());
    let mut own = Vec::new();
    let scripts = history.migrations.iter().map(|migration| migration.sql.as_str());
    for (migration, needs) in history.migrations.iter().zip(needs::of_all(scripts)?) {
        for need in needs {
            let wishes = match need.what {
                Needed::Extension => &mut extensions,
                Needed::Role => &mut roles,
                Needed::OwnRole => {
                    own.push(need.name);
                    continue;
                }
            };
            if !wishes.iter().any(|wish| wish.name == need.name) {
                wishes.push(Wish { name: need.name, path: migration.path.clone(), line: need.line });
            }
        }
    }
    roles.retain(|wish| !own.contains(&wish.name));
    Ok((extensions, roles))
}
