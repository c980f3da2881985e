//! What a history needs of the server that it is replayed on.

use camino::Utf8Path;

use super::History;
use crate::{
    guard::needs::{self, Need, Needed},
    postgres::Wish,
};

/// The extensions that `history` installs, and the roles that it names and does not make; each once, where it is
/// named first.
///
/// # Errors
/// Where the system grants no thread to work in.
pub fn of(history: &History) -> std::io::Result<(Vec<Wish>, Vec<Wish>)> {
    of_scripts(history.scripts())
}

/// The same of `scripts`, each a file and what is run of it, in their order.
///
/// # Errors
/// Where the system grants no thread to work in.
pub fn of_scripts<'a>(
    scripts: impl IntoIterator<Item = (&'a Utf8Path, &'a str)>,
) -> std::io::Result<(Vec<Wish>, Vec<Wish>)> {
    let scripts: Vec<_> = scripts.into_iter().collect();
    let needs = needs::of_all(scripts.iter().map(|(_, sql)| *sql))?;
    Ok(gathered(&scripts, needs))
}

/// The same where what each of `scripts` needs by itself is known already.
#[must_use]
pub fn gathered(scripts: &[(&Utf8Path, &str)], needs: Vec<Vec<Need>>) -> (Vec<Wish>, Vec<Wish>) {
    let (mut extensions, mut roles) = (Vec::<Wish>::new(), Vec::<Wish>::new());
    let mut own = Vec::new();
    for (&(path, _), needs) in scripts.iter().zip(needs) {
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
                wishes.push(Wish { name: need.name, path: path.to_owned(), line: need.line });
            }
        }
    }
    roles.retain(|wish| !own.contains(&wish.name));
    (extensions, roles)
}
