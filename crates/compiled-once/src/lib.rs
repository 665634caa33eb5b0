//! The attribute `#[compiled_once]`. It compiles a function that is generic in a number type in the crate that defines it, once
//! for `f32` and once for `f64`. Every other crate calls these two functions.
//!
//! Rust compiles a generic function in each crate that calls it, so every program, test and example would compile the whole
//! engine again. The attribute keeps the generic signature and turns the function into a call of one of two functions that are
//! not generic:
//!
//! ```text
//! #[compiled_once]                                 pub fn sum<T: Real>(x: &[T]) -> T {
//! pub fn sum<T: Real + Sum>(x: &[T]) -> T {            fn body<T: Real + Sum>(x: &[T]) -> T { x.iter().copied().sum() }
//!     x.iter().copied().sum()                   =>     struct Once;
//! }                                                    impl CompiledOnce for Once {        // Args<T> = (&[T],), Out<T> = T
//!                                                          fn f32((x,)) -> f32 { body(x) }
//!                                                          fn f64((x,)) -> f64 { body(x) }
//!                                                      }
//!                                                      T::dispatch(Once, (x,))             // f32's calls Once::f32
//!                                                  }
//! ```
//!
//! `T::dispatch` is a method of the sealed trait of numbers. If the body needs further bounds, write them after that trait; callers
//! do not see them.

mod lifetimes;

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::visit_mut::{self, VisitMut};
use syn::{
    Attribute, Error, FnArg, GenericParam, Generics, Ident, ImplItem, ImplItemFn, Item, ItemFn, ItemImpl, Pat,
    Receiver, Result, ReturnType, Signature, Type, TypeParamBound, parse_quote,
};

use lifetimes::Lifetimes;

/// Compiles a function, or every method of an `impl` block, once for `f32` and once for `f64`.
///
/// The function, or the block, has one type parameter, which is bounded by `Real` or `Float`. In a block, methods with
/// their own type parameters and methods marked `#[inline]` stay generic.
///
/// # Errors
/// A function with other type parameters, with `impl Trait` arguments, or without such a bound does not compile.
#[proc_macro_attribute]
pub fn compiled_once(_: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let item = syn::parse_macro_input!(item as Item);
    let generic = generic_in_unit_tests(&item).then(|| quote!(#[cfg(test)] #item #[cfg(not(test))]));
    let expanded = match item {
        Item::Fn(function) => of_function(function),
        Item::Impl(block) => of_block(block),
        other => Err(Error::new_spanned(other, "`compiled_once` is for functions and `impl` blocks")),
    };
    let expanded = expanded.unwrap_or_else(Error::into_compile_error);
    quote!(#generic #expanded).into()
}

/// Whether the item can stay as written when a crate is built for its unit tests, so that they compile only what they call.
/// It cannot if its body needs more bounds than its callers have.
fn generic_in_unit_tests(item: &Item) -> bool {
    let (Item::Fn(ItemFn { sig: Signature { generics, .. }, .. }) | Item::Impl(ItemImpl { generics, .. })) = item
    else {
        return false;
    };
    generics.type_params().all(|number| number.bounds.len() == 1)
}

fn of_function(mut function: ItemFn) -> Result<TokenStream> {
    let number = Number::of(&function.sig.generics, &function.sig)?;
    let mut inner = function.clone();
    inner.attrs.retain(is_track_caller);
    inner.vis = syn::Visibility::Inherited;
    inner.sig.ident = format_ident!("body");
    let call = |concrete: &str| {
        let concrete = format_ident!("{concrete}");
        quote!(body::<#concrete>)
    };
    let once = number.once(&Generics::default(), &function.sig, None, &call);
    number.simplify(&mut function.sig.generics);
    let ItemFn { attrs, vis, mut sig, .. } = function;
    name_arguments(&mut sig);
    Ok(quote! {
        #(#attrs)* #vis #sig {
            #inner
            #once
        }
    })
}

fn of_block(mut block: ItemImpl) -> Result<TokenStream> {
    let number = Number::of(&block.generics, &block.self_ty)?;
    lifetimes::name_elided(&mut block);
    let (generics, this) = (block.generics.clone(), (*block.self_ty).clone());
    for item in &mut block.items {
        let ImplItem::Fn(method) = item else { continue };
        let own = method.sig.generics.params.iter().any(|p| !matches!(p, GenericParam::Lifetime(_)));
        let takes_impl = method.sig.inputs.iter().any(|a| a.to_token_stream().to_string().contains("impl "));
        if !own && !takes_impl && !method.attrs.iter().any(|a| a.path().is_ident("inline")) {
            of_method(&number, &generics, &this, method);
        }
    }
    number.simplify(&mut block.generics);
    Ok(block.into_token_stream())
}

/// Inside the method, a helper trait holds the body, so that `self` and `Self` keep their meaning.
fn of_method(number: &Number, generics: &Generics, this: &Type, method: &mut ImplItemFn) {
    let ImplItemFn { attrs, sig, block, .. } = method.clone();
    let track_caller: Vec<_> = attrs.into_iter().filter(is_track_caller).collect();
    name_arguments(&mut method.sig);
    let (declared, name) = (&method.sig, &sig.ident);
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let call = |concrete: &str| {
        let (this, arguments) = (number.replaced(this, concrete), number.replaced(&type_generics, concrete));
        quote!(<#this as Body #arguments>::#name)
    };
    let once = number.once(generics, &sig, Some(this), &call);
    method.block = parse_quote!({
        trait Body #impl_generics: Sized #where_clause {
            #(#track_caller)* #declared;
        }
        impl #impl_generics Body #type_generics for #this #where_clause {
            #(#track_caller)* #sig #block
        }
        #once
    });
}

/// The type parameter that is a number, and the trait that dispatches on it.
struct Number {
    ident: Ident,
    bound: Ident,
}

impl Number {
    fn of(generics: &Generics, at: &impl ToTokens) -> Result<Self> {
        let mut types = generics.type_params();
        let (Some(number), None, None) = (types.next(), types.next(), generics.const_params().next()) else {
            return Err(Error::new_spanned(at, "`compiled_once` needs one type parameter, a number"));
        };
        let named = |bound: &TypeParamBound| match bound {
            TypeParamBound::Trait(bound) => bound.path.segments.last().map(|s| s.ident.clone()),
            _ => None,
        };
        let bound = number.bounds.iter().filter_map(named).find(|name| name == "Real" || name == "Float");
        match bound {
            Some(bound) => Ok(Number { ident: number.ident.clone(), bound }),
            None => Err(Error::new_spanned(number, "`compiled_once` needs a number that is `Real` or `Float`")),
        }
    }

    /// The bounds that a caller sees: only the one that dispatches.
    fn simplify(&self, generics: &mut Generics) {
        for parameter in generics.type_params_mut() {
            let is_number = |b: &TypeParamBound| match b {
                TypeParamBound::Trait(b) => b.path.segments.last().is_some_and(|s| s.ident == self.bound),
                _ => false,
            };
            parameter.bounds = parameter.bounds.iter().filter(|b| is_number(b)).cloned().collect();
        }
    }

    /// The same tokens, with this number type.
    fn replaced(&self, tokens: &impl ToTokens, concrete: &str) -> TokenStream {
        let replace = |tree| match tree {
            TokenTree::Ident(ident) if ident == self.ident => TokenTree::Ident(Ident::new(concrete, ident.span())),
            TokenTree::Group(group) => {
                TokenTree::Group(Group::new(group.delimiter(), self.replaced(&group.stream(), concrete)))
            }
            other => other,
        };
        tokens.to_token_stream().into_iter().map(replace).collect()
    }

    /// The two functions that are not generic, and the call of one of them.
    fn once(
        &self,
        outer: &Generics,
        sig: &Signature,
        this: Option<&Type>,
        call: &dyn Fn(&str) -> TokenStream,
    ) -> TokenStream {
        let Number { ident, bound } = self;
        let home = home();
        let mut lifetimes = Lifetimes::new([outer, &sig.generics]);
        let mut types = Vec::new();
        for argument in &sig.inputs {
            let mut ty = match (argument, this) {
                (FnArg::Receiver(receiver), Some(this)) => receiver_type(receiver, this),
                (FnArg::Typed(argument), _) => (*argument.ty).clone(),
                (FnArg::Receiver(receiver), None) => (*receiver.ty).clone(),
            };
            SelfType(this).visit_type_mut(&mut ty);
            lifetimes.name_input(&mut ty, matches!(argument, FnArg::Receiver(_)));
            types.push(ty);
        }
        let mut out: Type = match &sig.output {
            ReturnType::Default => parse_quote!(()),
            ReturnType::Type(_, ty) => (**ty).clone(),
        };
        SelfType(this).visit_type_mut(&mut out);
        lifetimes.name_output(&mut out);
        let (declared, used, marker) = (lifetimes.declared(), lifetimes.used(), lifetimes.marker());
        let given = argument_names(sig);
        let names: Vec<_> = (0..given.len()).map(|k| format_ident!("a{k}")).collect();
        let (f32, f64) = (call("f32"), call("f64"));
        quote! {
            struct Once #declared(#marker);
            impl #declared #home::dispatch::#bound for Once #used {
                type Args<#ident: #home::#bound> = (#(#types,)*);
                type Out<#ident: #home::#bound> = #out;
                #[inline(never)]
                #[track_caller]
                fn f32((#(#names,)*): Self::Args<f32>) -> Self::Out<f32> {
                    #f32(#(#names),*)
                }
                #[inline(never)]
                #[track_caller]
                fn f64((#(#names,)*): Self::Args<f64>) -> Self::Out<f64> {
                    #f64(#(#names),*)
                }
            }
            <#ident as #home::#bound>::dispatch(Once(::std::marker::PhantomData), (#(#given,)*))
        }
    }
}

fn receiver_type(receiver: &Receiver, this: &Type) -> Type {
    match &receiver.reference {
        None => this.clone(),
        Some((_, lifetime)) => {
            let mutability = &receiver.mutability;
            parse_quote!(& #lifetime #mutability #this)
        }
    }
}

/// Replaces `Self` by the type of the block.
struct SelfType<'a>(Option<&'a Type>);

impl VisitMut for SelfType<'_> {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        match (&*ty, self.0) {
            (Type::Path(path), Some(this)) if path.path.is_ident("Self") => *ty = this.clone(),
            _ => visit_mut::visit_type_mut(self, ty),
        }
    }
}

/// The names of the arguments. An argument that is a pattern gets a numbered name.
fn name_arguments(sig: &mut Signature) {
    for (k, argument) in sig.inputs.iter_mut().enumerate() {
        match argument {
            FnArg::Receiver(receiver) if receiver.reference.is_none() => receiver.mutability = None,
            FnArg::Receiver(_) => {}
            FnArg::Typed(argument) => {
                let name = match &*argument.pat {
                    Pat::Ident(pat) => pat.ident.clone(),
                    _ => format_ident!("argument{k}"),
                };
                *argument.pat = parse_quote!(#name);
            }
        }
    }
}

fn argument_names(sig: &Signature) -> Vec<TokenStream> {
    let mut sig = sig.clone();
    name_arguments(&mut sig);
    let name = |argument: &FnArg| match argument {
        FnArg::Receiver(_) => quote!(self),
        FnArg::Typed(argument) => argument.pat.to_token_stream(),
    };
    sig.inputs.iter().map(name).collect()
}

/// The crate that has the number traits: the crates below `autograd` use another name for it.
fn home() -> TokenStream {
    match std::env::var("CARGO_PKG_NAME").as_deref() {
        Ok("tape-kernel" | "tape-linalg") => quote!(::kernel),
        _ => quote!(::autograd),
    }
}

fn is_track_caller(attribute: &Attribute) -> bool {
    attribute.path().is_ident("track_caller")
}
