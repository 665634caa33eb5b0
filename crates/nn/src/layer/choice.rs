//! An enum of layers is a layer.

/// Generates the enum, its parameters (the variant adds nothing to their names) and its `forward` from the list of variants.
macro_rules! choice {
    ($(#[$outer:meta])+ $Name:ident: $($(#[$meta:meta])+ $Variant:ident($Layer:ty);)+) => {
        $(#[$outer])+
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case", bound = "T: Real")]
        pub enum $Name<T> {
            $($(#[$meta])+ $Variant($Layer),)+
        }

        $(impl<T> From<$Layer> for $Name<T> {
            fn from(layer: $Layer) -> Self {
                $Name::$Variant(layer)
            }
        })+

        #[compiled_once]
        impl<T: Real> Module<T> for $Name<T> {
            fn params<'m>(&'m self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m Param<T>)) {
                match self {
                    $($Name::$Variant(layer) => layer.params(path, f),)+
                }
            }
            fn params_mut<'m>(&'m mut self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, &'m mut Param<T>)) {
                match self {
                    $($Name::$Variant(layer) => layer.params_mut(path, f),)+
                }
            }
        }

        #[compiled_once]
        impl<T: Real> Layer<T> for $Name<T> {
            #[track_caller]
            fn forward<'t>(&'t self, x: Var<'t, T>) -> Var<'t, T> {
                match self {
                    $($Name::$Variant(layer) => layer.forward(x),)+
                }
            }
        }
    };
}
