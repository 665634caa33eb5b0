//! Tests of data: tables, arrays, and feature maps.

mod arrays;
mod columns;
mod fuzz;
mod maps;
mod table;
