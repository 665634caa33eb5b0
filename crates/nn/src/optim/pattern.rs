//! Patterns of names and kinds.

use crate::Kind;

/// Whether a parameter is of the kind, or its name is of the form, that an alternative of a pattern says.
pub(super) fn fits_one(one: &str, name: &str, kind: &dyn Fn() -> Kind) -> bool {
    one.strip_prefix(':').map_or_else(|| fits(one, name), |word| kind().name() == word)
}

/// Whether a name is the text of a pattern, in which `*` is any text.
fn fits(glob: &str, name: &str) -> bool {
    let Some((first, rest)) = glob.split_once('*') else { return glob == name };
    let Some(mut name) = name.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    // Each piece where it occurs first leaves most for the next.
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
