//! Copies of a model's parameters.

use serde::{Deserialize, Serialize};

use crate::{Module, Param, ParamKind, Path, Real};

/// The parameters of a model by name, with their roles and kinds: a model that consists only of these. From a file they have the kinds that
/// their names tell.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent, bound = "T: Real")]
pub(crate) struct Weights<T>(pub Vec<(String, Param<T>)>, #[serde(skip)] Vec<ParamKind>);

impl<T: Real> Weights<T> {
    pub fn of(model: &dyn Module<T>) -> Self {
        Self::of_each(model, |param| Some(param.clone()))
    }

    /// What `f` makes of each parameter, if anything, in its place.
    pub fn of_each(model: &dyn Module<T>, f: impl Fn(&Param<T>) -> Option<Param<T>>) -> Self {
        let (mut all, mut kinds) = (Vec::new(), Vec::new());
        model.params(&Path::Root, &mut |path, param| {
            if let Some(param) = f(param) {
                all.push((path.to_string(), param));
                kinds.push(path.kind());
            }
        });
        Weights(all, kinds)
    }

    /// Copies the values from a model of the same structure.
    pub fn take(&mut self, model: &dyn Module<T>) {
        let mut kept = self.0.iter_mut();
        model.params(&Path::Root, &mut |_, param| {
            let (_, kept) = kept.next().expect("the same structure");
            kept.value_mut().as_mut_slice().copy_from_slice(param.value().as_slice());
        });
    }

    /// Copies the values to a model of the same structure.
    pub fn give(&self, model: &mut dyn Module<T>) {
        let mut kept = self.0.iter();
        model.params_mut(&Path::Root, &mut |_, param| {
            let (_, kept) = kept.next().expect("the same structure");
            param.value_mut().as_mut_slice().copy_from_slice(kept.value().as_slice());
        });
    }

    /// How a model differs from the one to which these belong, if it does: in names and shapes, and `in_roles` if that is asked for.
    #[cfg(feature = "save")]
    pub fn misfit(&self, model: &dyn Module<T>, in_roles: bool) -> Option<String> {
        let say = |entry: Option<&(String, Param<T>)>| {
            entry.map_or("nothing".to_owned(), |(name, param)| {
                let ((rows, cols), role) = (param.value().shape(), format!(", {:?}", param.role()).to_lowercase());
                format!("`{name}`, {rows} × {cols}{}", if in_roles { &role } else { "" })
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
        let Weights(all, kinds) = self;
        let mut kinds = kinds.iter();
        all.iter().for_each(|(name, param)| with_path(path, name, kinds.next(), |path| f(path, param)));
    }
    fn params_mut<'m>(&'m mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m mut Param<T>)) {
        let Weights(all, kinds) = self;
        let mut kinds = kinds.iter();
        all.iter_mut().for_each(|(name, param)| with_path(path, name, kinds.next(), |path| f(path, param)));
    }
}

/// Calls `f` with the path of a parameter of this name and kind.
fn with_path(path: &Path<'_>, name: &str, kind: Option<&ParamKind>, f: impl FnOnce(&Path<'_>)) {
    let path = path.field(name);
    match kind {
        Some(&kind) => f(&path.with_kind(kind)),
        None => f(&path),
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
