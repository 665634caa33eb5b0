//! Neural networks on a tape.
