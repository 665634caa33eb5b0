//! Copies of a model's parameters.

use serde::{Deserialize, Serialize};

use crate::{Module, Param, Path, Real};

/// The parameters of a model by name, with their roles: a model of these alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "T: Real")]
pub(crate) struct Weights<T>(pub Vec<(String, Param<T>)>);

impl<T: Real> Weights<T> {
    pub fn of(model: &dyn Module<T>) -> Self {
        let mut all = Vec::new();
        model.params(&Path::Root, &mut |path, param| all.push((path.to_string(), param.clone())));
        Weights(all)
    }

    /// Takes the values of a model of the same structure.
    pub fn take(&mut self, model: &dyn Module<T>) {
        let mut kept = self.0.iter_mut();
        model.params(&Path::Root, &mut |_, param| {
            let (_, kept) = kept.next().expect("the same structure");
            kept.value_mut().as_mut_slice().copy_from_slice(param.value().as_slice());
        });
    }

    /// Gives the values to a model of the same structure.
    pub fn give(&self, model: &mut dyn Module<T>) {
        let mut kept = self.0.iter();
        model.params_mut(&Path::Root, &mut |_, param| {
            let (_, kept) = kept.next().expect("the same structure");
            param.value_mut().as_mut_slice().copy_from_slice(kept.value().as_slice());
        });
    }

    /// In what a model differs from the one these are of, if it does.
    #[cfg(feature = "save")]
    pub fn misfit(&self, model: &dyn Module<T>) -> Option<String> {
        let say = |entry: Option<&(String, Param<T>)>| {
            entry.map_or("nothing".to_owned(), |(name, param)| {
                let ((rows, cols), role) = (param.value().shape(), format!("{:?}", param.role()).to_lowercase());
                format!("`{name}`, {rows} × {cols}, {role}")
            })
        };
        let (was, is) = (&self.0, &Weights::of(model).0);
        let pairs = (0..was.len().max(is.len())).map(|k| (say(was.get(k)), say(is.get(k))));
        let mut changed = pairs.filter(|(was, is)| was != is);
        changed.next().map(|(was, is)| format!("parameters of the model: was {was}, is {is}"))
    }
}

impl<T: Real> Module<T> for Weights<T> {
    fn params<'m>(&'m self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m Param<T>)) {
        self.0.iter().for_each(|(name, param)| f(&path.field(name), param));
    }
    fn params_mut<'m>(&'m mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m mut Param<T>)) {
        self.0.iter_mut().for_each(|(name, param)| f(&path.field(name), param));
    }
}

/// The names of the parameters with an entry that is NaN or infinite.
pub(crate) fn not_finite<T: Real>(model: &dyn Module<T>) -> Vec<String> {
    let mut names = Vec::new();
    model.params(&Path::Root, &mut |path, param| {
        if param.value().as_slice().iter().any(|x| !x.to_f64().is_finite()) {
            names.push(path.to_string());
        }
    });
    names
}
