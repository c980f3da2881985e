//! What a history needs of the server that it is replayed on.

use camino::Utf8Path;

use crate::{
    guard::needs::{Need, Needed},
    postgres::Wish,
};

/// The extensions that `scripts` install, and the roles that they name and do not make; each once, where it is named
/// first. Each is a file and what is run of it; `needs` is what each needs by itself.
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
