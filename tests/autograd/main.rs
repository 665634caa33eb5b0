//! Tests of the tape: its rules, every way to a derivative, random graphs, linear algebra, scalars, inspection.

mod adbench;
mod checker;
mod compiled_once;
mod debugging;
mod graphs;
mod kernels;
mod linalg;
mod minimize;
mod modes;
mod operators;
mod rooms;
mod rules;
mod scalars;
mod sizes;
mod steps;
