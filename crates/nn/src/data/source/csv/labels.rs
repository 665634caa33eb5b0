//! From the labels of a file to classes.

use std::collections::BTreeSet;

use super::rows::one_of;
use crate::data::samples::{MAX_CLASSES, class_number};

/// A label that is not one of the expected ones.
#[derive(Debug)]
pub(super) struct BadLabel {
    pub sample: usize,
    pub expected: String,
}

/// The class of every sample, and the names of the classes. Labels are from a given list, or integers that are used as they are, or names
/// that are numbered in their order. The first label decides between the last two.
pub(super) fn classes(labels: &[String], listed: Option<&[String]>) -> Result<(Vec<usize>, Vec<String>), BadLabel> {
    if let Some(names) = listed {
        let t = each(labels, |text| names.iter().position(|name| name == text), || one_of(names))?;
        Ok((t, names.to_vec()))
    } else if labels.first().is_some_and(|text| is_number(text)) {
        let t = each(labels, index, || format!("an integer from 0 to {}", MAX_CLASSES - 1))?;
        let names = (0..=t.iter().copied().max().unwrap_or(0)).map(|k| k.to_string()).collect();
        Ok((t, names))
    } else {
        let names: Vec<&str> = labels.iter().map(String::as_str).collect::<BTreeSet<_>>().into_iter().collect();
        let class = |text: &str| names.binary_search(&text).ok().filter(|_| !is_number(text));
        let t = each(labels, class, || "a name, as in the first sample".to_owned())?;
        Ok((t, names.into_iter().map(str::to_owned).collect()))
    }
}

/// The class of a label, if the classes have these names: 3.0 is the class `3`.
pub(super) fn class_of(text: &str, names: &[String]) -> Option<usize> {
    let named = |k: &usize| names.get(*k).is_some_and(|name| *name == k.to_string());
    index(text).filter(named).or_else(|| names.iter().position(|name| name == text))
}

/// `class` of every label, or the first label without a class.
fn each(
    labels: &[String],
    class: impl Fn(&str) -> Option<usize>,
    expected: impl Fn() -> String,
) -> Result<Vec<usize>, BadLabel> {
    let class = |(sample, text): (usize, &String)| class(text).ok_or_else(|| BadLabel { sample, expected: expected() });
    labels.iter().enumerate().map(class).collect()
}

/// The class a number stands for: 3 and 3.0 are class 3.
fn index(text: &str) -> Option<usize> {
    text.parse().ok().and_then(class_number)
}

/// Inf and NaN are names, not numbers.
fn is_number(text: &str) -> bool {
    text.parse().is_ok_and(f64::is_finite)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[track_caller]
    fn check(labels: &[&str], t: &[usize], names: &[&str]) {
        assert_eq!(classes(&strings(labels), None).unwrap(), (t.to_vec(), strings(names)));
    }

    #[track_caller]
    fn check_bad(labels: &[&str], listed: Option<&[&str]>, bad: usize, part: &str) {
        let error = classes(&strings(labels), listed.map(strings).as_deref()).unwrap_err();
        assert!(error.sample == bad && error.expected.contains(part), "{error:?}");
    }

    #[test]
    fn integers_and_names() {
        check(&["2", "0"], &[2, 0], &["0", "1", "2"]);
        check(&["1.000e+00", "0.000e+00"], &[1, 0], &["0", "1"]);
        check(&["oak", "elm", "oak"], &[1, 0, 1], &["elm", "oak"]);
        check(&["Nan", "Inf"], &[1, 0], &["Inf", "Nan"]);
        check(&[], &[], &[]);
    }

    #[test]
    fn neither() {
        check_bad(&["0", "-1"], None, 1, "an integer from 0 to 65535");
        check_bad(&["-1", "1"], None, 0, "an integer from 0");
        check_bad(&["0", "0.5"], None, 1, "an integer from 0");
        check_bad(&["0", "65536"], None, 1, "an integer from 0");
        check_bad(&["0", "NaN"], None, 1, "an integer from 0");
        check_bad(&["0", "elm"], None, 1, "an integer from 0");
        check_bad(&["elm", "oak", "0"], None, 2, "a name");
        check_bad(&["elm", "0ak"], Some(&["elm", "oak"]), 1, r#"one of ["elm", "oak"]"#);
    }

    proptest! {
        #[test]
        fn a_class_has_the_name_of_its_label(
            names in prop::collection::btree_set("[a-z]{1,3}", 1..6),
            picks in prop::collection::vec(any::<prop::sample::Index>(), 1..30),
            listed: bool,
        ) {
            let names: Vec<String> = names.into_iter().rev().collect();
            let labels: Vec<String> = picks.iter().map(|pick| pick.get(&names).clone()).collect();
            let (t, found) = classes(&labels, listed.then_some(&names)).unwrap();
            prop_assert_eq!(t.iter().map(|&k| found[k].clone()).collect::<Vec<_>>(), labels);
            prop_assert!(found == names || !listed && found.is_sorted());
        }
    }
}
