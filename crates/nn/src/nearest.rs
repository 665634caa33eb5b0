//! Hints in errors: the names most similar to a wrong one, and whether a transpose would fit.

/// How many names are said.
const SHOWN: usize = 5;

/// The names that are most like this one: all in their order, if they are few. In the name that is looked for, `*` is any text.
pub(crate) fn nearest<'n, S: AsRef<str>>(name: &str, names: &'n [S]) -> Vec<&'n str> {
    let mut known: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    if known.len() > SHOWN {
        known.sort_by_cached_key(|known| distance(name, known));
        known.truncate(SHOWN);
    }
    known
}

/// In words, which names there are: ``there are `a`, `b` ``, or the nearest of them.
pub(crate) fn there_are<S: AsRef<str>>(name: &str, names: &[S]) -> String {
    let known = nearest(name, names);
    let said = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => "there are none".to_owned(),
        all if all > known.len() => format!("the nearest are {said}, and there are {} more", all - known.len()),
        _ => format!("there are {said}"),
    }
}

/// How many characters are to be added, removed or replaced to make one text of the other (V. Levenshtein, 1966), where a `*` in
/// the first is any text; of long texts, of their beginnings.
fn distance(a: &str, b: &str) -> usize {
    const LONGEST: usize = 40;
    let mut row: Vec<usize> = (0..=b.chars().take(LONGEST).count()).collect();
    for c in a.chars().take(LONGEST) {
        let cost = usize::from(c != '*');
        let mut above_left = row[0];
        row[0] += cost;
        for (j, d) in b.chars().take(LONGEST).enumerate() {
            let above = row[j + 1];
            let replaced = above_left + usize::from(c != d) * cost;
            row[j + 1] = replaced.min(above + cost).min(row[j] + cost);
            above_left = above;
        }
    }
    row[row.len() - 1]
}

/// The end of an error message about a matrix of the wrong shape: a hint if its transpose fits.
pub(crate) fn transpose_hint(fits: bool) -> &'static str {
    if fits { "; columns are samples: transpose it" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn edits() {
        let cases =
            [("", "abc", 3), ("kitten", "sitting", 3), ("abc", "abc", 0), ("enc.*", "enc.0.weight", 0), ("*", "", 0)];
        for (a, b, edits) in cases.into_iter().chain([("ecn.*.weight", "enc.0.weight", 2), ("flaw", "lawn", 2)]) {
            assert_eq!(distance(a, b), edits, "{a} {b}");
        }
        let names: Vec<String> = (0..100).map(|k| format!("layers.{k}.weight")).collect();
        assert_eq!(nearest("layer.42.weight", &names)[0], "layers.42.weight");
    }
}
