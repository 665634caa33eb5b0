//! Patterns of names and kinds: `*` stands for any text, `|` separates alternatives, and an alternative that begins with a colon is a kind.

use crate::nearest::there_are;
use crate::{Module, ParamKind, Path, Real, Role};

/// Whether a parameter matches an alternative of a pattern.
pub(crate) fn fits_any(pattern: &str, name: &str, kind: &dyn Fn() -> ParamKind) -> bool {
    pattern.split('|').any(|one| fits_one(one, name, kind))
}

/// Checks that the kinds in a pattern exist.
pub(crate) fn check_kinds(what: &str, pattern: &str) -> Result<(), String> {
    let mut words = pattern.split('|').filter_map(|one| one.strip_prefix(':'));
    let unknown = words.find(|word| ParamKind::ALL.iter().all(|(_, name)| name != word));
    let kinds = || ParamKind::ALL.map(|(_, name)| format!("`:{name}`")).join(", ");
    unknown.map_or(Ok(()), |word| {
        Err(format!("{what} `{pattern}`: there is no kind `:{word}` of parameters: there are {}", kinds()))
    })
}

/// Checks that each alternative of the patterns matches a parameter of the model. Kinds are not checked, because a model need not have
/// parameters of every kind.
pub(crate) fn check_names<'p, T: Real>(
    what: &str,
    patterns: impl Iterator<Item = &'p str>,
    model: &dyn Module<T>,
) -> Result<(), String> {
    let mut patterns = patterns.peekable();
    if patterns.peek().is_none() {
        return Ok(());
    }
    let mut names = Vec::new();
    model.params(&Path::Root, &mut |path, param| {
        if param.role() != Role::Buffer {
            names.push(path.to_string());
        }
    });
    for pattern in patterns {
        let misses = |one: &&str| !one.starts_with(':') && !names.iter().any(|name| fits(one, name));
        if let Some(one) = pattern.split('|').find(misses) {
            let known = there_are(one, &names);
            return Err(format!("{what} `{pattern}`: no parameter of the model has a name like `{one}`: {known}"));
        }
    }
    Ok(())
}

/// Whether one alternative of a pattern is the kind of a parameter or matches its name.
fn fits_one(one: &str, name: &str, kind: &dyn Fn() -> ParamKind) -> bool {
    one.strip_prefix(':').map_or_else(|| fits(one, name), |word| kind().name() == word)
}

/// Whether a name matches a pattern, in which `*` stands for any text.
fn fits(glob: &str, name: &str) -> bool {
    let Some((first, rest)) = glob.split_once('*') else { return glob == name };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    // Matching each piece at its first occurrence leaves the most for the next.
    for piece in middle.split('*') {
        let Some(at) = name.find(piece) else { return false };
        name = &name[at + piece.len()..];
    }
    name.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns() {
        let check = |glob, yes: &[&str], no: &[&str]| {
            yes.iter().for_each(|name| assert!(fits(glob, name), "{glob} {name}"));
            no.iter().for_each(|name| assert!(!fits(glob, name), "{glob} {name}"));
        };
        check("", &[""], &["a"]);
        check("*", &["", "a.b"], &[]);
        check("layers.0.bias", &["layers.0.bias"], &["layers.0.bias2", "layers.0"]);
        check("*bias", &["bias", "layers.0.bias"], &["bias.0"]);
        check("layers.*", &["layers.", "layers.0.bias"], &["layers", "xlayers.0"]);
        check("*norm*", &["norm", "norm1.weight", "a.layer_norm.b"], &["nor.m"]);
        check("a*b*c", &["abc", "axbxbxc", "abcbc"], &["ab", "ac", "abcx", "acb"]);
        check("a*a", &["aa", "aba"], &["a"]);
        check("*aab", &["aaab"], &["aaba"]);
    }
}
