//! sonded
fn main() {}
