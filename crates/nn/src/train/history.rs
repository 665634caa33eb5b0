//! The measurements after every epoch.

use std::ops::Index;

use serde::{Deserialize, Serialize};

use crate::nearest::there_are;
#[cfg(feature = "plot")]
use crate::plot::{Chart, Figure};

/// Curves by name, with a value for every epoch. Runs with the same seed have the same history, to the bit.
///
/// A [`Trainer`](super::Trainer) writes `step`, the number of steps so far; `learning_rate`; `loss`, the mean training loss over
/// the epoch; and for each watched set a curve of the loss and each metric, such as
/// `validation_loss` and `validation_accuracy`, with the weights after the epoch.
///
/// ```
/// use nn::train::History;
/// let mut history = History::default();
/// for (loss, accuracy) in [(1.5, 0.5), (0.25, 1.0)] {
///     history.push([("loss", loss), ("accuracy", accuracy)]);
/// }
/// assert_eq!(history["loss"], [1.5, 0.25]);
/// assert_eq!(history.to_csv(), "epoch,loss,accuracy\n1,1.5,0.5\n2,0.25,1\n");
/// assert_eq!(history.to_json(), r#"{"loss":[1.5,0.25],"accuracy":[0.5,1.0]}"#);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    curves: Vec<(String, Vec<f64>)>,
}

impl History {
    /// The number of epochs.
    pub fn epochs(&self) -> usize {
        self.curves.first().map_or(0, |(_, values)| values.len())
    }

    /// The names of the curves.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.curves.iter().map(|(name, _)| &**name)
    }

    /// The curve with this name, if there is one.
    pub fn get(&self, name: &str) -> Option<&[f64]> {
        self.curves.iter().find(|(other, _)| other == name).map(|(_, values)| &**values)
    }

    /// The last value of a curve.
    pub fn last(&self, name: &str) -> Option<f64> {
        self.get(name)?.last().copied()
    }

    /// Adds an epoch.
    ///
    /// # Panics
    /// If the names or their order differ from those of earlier epochs.
    #[track_caller]
    pub fn push<'n>(&mut self, values: impl IntoIterator<Item = (&'n str, f64)>) {
        let (first, mut count) = (self.curves.is_empty(), 0);
        for (name, value) in values {
            if first {
                self.curves.push((name.to_owned(), Vec::new()));
            }
            let curve = self.curves.get_mut(count).filter(|curve| curve.0 == name);
            curve.unwrap_or_else(|| panic!("History: the epochs before have no {name} in this place")).1.push(value);
            count += 1;
        }
        assert!(count == self.curves.len(), "History: the epochs before have more curves");
    }

    /// The same history with the curves in the order of these names.
    #[cfg(feature = "save")]
    pub(super) fn in_order(&self, names: &[String], epochs: usize) -> Result<Self, String> {
        let is = || self.names().collect::<Vec<_>>().join(", ");
        let curve = |name: &String| {
            let values = self.get(name).ok_or_else(|| format!("there is no curve `{name}` in {}", is()))?;
            Ok((name.clone(), values.to_vec()))
        };
        let curves =
            if epochs == 0 { Vec::new() } else { names.iter().map(curve).collect::<Result<Vec<_>, String>>()? };
        if curves.len() != self.curves.len() || self.epochs() != epochs {
            return Err(format!("{epochs} epochs of {}, and not {} of {}", names.join(", "), self.epochs(), is()));
        }
        Ok(History { curves })
    }

    /// A table with a line for every epoch, and the names of the curves in the header. Feature `csv`.
    #[cfg(feature = "csv")]
    pub fn to_csv(&self) -> String {
        let mut table = csv::Writer::from_writer(Vec::new());
        let mut line = |cells: Vec<String>| table.write_record(cells).expect("memory can be written to");
        line(std::iter::once("epoch").chain(self.names()).map(str::to_owned).collect());
        for epoch in 0..self.epochs() {
            let values = self.curves.iter().map(|(_, values)| values[epoch].to_string());
            line(std::iter::once((epoch + 1).to_string()).chain(values).collect());
        }
        String::from_utf8(table.into_inner().expect("memory can be written to")).expect("names are text")
    }

    /// An object with an array of numbers for every curve; numbers that are NaN or infinite are `null`. Feature `save`.
    #[cfg(feature = "save")]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers can be said in JSON")
    }

    /// The losses in one chart, and every metric in its own chart. Feature `plot`.
    #[cfg(feature = "plot")]
    pub fn figure(&self) -> Figure {
        let kind = |name: &str| {
            let kinds = ["step", "learning_rate"].contains(&name);
            (!kinds).then(|| name.rsplit('_').next().unwrap_or(name).to_owned())
        };
        let mut kinds: Vec<String> = self.names().filter_map(kind).collect();
        let mut seen = Vec::new();
        kinds.retain(|kind| !seen.contains(kind) && (seen.push(kind.clone()), true).1);
        kinds.iter().fold(Figure::new(), |figure, of| {
            let curves = self.curves.iter().filter(|(name, _)| kind(name).as_ref() == Some(of));
            let mut letters = of.chars();
            let title: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
            let chart = Chart::new(&title).axes("epoch", "");
            let chart = if of == "accuracy" { chart.percent() } else { chart };
            figure.with(curves.fold(chart, |chart, (name, values)| {
                let set = name.strip_suffix(&**of).unwrap_or(name).trim_end_matches('_').replace('_', " ");
                chart.curve(if set.is_empty() { "in training" } else { &set }, values)
            }))
        })
    }

    /// Writes [`to_csv`](History::to_csv) or [`to_json`](History::to_json) to a file, depending on its extension. The file is written atomically.
    /// Features `csv` and `save`.
    ///
    /// # Errors
    /// If the extension is a different one, or the file cannot be written.
    #[cfg(all(feature = "csv", feature = "save"))]
    pub fn save(&self, path: impl AsRef<std::path::Path>) -> std::io::Result<()> {
        use std::io::{Error, ErrorKind};
        let path = path.as_ref();
        let text = match path.extension().and_then(|extension| extension.to_str()) {
            Some("csv") => self.to_csv(),
            Some("json") => self.to_json(),
            _ => {
                let why = format!("{}: a history is saved as .csv or .json", path.display());
                return Err(Error::new(ErrorKind::InvalidInput, why));
            }
        };
        crate::atomic::write(path, text.as_bytes())
            .map_err(|error| Error::new(error.kind(), format!("{}: not written: {error}", path.display())))
    }
}

/// The curve with this name.
///
/// # Panics
/// If there is none; [`get`](History::get) returns `None` instead.
impl Index<&str> for History {
    type Output = [f64];
    #[track_caller]
    fn index(&self, name: &str) -> &[f64] {
        let known = || there_are(name, &self.names().collect::<Vec<_>>());
        // Not `unwrap_or_else`: a panic in a closure would point here, not at the caller.
        match self.get(name) {
            Some(curve) => curve,
            None => panic!("History: there is no curve `{name}`: {}", known()),
        }
    }
}

impl Serialize for History {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.curves.iter().map(|(name, values)| {
            (name, values.iter().map(|value| value.is_finite().then_some(*value)).collect::<Vec<_>>())
        }))
    }
}

/// Serializes a history for a checkpoint without loss of bits. Numbers that JSON cannot represent are written as words.
#[cfg(feature = "save")]
pub(super) fn exact<S: serde::Serializer>(history: &History, s: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Value {
        Number(f64),
        Word(String),
    }
    let value = |value: &f64| match value.is_finite() {
        true => Value::Number(*value),
        false => Value::Word(value.to_string()),
    };
    s.collect_map(history.curves.iter().map(|(name, values)| (name, values.iter().map(value).collect::<Vec<_>>())))
}

/// A number of a history: `null` means NaN, and `inf` and `-inf` are words.
struct Said(f64);

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Number;
        impl serde::de::Visitor<'_> for Number {
            type Value = Said;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number, null, or one of the words NaN, inf, -inf")
            }
            fn visit_f64<E>(self, x: f64) -> Result<Said, E> {
                Ok(Said(x))
            }
            fn visit_u64<E>(self, x: u64) -> Result<Said, E> {
                Ok(Said(x as f64))
            }
            fn visit_i64<E>(self, x: i64) -> Result<Said, E> {
                Ok(Said(x as f64))
            }
            fn visit_unit<E>(self) -> Result<Said, E> {
                Ok(Said(f64::NAN))
            }
            fn visit_none<E>(self) -> Result<Said, E> {
                Ok(Said(f64::NAN))
            }
            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Said, E> {
                let x = ["NaN", "inf", "-inf"].contains(&word).then(|| word.parse().ok()).flatten();
                x.map(Said).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(word), &self))
            }
        }
        d.deserialize_any(Number)
    }
}

impl<'de> Deserialize<'de> for History {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Curves;
        impl<'de> serde::de::Visitor<'de> for Curves {
            type Value = History;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("curves by name, each with a number for every epoch")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<History, A::Error> {
                let mut curves = Vec::new();
                while let Some((name, values)) = map.next_entry::<String, Vec<Said>>()? {
                    if curves.iter().any(|(other, _)| *other == name) {
                        return Err(serde::de::Error::custom(format!("a history with two curves `{name}`")));
                    }
                    curves.push((name, values.into_iter().map(|Said(value)| value).collect::<Vec<_>>()));
                }
                if curves.windows(2).any(|pair| pair[0].1.len() != pair[1].1.len()) {
                    return Err(serde::de::Error::custom("the curves of a history have different lengths"));
                }
                Ok(History { curves })
            }
        }
        d.deserialize_map(Curves)
    }
}
