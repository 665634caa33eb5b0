//! Of the tape: its rules, every way to a derivative, graphs drawn at random, linear algebra, single numbers, looking at it.

mod adbench;
mod checker;
mod compiled_once;
mod debugging;
mod graphs;
mod kernels;
mod linalg;
mod modes;
mod rooms;
mod rules;
mod scalars;
mod sizes;
