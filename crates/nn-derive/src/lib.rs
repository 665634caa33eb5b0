//! The derive macro of `nn::Module`.
//!
//! It is used through [`nn`](https://docs.rs/tape-nn), which re-exports it next to the trait.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Data, DeriveInput, Error, Fields, Ident, Index, Member, Result, Token, Type, Variant, WherePredicate,
    parse_quote,
};

/// Implements [`nn::Module`](https://docs.rs/tape-nn/latest/nn/module/trait.Module.html) for a struct or an enum: its
/// parameters are those of its fields, in the order of their declaration.
///
/// A field adds its name to the path of its parameters, or its index if it has no name. In an enum the fields of the
/// current variant are used, and the variant adds nothing. So `layers.0.weight` is the `weight` of the first element of
/// the field `layers`. The documentation of the trait has an example that runs.
///
/// Every field must be a module, so that no layer is forgotten in training. Mark a field without parameters, such as a size
/// or a probability, `#[module(skip)]`. `#[module(matrix)]` and `#[module(transposed)]` mark its path with
/// [`nn::Axes`](https://docs.rs/tape-nn/latest/nn/module/enum.Axes.html), for programs that distinguish vectors from matrices.
/// `weight`, `bias`, `norm_scale`, `norm_shift`, `embedding` and `slope` set the
/// [`nn::ParamKind`](https://docs.rs/tape-nn/latest/nn/module/enum.ParamKind.html) of a parameter. A field may have one of each: `#[module(matrix, weight)]`.
///
/// Generic parameters and their bounds are kept. The implementation is also generic in the number type of the parameters:
/// the type is a `Module<S>` for every `S` for which all its fields are.
///
/// ```text
/// #[derive(Module)]                  impl<T, S: Real> Module<S> for Mlp<T>
/// struct Mlp<T> {                    where Vec<Linear<T>>: Module<S> {
///     layers: Vec<Linear<T>>,            params: self.layers.params(&path.field("layers"), f)
///     #[module(skip)]                    params_mut: the same with &mut
///     dropout: f64,                  }
/// }
/// ```
///
/// # Errors
/// A union, an attribute with an unknown word, or an attribute that is not on a field does not compile. If a field is not a
/// module, the type does not compile where it is used as one.
#[proc_macro_derive(Module, attributes(module))]
pub fn derive_module(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = syn::parse_macro_input!(input as DeriveInput);
    expand(&input).unwrap_or_else(Error::into_compile_error).into()
}

/// A struct becomes a `match` with one pattern, an enum a `match` with a pattern for every variant.
fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let patterns: Vec<(TokenStream, &Fields)> = match &input.data {
        Data::Struct(data) => vec![(quote!(Self), &data.fields)],
        Data::Enum(data) => {
            data.variants.iter().try_for_each(|variant| no_attribute(&variant.attrs))?;
            data.variants.iter().map(|Variant { ident, fields, .. }| (quote!(Self::#ident), fields)).collect()
        }
        Data::Union(data) => {
            let message = "`Module` is derived for structs and enums: which field of a union counts is unknown";
            return Err(Error::new(data.union_token.span, message));
        }
    };
    no_attribute(&input.attrs)?;

    let (mut shared, mut exclusive, mut types) = (Vec::new(), Vec::new(), Vec::new());
    for (pattern, fields) in patterns {
        let modules = modules(fields)?;
        shared.push(arm(&pattern, &modules, quote!(ref), quote!(params)));
        exclusive.push(arm(&pattern, &modules, quote!(ref mut), quote!(params_mut)));
        types.extend(modules.into_iter().map(|module| module.ty));
    }

    let name = &input.ident;
    let (_, arguments, _) = input.generics.split_for_impl();
    let mut generics = input.generics.clone();
    generics.params.push(parse_quote!(__S: ::nn::Real));
    let bounds = distinct(types)
        .into_iter()
        .filter(|ty| !mentions(ty.to_token_stream(), name))
        .map(|ty| -> WherePredicate { parse_quote!(#ty: ::nn::Module<__S>) });
    generics.make_where_clause().predicates.extend(bounds);
    let (parameters, _, bounds) = generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #parameters ::nn::Module<__S> for #name #arguments #bounds {
            fn params<'__m>(
                &'__m self,
                __path: &::nn::Path<'_>,
                __f: &mut dyn ::core::ops::FnMut(&::nn::Path<'_>, &'__m ::nn::Param<__S>),
            ) {
                match *self { #(#shared)* }
            }

            fn params_mut<'__m>(
                &'__m mut self,
                __path: &::nn::Path<'_>,
                __f: &mut dyn ::core::ops::FnMut(&::nn::Path<'_>, &'__m mut ::nn::Param<__S>),
            ) {
                match *self { #(#exclusive)* }
            }
        }
    })
}

/// A field that has parameters, or may have some.
struct Module<'f> {
    member: Member,
    ty: &'f Type,
    /// The marks of its path: methods of `nn::Path`, with their enums and variants.
    marks: Vec<(Ident, Ident, Ident)>,
}

/// The words of a field except `skip`: the method of `nn::Path` that marks it, the enum, and the variant.
const MARKS: [(&str, &str, &str, &str); 8] = [
    ("matrix", "with_axes", "Axes", "Matrix"),
    ("transposed", "with_axes", "Axes", "Transposed"),
    ("weight", "with_kind", "ParamKind", "Weight"),
    ("bias", "with_kind", "ParamKind", "Bias"),
    ("norm_scale", "with_kind", "ParamKind", "NormScale"),
    ("norm_shift", "with_kind", "ParamKind", "NormShift"),
    ("embedding", "with_kind", "ParamKind", "Embedding"),
    ("slope", "with_kind", "ParamKind", "Slope"),
];

fn modules(fields: &Fields) -> Result<Vec<Module<'_>>> {
    let mut modules = Vec::new();
    for (member, field) in fields.members().zip(fields) {
        let words = words(&field.attrs)?;
        match &words[..] {
            [word] if word == "skip" => continue,
            _ => modules.push(Module { member, ty: &field.ty, marks: marks(&words)? }),
        }
    }
    Ok(modules)
}

fn marks(words: &[Ident]) -> Result<Vec<(Ident, Ident, Ident)>> {
    let mut marks: Vec<(Ident, Ident, Ident)> = Vec::new();
    for word in words {
        let Some((_, method, of, variant)) = MARKS.iter().find(|mark| word == mark.0) else {
            let others = MARKS.map(|mark| format!("`{}`", mark.0)).join(", ");
            let message = match word == "skip" {
                true => "`skip` leaves the field out, so it allows no other word".to_owned(),
                false => format!("unknown attribute `{word}`, expected `skip`, or of {others}"),
            };
            return Err(Error::new(word.span(), message));
        };
        if marks.iter().any(|(other, ..)| other == method) {
            return Err(Error::new(word.span(), format!("`{word}` contradicts the word before it")));
        }
        let [method, of, variant] = [method, of, variant].map(|name| format_ident!("{name}"));
        marks.push((method, of, variant));
    }
    Ok(marks)
}

/// `pattern { a: ref __field0, .. } => { method(__field0, &path.field("a"), f); … }`
fn arm(pattern: &TokenStream, modules: &[Module<'_>], by: TokenStream, method: TokenStream) -> TokenStream {
    let members = modules.iter().map(|module| &module.member);
    let fields: Vec<Ident> = (0..modules.len()).map(|i| format_ident!("__field{i}")).collect();
    let paths = modules.iter().map(|module| {
        let path = match &module.member {
            Member::Named(name) => {
                let name = name.unraw().to_string();
                quote!(::nn::Path::field(__path, #name))
            }
            Member::Unnamed(Index { index, .. }) => {
                let index = *index as usize;
                quote!(::nn::Path::item(__path, #index))
            }
        };
        module
            .marks
            .iter()
            .fold(path, |path, (method, of, variant)| quote!(::nn::Path::#method(&#path, ::nn::#of::#variant)))
    });
    quote! {
        #pattern { #(#members: #by #fields,)* .. } => {
            #(::nn::Module::#method(#fields, &#paths, __f);)*
        }
    }
}

/// Two fields of the same type need only one bound.
fn distinct(mut types: Vec<&Type>) -> Vec<&Type> {
    let mut seen = std::collections::HashSet::new();
    types.retain(|ty| seen.insert(ty.to_token_stream().to_string()));
    types
}

/// Whether a type is built from the type with this name. It needs no bound, which would be its own condition.
/// (After a `::` the name is that of another type.)
fn mentions(ty: TokenStream, name: &Ident) -> bool {
    let mut in_path = false;
    ty.into_iter().any(|token| {
        let of_path = std::mem::replace(&mut in_path, matches!(&token, TokenTree::Punct(p) if p.as_char() == ':'));
        match token {
            TokenTree::Ident(word) => !of_path && (word == *name || word == "Self"),
            TokenTree::Group(group) => mentions(group.stream(), name),
            _ => false,
        }
    })
}

/// The words of `#[module(word, …)]`, if the field has one.
fn words(attributes: &[Attribute]) -> Result<Vec<Ident>> {
    let mut own = attributes.iter().filter(|attribute| attribute.path().is_ident("module"));
    let words = own.next().map(|attribute| attribute.parse_args_with(Punctuated::<Ident, Token![,]>::parse_terminated));
    match own.next() {
        Some(second) => Err(Error::new_spanned(second, "a second `#[module(…)]` on this field")),
        None => Ok(words.transpose()?.into_iter().flatten().collect()),
    }
}

fn no_attribute(attributes: &[Attribute]) -> Result<()> {
    match attributes.iter().find(|attribute| attribute.path().is_ident("module")) {
        Some(attribute) => Err(Error::new_spanned(attribute, "`#[module(…)]` goes on a field")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bounds of the implementation, without blanks.
    fn bounds(input: DeriveInput) -> String {
        let code = expand(&input).unwrap().to_string().replace(' ', "");
        let (_, bounds) = code.split_once("where").unwrap();
        bounds.split_once('{').unwrap().0.to_owned()
    }

    #[track_caller]
    fn check_error(input: DeriveInput, message: &str) {
        assert_eq!(expand(&input).unwrap_err().to_string(), message);
    }

    #[test]
    fn one_bound_for_every_type() {
        let net = parse_quote!(
            struct Net<T>
            where
                T: Copy,
            {
                a: Linear<T>,
                b: Linear<T>,
                c: Vec<Linear<T>>,
                #[module(skip)]
                size: usize,
            }
        );
        assert_eq!(bounds(net), "T:Copy,Linear<T>:::nn::Module<__S>,Vec<Linear<T>>:::nn::Module<__S>");
    }

    #[test]
    fn types_of_all_variants_are_bounded() {
        let layer = parse_quote!(
            enum Layer {
                Linear(Linear<f32>),
                Norm { norm: Norm<f32>, linear: Linear<f32> },
                Relu,
            }
        );
        assert_eq!(bounds(layer), "Linear<f32>:::nn::Module<__S>,Norm<f32>:::nn::Module<__S>");
    }

    #[test]
    fn a_type_is_not_its_own_condition() {
        let layer = parse_quote!(
            enum Layer<T> {
                Linear(nn::Layer<T>),
                Chain(Vec<Layer<T>>),
                Residual(Box<Self>),
            }
        );
        assert_eq!(bounds(layer), "nn::Layer<T>:::nn::Module<__S>");
    }

    #[test]
    fn errors_say_what_is_expected() {
        let unknown = "unknown attribute `frozen`, expected `skip`, or of `matrix`, `transposed`, `weight`, `bias`, \
                       `norm_scale`, `norm_shift`, `embedding`, `slope`";
        check_error(
            parse_quote!(
                struct Net {
                    #[module(frozen)]
                    a: Linear<f32>,
                }
            ),
            unknown,
        );
        check_error(
            parse_quote!(
                enum Net {
                    A(#[module(frozen)] Linear<f32>),
                }
            ),
            unknown,
        );
        let misplaced = "`#[module(…)]` goes on a field";
        check_error(
            parse_quote!(
                #[module(skip)]
                struct Net;
            ),
            misplaced,
        );
        check_error(
            parse_quote!(
                enum Net {
                    #[module(skip)]
                    A,
                }
            ),
            misplaced,
        );
        let parentheses = "expected attribute arguments in parentheses: #[module(...)]";
        check_error(
            parse_quote!(
                struct Net {
                    #[module]
                    a: usize,
                }
            ),
            parentheses,
        );
        check_error(
            parse_quote!(
                struct Net(#[module(skip, matrix)] usize);
            ),
            "`skip` leaves the field out, so it allows no other word",
        );
        check_error(
            parse_quote!(
                struct Net(#[module(matrix, bias, weight)] Param<f32>);
            ),
            "`weight` contradicts the word before it",
        );
        let twice = "a second `#[module(…)]` on this field";
        check_error(
            parse_quote!(
                struct Net {
                    #[module(matrix)]
                    #[module(transposed)]
                    a: Linear<f32>,
                }
            ),
            twice,
        );
        let union = "`Module` is derived for structs and enums: which field of a union counts is unknown";
        check_error(parse_quote!(union Net { a: u32 }), union);
    }
}
