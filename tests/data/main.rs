//! Of data: tables, arrays, and the maps that they go through.

mod arrays;
mod fuzz;
mod maps;
mod table;
