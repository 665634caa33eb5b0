//! The derive macro of `nn::Module`.
