"""What is Rust's own: expressions, types, panics, and values as a Rust programmer sees them."""
