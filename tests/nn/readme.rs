//! The README's first program is an example, which `cargo test` runs.

#[test]
fn the_first_program_in_the_readme_is_the_example() {
    let (_, program) = include_str!("../../examples/first.rs").split_once("\n\nuse ").unwrap();
    let readme = include_str!("../../README.md");
    assert!(readme.contains(&format!("```rust\nuse {program}```")), "put this into README.md:\nuse {program}");
}
