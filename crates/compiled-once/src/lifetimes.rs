//! The lifetimes of a signature: elided ones get names, and the bounds that references imply are written out.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::visit::{self, Visit};
use syn::visit_mut::{self, VisitMut};
use syn::{GenericParam, Generics, ItemImpl, Lifetime, LifetimeParam, Type, TypeReference, WherePredicate};

/// The lifetimes of a signature, with the bounds between them.
pub struct Lifetimes {
    all: Vec<Lifetime>,
    /// (longer, shorter): the bounds that a reference `&'shorter X<'longer>` implies.
    bounds: Vec<(Lifetime, Lifetime)>,
    receiver: Option<Lifetime>,
    of_inputs: Vec<Lifetime>,
}

impl Lifetimes {
    pub fn new<'a>(generics: impl IntoIterator<Item = &'a Generics>) -> Self {
        let (mut all, mut bounds) = (Vec::new(), Vec::new());
        for generics in generics {
            let clause = generics.where_clause.iter().flat_map(|clause| &clause.predicates);
            let clause = clause.filter_map(|predicate| match predicate {
                WherePredicate::Lifetime(predicate) => Some((&predicate.lifetime, &predicate.bounds)),
                _ => None,
            });
            all.extend(generics.lifetimes().map(|parameter| parameter.lifetime.clone()));
            let declared = generics.lifetimes().map(|parameter| (&parameter.lifetime, &parameter.bounds));
            for (longer, shorter) in declared.chain(clause) {
                bounds.extend(shorter.iter().map(|shorter| (longer.clone(), shorter.clone())));
            }
        }
        Lifetimes { all, bounds, receiver: None, of_inputs: Vec::new() }
    }

    /// Names the elided lifetimes of an argument.
    pub fn name_input(&mut self, ty: &mut Type, is_receiver: bool) {
        let before = self.all.len();
        let all = &mut self.all;
        let mut name = || {
            let lifetime = lifetime(&format!("elided{}", all.len()));
            all.push(lifetime.clone());
            lifetime
        };
        Elided(&mut name).visit_type_mut(ty);
        let mut found = Found::default();
        found.visit_type(ty);
        self.bounds.extend(found.bounds);
        if let (true, Type::Reference(reference)) = (is_receiver, &*ty) {
            self.receiver = reference.lifetime.clone();
        }
        self.of_inputs.extend(self.all[before..].iter().cloned());
        self.of_inputs.extend(found.all.into_iter().filter(|l| l.ident != "static"));
    }

    /// Inserts the lifetime that an elided one of the result stands for.
    pub fn name_output(&mut self, ty: &mut Type) {
        let stands_for = self.receiver.clone().or_else(|| self.of_inputs.first().cloned());
        Elided(&mut || stands_for.clone().unwrap_or_else(|| lifetime("static"))).visit_type_mut(ty);
    }

    /// The parameters of a type that has them all: `<'a, 'b: 'a>`.
    pub fn declared(&self) -> TokenStream {
        let parameters = self.all.iter().map(|lifetime| {
            let shorter = self.bounds.iter().filter(|(longer, _)| longer == lifetime).map(|(_, shorter)| shorter);
            quote!(#lifetime: #(#shorter +)*)
        });
        quote!(<#(#parameters),*>)
    }

    /// The same as arguments: `<'a, 'b>`.
    pub fn used(&self) -> TokenStream {
        let all = &self.all;
        quote!(<#(#all),*>)
    }

    /// A type that mentions them all.
    pub fn marker(&self) -> TokenStream {
        let all = &self.all;
        quote!(::std::marker::PhantomData<(#(&#all (),)*)>)
    }
}

/// Names the elided lifetimes of the type and the trait of a block, so that `Self` keeps its meaning in its methods.
pub fn name_elided(block: &mut ItemImpl) {
    let mut names = Vec::new();
    let mut name = || {
        names.push(lifetime(&format!("of_self{}", names.len())));
        names[names.len() - 1].clone()
    };
    let mut elided = Elided(&mut name);
    elided.visit_type_mut(&mut block.self_ty);
    if let Some((_, path, _)) = &mut block.trait_ {
        elided.visit_path_mut(path);
    }
    let named = names.into_iter().map(|name| GenericParam::Lifetime(LifetimeParam::new(name)));
    block.generics.params = named.chain(std::mem::take(&mut block.generics.params)).collect();
}

fn lifetime(name: &str) -> Lifetime {
    let ident = format_ident!("{name}");
    Lifetime { apostrophe: ident.span(), ident }
}

/// Replaces each elided lifetime by a name. Those in the signature of a closure belong to the closure.
struct Elided<'a>(&'a mut dyn FnMut() -> Lifetime);

impl VisitMut for Elided<'_> {
    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        if reference.lifetime.is_none() {
            reference.lifetime = Some((self.0)());
        }
        visit_mut::visit_type_reference_mut(self, reference);
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if lifetime.ident == "_" {
            *lifetime = (self.0)();
        }
    }

    fn visit_parenthesized_generic_arguments_mut(&mut self, _: &mut syn::ParenthesizedGenericArguments) {}

    fn visit_type_bare_fn_mut(&mut self, _: &mut syn::TypeBareFn) {}
}

/// The lifetimes of a type, and the bounds that its references imply.
#[derive(Default)]
struct Found {
    all: Vec<Lifetime>,
    bounds: Vec<(Lifetime, Lifetime)>,
}

impl<'ast> Visit<'ast> for Found {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        let mut within = Found::default();
        within.visit_type(&reference.elem);
        if let Some(shorter) = &reference.lifetime {
            self.bounds.extend(within.all.iter().map(|longer| (longer.clone(), shorter.clone())));
            self.all.push(shorter.clone());
        }
        self.all.extend(within.all);
        self.bounds.extend(within.bounds);
    }

    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        self.all.push(lifetime.clone());
    }

    /// A reference to a closure implies that the types in its signature live as long.
    fn visit_parenthesized_generic_arguments(&mut self, signature: &'ast syn::ParenthesizedGenericArguments) {
        let mut within = Found::default();
        visit::visit_parenthesized_generic_arguments(&mut within, signature);
        self.all.extend(within.all.into_iter().filter(|lifetime| lifetime.ident != "_"));
    }

    fn visit_type_bare_fn(&mut self, _: &'ast syn::TypeBareFn) {}

    fn visit_trait_bound(&mut self, bound: &'ast syn::TraitBound) {
        if bound.lifetimes.is_none() {
            visit::visit_trait_bound(self, bound);
        }
    }
}
